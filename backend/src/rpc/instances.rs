//! `instances.*`.

use api::{
    error::ApiError,
    id::InstanceId,
    instance::{Egress, Instance, InstanceRemoved, InstanceState},
    page::Page,
    rpc::instances::InstancesApiServer,
};
use jsonrpsee::{Extensions, core::async_trait};

use crate::{app::App, caller::Caller};

pub(super) struct Instances(pub(super) App);

#[async_trait]
impl InstancesApiServer for Instances {
    async fn get(&self, who: &Extensions, id: InstanceId) -> Result<Instance, ApiError> {
        Ok(self.0.instance_get(Caller::known(who)?, id).await?)
    }

    async fn list(
        &self,
        who: &Extensions,
        state: Option<InstanceState>,
        cursor: Option<String>,
        limit: Option<u32>,
    ) -> Result<Page<Instance>, ApiError> {
        Ok(self.0.instance_list(Caller::known(who)?, state, cursor.as_deref(), limit).await?)
    }

    async fn allow(
        &self,
        who: &Extensions,
        id: InstanceId,
        host: String,
        port: Option<u16>,
    ) -> Result<Egress, ApiError> {
        Ok(self.0.instance_allow(Caller::known(who)?, id, host, port).await?)
    }

    async fn remove(&self, who: &Extensions, id: InstanceId) -> Result<InstanceRemoved, ApiError> {
        Ok(self.0.instance_remove(Caller::known(who)?, id).await?)
    }
}
