//! The audit log as callers read it.

use api::{audit::AuditEntry, error::ApiError, page::Page};

use super::{App, Error, before, page_size, verbs::Verb};
use crate::{caller::Caller, store::AuditFilter};

/// The longest text to look for, in bytes.
const MAX_TEXT: usize = 200;

impl App {
    /// What was done or tried, newest first.
    ///
    /// # Errors
    /// `Forbidden`, or `Invalid` for a filter, cursor or limit that cannot be.
    pub async fn audit_list(
        &self,
        caller: &Caller,
        filter: &AuditFilter,
        cursor: Option<&str>,
        limit: Option<u32>,
    ) -> Result<Page<AuditEntry>, Error> {
        Verb::AuditList.check(caller)?;
        for (field, text) in [("action", &filter.action), ("actor", &filter.actor)] {
            if text.as_ref().is_some_and(|text| MAX_TEXT < text.len() || text.contains('\0')) {
                return Err(ApiError::invalid(
                    field,
                    format!("must be at most {MAX_TEXT} bytes, without a NUL"),
                )
                .into());
            }
        }
        Ok(self.store.audit_list(filter, before(cursor)?, page_size(limit)?).await?)
    }
}
