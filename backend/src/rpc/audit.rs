//! `audit.*`.

use api::{audit::AuditEntry, error::ApiError, page::Page, rpc::audit::AuditApiServer};
use jsonrpsee::core::async_trait;

use crate::{app::App, store::AuditFilter};

pub(super) struct Audit(pub(super) App);

#[async_trait]
impl AuditApiServer for Audit {
    async fn list(
        &self,
        action: Option<String>,
        actor: Option<String>,
        cursor: Option<String>,
        limit: Option<u32>,
    ) -> Result<Page<AuditEntry>, ApiError> {
        let filter = AuditFilter { action, actor };
        Ok(self.0.audit_list(&filter, cursor.as_deref(), limit).await?)
    }
}
