//! `secrets.*`.

use api::{
    error::ApiError,
    rpc::secrets::SecretsApiServer,
    secret::{SecretDeleted, SecretInfo, SecretsRotated},
};
use jsonrpsee::core::async_trait;

use crate::{app::App, secret::Secret};

pub(super) struct Secrets(pub(super) App);

#[async_trait]
impl SecretsApiServer for Secrets {
    async fn set(&self, name: String, value: String) -> Result<SecretInfo, ApiError> {
        let value = Secret::new(value);
        Ok(self.0.secret_set(&name, value).await?)
    }

    async fn list(&self) -> Result<Vec<SecretInfo>, ApiError> {
        Ok(self.0.secret_list().await?)
    }

    async fn delete(&self, name: String) -> Result<SecretDeleted, ApiError> {
        Ok(self.0.secret_delete(&name).await?)
    }

    async fn rotate(&self) -> Result<SecretsRotated, ApiError> {
        self.0.whole(|app| async move { app.secret_rotate().await }).await
    }
}
