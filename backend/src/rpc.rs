//! RPC: the namespaces merged. Handlers translate and call `app`, nothing else.

mod audit;
mod batches;
mod instances;
mod pump;
mod runs;
mod secrets;
mod system;
mod tasks;

use api::error::ApiError;
use api::rpc::{
    audit::AuditApiServer, batches::BatchesApiServer, instances::InstancesApiServer, runs::RunsApiServer,
    secrets::SecretsApiServer, system::SystemApiServer, tasks::TasksApiServer,
};
use jsonrpsee::{PendingSubscriptionSink, RpcModule, core::SubscriptionResult, server::RegisterMethodError};

use crate::app::App;

/// Refuses a subscription. Once it is accepted a refusal could only be a frame.
async fn reject(pending: PendingSubscriptionSink, error: ApiError) -> SubscriptionResult {
    pending.reject(error).await;
    Ok(())
}

/// Every method there is.
///
/// # Errors
/// When two methods have the same name.
pub(crate) fn methods(app: &App) -> Result<RpcModule<()>, RegisterMethodError> {
    let mut module = RpcModule::new(());
    module.merge(system::System(app.clone()).into_rpc())?;
    module.merge(instances::Instances(app.clone()).into_rpc())?;
    module.merge(tasks::Tasks(app.clone()).into_rpc())?;
    module.merge(runs::Runs(app.clone()).into_rpc())?;
    module.merge(batches::Batches(app.clone()).into_rpc())?;
    module.merge(secrets::Secrets(app.clone()).into_rpc())?;
    module.merge(audit::Audit(app.clone()).into_rpc())?;
    Ok(module)
}
