//! `runs.*`: work being done.

use crate::{
    event::Event,
    id::{RunId, TaskId},
    page::Page,
    run::{Outcome, Overrides, Run, RunState},
    stream::Frame,
};

namespace! {
    #[cfg_attr(feature = "server", jsonrpsee::proc_macros::rpc(server, client, namespace = "runs", namespace_separator = "."))]
    #[cfg_attr(not(feature = "server"), jsonrpsee::proc_macros::rpc(client, namespace = "runs", namespace_separator = "."))]
    /// Work being done.
    RunsApi = "runs"
    methods {
        /// Queues a run of a task against a repository. The same `idempotencyKey` gives the same run.
        "create" fn create(
            &self,
            task_id as "taskId": TaskId,
            repository as "repository": String,
            r#ref as "ref": Option<String>,
            idempotency_key as "idempotencyKey": Option<String>,
            overrides as "overrides": Option<Overrides>,
        ) -> Run;
        /// One run.
        "byId" fn by_id(&self, id as "id": RunId) -> Run;
        /// All runs, newest first.
        "list" fn list(
            &self,
            task_id as "taskId": Option<TaskId>,
            batch_id as "batchId": Option<uuid::Uuid>,
            state as "state": Option<RunState>,
            outcome as "outcome": Option<Outcome>,
            repository as "repository": Option<String>,
            cursor as "cursor": Option<String>,
            limit as "limit": Option<u32>,
        ) -> Page<Run>;
        /// The run's events after number `after`, oldest first.
        "messages" fn messages(
            &self,
            id as "id": RunId,
            after as "after": Option<i64>,
            limit as "limit": Option<u32>,
        ) -> Page<Event>;
        /// Stops a run; what it has done is saved first. Idempotent.
        "cancel" fn cancel(&self, id as "id": RunId) -> Run;
        /// Queues the same again: a new run with `retryOf`.
        "retry" fn retry(&self, id as "id": RunId) -> Run;
    }
    subscriptions {
        /// The run's events after number `after`, then live until its end.
        "onMessage" / "offMessage" fn on_message(&self, id as "id": RunId, after as "after": Option<i64>) -> Frame;
        /// A run, whenever one changes.
        "onChange" / "offChange" fn on_change(
            &self,
            task_id as "taskId": Option<TaskId>,
            batch_id as "batchId": Option<uuid::Uuid>,
        ) -> Run;
    }
}
