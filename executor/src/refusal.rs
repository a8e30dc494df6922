//! `Refusal`: what every refused or failed call answers.

use api::executor::{Failure, GitFailure};
use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};

/// Why a call was refused or failed; the text is for the caller.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// The request makes no sense; names the field.
    #[error("{0}")]
    Invalid(String),
    /// No token or not the right one.
    #[error("this needs the container's bearer token")]
    Unauthorized,
    /// There is no such execution.
    #[error("no execution with id {0}")]
    NoExecution(String),
    /// Nothing is kept under this name.
    #[error("nothing is kept under the name {0:?}")]
    NotKept(String),
    /// Not now.
    #[error("{0}")]
    Conflict(String),
    /// It was acknowledged and forgotten.
    #[error("lines up to {0} were acknowledged and are no longer kept")]
    Gone(u64),
    /// Git failed.
    #[error("{}", .0.message)]
    Git(GitFailure),
    /// What is needed for it is not there.
    #[error("{0}")]
    Unavailable(String),
    /// The system refused something the executor needs.
    #[error("{doing}: {source}")]
    System {
        /// What was being done.
        doing: &'static str,
        /// What the system says.
        source: std::io::Error,
    },
}

impl Refusal {
    /// For `map_err` on what the system refuses.
    pub(crate) fn system(doing: &'static str) -> impl Fn(std::io::Error) -> Self {
        move |source| Self::System { doing, source }
    }

    const fn status(&self) -> StatusCode {
        match self {
            Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::NoExecution(_) | Self::NotKept(_) => StatusCode::NOT_FOUND,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::Gone(_) => StatusCode::GONE,
            Self::Git(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::System { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl From<GitFailure> for Refusal {
    fn from(failure: GitFailure) -> Self {
        Self::Git(failure)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        if let Self::System { doing, source } = &self {
            tracing::error!(%source, "failed while {doing}");
        }
        let (status, error) = (self.status(), self.to_string());
        let git = match self {
            Self::Git(failure) => Some(failure),
            _ => None,
        };
        (status, Json(Failure { error, git })).into_response()
    }
}
