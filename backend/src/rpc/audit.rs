//! `audit.*`.

use api::{audit::AuditEntry, error::ApiError, page::Page, rpc::audit::AuditApiServer};
use jsonrpsee::{Extensions, core::async_trait};

use crate::{app::App, caller::Caller, store::AuditFilter};

pub(super) struct Audit(pub(super) App);

#[async_trait]
impl AuditApiServer for Audit {
    async fn list(
        &self,
        who: &Extensions,
        action: Option<String>,
        actor: Option<String>,
        cursor: Option<String>,
        limit: Option<u32>,
    ) -> Result<Page<AuditEntry>, ApiError> {
        let filter = AuditFilter { action, actor };
        Ok(self.0.audit_list(Caller::known(who)?, &filter, cursor.as_deref(), limit).await?)
    }
}
