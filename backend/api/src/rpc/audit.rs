//! `audit.*`: who did what.

use crate::{audit::AuditEntry, page::Page};

namespace! {
    #[cfg_attr(feature = "server", jsonrpsee::proc_macros::rpc(server, client, namespace = "audit", namespace_separator = "."))]
    #[cfg_attr(not(feature = "server"), jsonrpsee::proc_macros::rpc(client, namespace = "audit", namespace_separator = "."))]
    /// Who did what.
    AuditApi = "audit"
    methods {
        /// What was done or tried, newest first. `action` is a method or the beginning of one (`runs.`).
        "list" fn list(
            &self,
            action as "action": Option<String>,
            actor as "actor": Option<String>,
            cursor as "cursor": Option<String>,
            limit as "limit": Option<u32>,
        ) -> Page<AuditEntry>;
    }
    subscriptions {}
}
