//! The audit log: who did what.

use serde::{Deserialize, Serialize};

use crate::{Timestamp, id::AuditId};

/// Something that was done, or tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// Its id; ids grow with time.
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// Who: the name of the token that was shown, or `nobody` for a caller who showed none that is valid.
    pub actor: String,
    /// From which address, as far as it is known.
    pub origin: Option<String>,
    /// What: a method (`runs.create`), `login` or `logout`.
    pub action: String,
    /// With which object: its id or name.
    pub target: Option<String>,
    /// Whether it was done; otherwise `error` says why not.
    pub ok: bool,
    /// The error's sentence.
    pub error: Option<String>,
}
