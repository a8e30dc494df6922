//! Secrets: values that runs are given by name. They are written once and never read back.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// What is known of a secret: everything but its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SecretInfo {
    /// What tasks call it: letters, digits, `_`, `-` and `.`; at most 100 characters.
    pub name: String,
    /// When it was set first.
    pub created_at: Timestamp,
    /// When its value was replaced last.
    pub updated_at: Timestamp,
}

/// The answer of `secrets.delete`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub struct SecretDeleted {
    /// The name.
    pub name: String,
    /// Whether there was one.
    pub deleted: bool,
}

/// The answer of `secrets.rotate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub struct SecretsRotated {
    /// How many were encrypted again with the newest key; the others were already.
    pub rotated: u64,
    /// How many there are.
    pub total: u64,
}
