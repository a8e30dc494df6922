//! `secrets.*`.

use api::{
    error::ApiError,
    rpc::secrets::SecretsApiServer,
    secret::{SecretDeleted, SecretInfo, SecretsRotated},
};
use jsonrpsee::{Extensions, core::async_trait};

use crate::{app::App, caller::Caller, secret::Secret};

pub(super) struct Secrets(pub(super) App);

#[async_trait]
impl SecretsApiServer for Secrets {
    async fn set(&self, who: &Extensions, name: String, value: String) -> Result<SecretInfo, ApiError> {
        let value = Secret::new(value);
        Ok(self.0.secret_set(Caller::known(who)?, name, value).await?)
    }

    async fn list(&self, who: &Extensions) -> Result<Vec<SecretInfo>, ApiError> {
        Ok(self.0.secret_list(Caller::known(who)?).await?)
    }

    async fn delete(&self, who: &Extensions, name: String) -> Result<SecretDeleted, ApiError> {
        Ok(self.0.secret_delete(Caller::known(who)?, name).await?)
    }

    async fn rotate(&self, who: &Extensions) -> Result<SecretsRotated, ApiError> {
        Ok(self.0.secret_rotate(Caller::known(who)?).await?)
    }
}
