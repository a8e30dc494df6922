//! `instances.*`.

use api::{
    error::ApiError,
    id::InstanceId,
    instance::{Egress, Instance, InstanceRemoved, InstanceState},
    page::Page,
    rpc::instances::InstancesApiServer,
};
use jsonrpsee::core::async_trait;

use crate::app::App;

pub(super) struct Instances(pub(super) App);

#[async_trait]
impl InstancesApiServer for Instances {
    async fn get(&self, id: InstanceId) -> Result<Instance, ApiError> {
        Ok(self.0.instance_get(id).await?)
    }

    async fn list(
        &self,
        state: Option<InstanceState>,
        cursor: Option<String>,
        limit: Option<u32>,
    ) -> Result<Page<Instance>, ApiError> {
        Ok(self.0.instance_list(state, cursor.as_deref(), limit).await?)
    }

    async fn allow(&self, id: InstanceId, host: String, port: Option<u16>) -> Result<Egress, ApiError> {
        Ok(self.0.instance_allow(id, &host, port).await?)
    }

    async fn remove(&self, id: InstanceId) -> Result<InstanceRemoved, ApiError> {
        self.0.whole(move |app| async move { app.instance_remove(id).await }).await
    }
}
