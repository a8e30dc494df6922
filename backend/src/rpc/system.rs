//! `system.*`.

use api::{
    error::ApiError,
    rpc::system::SystemApiServer,
    system::{API_VERSION, Status, Version},
};
use jsonrpsee::core::async_trait;

use crate::app::App;

pub(super) struct System(pub(super) App);

#[async_trait]
impl SystemApiServer for System {
    async fn version(&self) -> Result<Version, ApiError> {
        Ok(Version {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            api: API_VERSION,
            commit: crate::commit().to_owned(),
        })
    }

    async fn status(&self) -> Result<Status, ApiError> {
        Ok(self.0.status().await?)
    }
}
