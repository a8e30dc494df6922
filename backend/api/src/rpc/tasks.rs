//! `tasks.*`: what to do.

use std::collections::BTreeMap;

use crate::{
    id::TaskId,
    page::Page,
    task::{Agent, EnvValue, PermissionProfile, RepositorySettings, Step, Task},
};

namespace! {
    #[cfg_attr(feature = "server", jsonrpsee::proc_macros::rpc(server, client, namespace = "tasks", namespace_separator = "."))]
    #[cfg_attr(not(feature = "server"), jsonrpsee::proc_macros::rpc(client, namespace = "tasks", namespace_separator = "."))]
    /// What to do.
    TasksApi = "tasks"
    methods {
        /// Stores a task. What is left out takes the default.
        "create" fn create(
            &self,
            name as "name": String,
            steps as "steps": Vec<Step>,
            description as "description": Option<String>,
            agent as "agent": Option<Agent>,
            model as "model": Option<String>,
            permission_profile as "permissionProfile": Option<PermissionProfile>,
            budget_usd as "budgetUsd": Option<f64>,
            timeout_seconds as "timeoutSeconds": Option<u64>,
            step_timeout_seconds as "stepTimeoutSeconds": Option<u64>,
            egress as "egress": Option<Vec<String>>,
            env as "env": Option<BTreeMap<String, EnvValue>>,
            output_schema as "outputSchema": Option<serde_json::Value>,
            max_turns as "maxTurns": Option<u32>,
            image as "image": Option<String>,
            models as "models": Option<Vec<String>>,
            repository_settings as "repositorySettings": Option<RepositorySettings>,
            submodules as "submodules": Option<Vec<String>>,
        ) -> Task;
        /// Changes a task. What is left out stays; a stale `version` is a conflict.
        "update" fn update(
            &self,
            id as "id": TaskId,
            version as "version": i64,
            name as "name": Option<String>,
            steps as "steps": Option<Vec<Step>>,
            description as "description": Option<String>,
            agent as "agent": Option<Agent>,
            model as "model": Option<String>,
            permission_profile as "permissionProfile": Option<PermissionProfile>,
            budget_usd as "budgetUsd": Option<f64>,
            timeout_seconds as "timeoutSeconds": Option<u64>,
            step_timeout_seconds as "stepTimeoutSeconds": Option<u64>,
            egress as "egress": Option<Vec<String>>,
            env as "env": Option<BTreeMap<String, EnvValue>>,
            output_schema as "outputSchema": Option<serde_json::Value>,
            max_turns as "maxTurns": Option<u32>,
            image as "image": Option<String>,
            models as "models": Option<Vec<String>>,
            repository_settings as "repositorySettings": Option<RepositorySettings>,
            submodules as "submodules": Option<Vec<String>>,
        ) -> Task;
        /// Puts a host into a task's `egress`, for its runs to come; one that is there already changes nothing.
        /// `host` is written as in `egress`; `port` may stand beside it.
        "allow" fn allow(
            &self,
            id as "id": TaskId,
            host as "host": String,
            port as "port": Option<u16>,
        ) -> Task;
        /// One task.
        "byId" fn by_id(&self, id as "id": TaskId) -> Task;
        /// All tasks that are not archived, newest first; `query` is a part of the name.
        "list" fn list(
            &self,
            query as "query": Option<String>,
            cursor as "cursor": Option<String>,
            limit as "limit": Option<u32>,
        ) -> Page<Task>;
        /// Deletes a task; one that has runs is archived instead. Answers what was deleted.
        "delete" fn delete(&self, id as "id": TaskId) -> Task;
    }
    subscriptions {}
}
