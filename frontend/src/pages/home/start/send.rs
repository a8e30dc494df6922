//! Asking for the run or the batch, and where to look at it then.

use api::{
    id::TaskId,
    rpc::{batches::BatchesApiClient, runs::RunsApiClient},
};
use leptos::prelude::Update;

use crate::{
    link::Link,
    live::Live,
    state::{failure::Failure, start::Wanted},
};

/// Asks for it; answers the address of its page.
///
/// # Errors
/// What to tell the reader, and at which field.
pub(super) async fn send(
    link: Link,
    live: Live,
    task: TaskId,
    from: Option<String>,
    wanted: Wanted,
) -> Result<String, Failure> {
    match wanted {
        Wanted::Run { repository, overrides } => {
            let run = link.call(|client| async move {
                RunsApiClient::create(&*client, task, repository, from, None, overrides).await
            });
            let run = run.await?;
            let address = format!("/runs/{}", run.id);
            live.runs.update(|runs| runs.fold(run));
            Ok(address)
        }
        Wanted::Batch { repositories, concurrency, stop_after, budget, overrides } => {
            let batch = link.call(|client| async move {
                BatchesApiClient::create(
                    &*client,
                    task,
                    repositories,
                    from,
                    concurrency,
                    stop_after,
                    budget,
                    None,
                    overrides,
                )
                .await
            });
            Ok(format!("/batches/{}", batch.await?.id))
        }
    }
}
