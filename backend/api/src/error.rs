//! `ApiError`: what every refused or failed call answers, and its frozen code table.

use serde::{Deserialize, Serialize};

/// Why a call was refused or failed; travels in `data` of the JSON-RPC error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum ApiError {
    /// A parameter is missing, unknown, of the wrong type or out of bounds.
    #[error("{field}: {why}")]
    Invalid {
        /// The parameter, as a path: `steps[0].instructions`.
        field: String,
        /// What is wrong with it and what would be right.
        why: String,
    },
    /// A fault of the server; the details are in its log under the reference.
    #[error("internal error; the server's log has the details under reference {reference}")]
    Internal {
        /// What to search for in the log.
        reference: String,
    },
    /// No token, or not a valid one.
    #[error("not signed in: {why}")]
    Unauthenticated {
        /// What was wrong and how to sign in.
        why: String,
    },
    /// Something the server needs is away; try again.
    #[error("{what} is unavailable: {why}")]
    Unavailable {
        /// What is away: `engine`, `database`.
        what: String,
        /// What happened and what to do.
        why: String,
        /// When to try again, in milliseconds.
        retry_after_ms: u64,
    },
    /// There is no such thing.
    #[error("no {what} with id {id}")]
    NotFound {
        /// The kind of thing: `run`, `task`, `instance`.
        what: String,
        /// The id that was asked for.
        id: String,
    },
    /// The caller may not do this.
    #[error("forbidden: {why}")]
    Forbidden {
        /// Why not, and what would be allowed.
        why: String,
    },
    /// A limit of the server is reached.
    #[error("limit reached: {limit} is {value}")]
    Limit {
        /// The name of the limit, as in the settings.
        limit: String,
        /// Its value.
        value: u64,
    },
    /// The thing is not in a state that allows this, or has changed since it was read.
    #[error("{why}")]
    Conflict {
        /// What stands in the way.
        why: String,
    },
}

impl ApiError {
    /// The JSON-RPC code. Part of the public contract: append, never renumber.
    #[must_use]
    pub const fn code(&self) -> i32 {
        match self {
            Self::Invalid { .. } => -32602,
            Self::Internal { .. } => -32603,
            Self::Unauthenticated { .. } => -32001,
            Self::Unavailable { .. } => -32003,
            Self::NotFound { .. } => -32004,
            Self::Forbidden { .. } => -32006,
            Self::Limit { .. } => -32008,
            Self::Conflict { .. } => -32009,
        }
    }

    /// An `Invalid` for this field.
    pub fn invalid(field: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Invalid { field: field.into(), why: why.into() }
    }
}

#[cfg(feature = "client")]
impl From<ApiError> for jsonrpsee::types::ErrorObjectOwned {
    fn from(error: ApiError) -> Self {
        Self::owned(error.code(), error.to_string(), Some(&error))
    }
}

#[cfg(feature = "client")]
impl ApiError {
    /// The `ApiError` inside a client's error, if the server sent one.
    #[must_use]
    pub fn of(error: &jsonrpsee::core::client::Error) -> Option<Self> {
        let jsonrpsee::core::client::Error::Call(object) = error else { return None };
        serde_json::from_str(object.data()?.get()).ok()
    }
}
