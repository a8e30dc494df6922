//! `runs.*`: work being done.

use crate::{
    event::Event,
    id::{BatchId, RunId, TaskId},
    page::Page,
    run::{Outcome, Overrides, Run, RunDiff, RunState},
    stream::Frame,
};

namespace! {
    #[cfg_attr(feature = "server", jsonrpsee::proc_macros::rpc(server, client, namespace = "runs", namespace_separator = "."))]
    #[cfg_attr(not(feature = "server"), jsonrpsee::proc_macros::rpc(client, namespace = "runs", namespace_separator = "."))]
    /// Work being done.
    RunsApi = "runs"
    methods {
        /// Queues a run of a task against a repository. The same `idempotencyKey` of the same
        /// caller gives the same run; for another request it is a conflict.
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
            batch_id as "batchId": Option<BatchId>,
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
        /// Says something to the agent: at once while it works, else when it works next.
        "send" fn send(&self, id as "id": RunId, text as "text": String) -> Run;
        /// Answers what the run waits for. Approval: `allow`, or why not. Budget: the new limit in US dollars,
        /// or `stop`. A gate is answered once.
        "answer" fn answer(
            &self,
            id as "id": RunId,
            gate_id as "gateId": uuid::Uuid,
            answer as "answer": String,
        ) -> Run;
        /// The files changed against the base commit, live while the run works.
        "diff" fn diff(&self, id as "id": RunId) -> RunDiff;
    }
    subscriptions {
        /// The run's events after number `after`, then live until its end.
        "onMessage" / "offMessage" fn on_message(&self, id as "id": RunId, after as "after": Option<i64>) -> Frame;
        /// A run, whenever one changes.
        "onChange" / "offChange" fn on_change(
            &self,
            task_id as "taskId": Option<TaskId>,
            batch_id as "batchId": Option<BatchId>,
        ) -> Run;
    }
}
