//! `system.*`.

use api::{
    error::ApiError,
    rpc::system::SystemApiServer,
    system::{Status, Version},
};
use jsonrpsee::{Extensions, core::async_trait};

use crate::{app::App, caller::Caller};

pub(super) struct System(pub(super) App);

#[async_trait]
impl SystemApiServer for System {
    async fn version(&self, who: &Extensions) -> Result<Version, ApiError> {
        Ok(self.0.version(Caller::known(who)?)?)
    }

    async fn status(&self, who: &Extensions) -> Result<Status, ApiError> {
        Ok(self.0.status(Caller::known(who)?).await?)
    }
}
