//! `tasks.*`.

use std::collections::BTreeMap;

use api::{
    error::ApiError,
    id::TaskId,
    page::Page,
    rpc::tasks::TasksApiServer,
    task::{Agent, EnvValue, PermissionProfile, RepositorySettings, Step, Task, TaskSpec},
};
use jsonrpsee::{Extensions, core::async_trait};

use crate::{app::App, caller::Caller};

pub(super) struct Tasks(pub(super) App);

/// Everything of a task that a caller may leave out.
struct Fields {
    name: Option<String>,
    steps: Option<Vec<Step>>,
    description: Option<String>,
    agent: Option<Agent>,
    model: Option<String>,
    permission_profile: Option<PermissionProfile>,
    budget_usd: Option<f64>,
    timeout_seconds: Option<u64>,
    step_timeout_seconds: Option<u64>,
    egress: Option<Vec<String>>,
    env: Option<BTreeMap<String, EnvValue>>,
    output_schema: Option<serde_json::Value>,
    max_turns: Option<u32>,
    image: Option<String>,
    models: Option<Vec<String>>,
    repository_settings: Option<RepositorySettings>,
    submodules: Option<Vec<String>>,
}

impl Fields {
    /// Puts what was given in the place of what is there.
    fn apply(self, spec: &mut TaskSpec) {
        fn set<T>(field: &mut T, given: Option<T>) {
            if let Some(given) = given {
                *field = given;
            }
        }
        set(&mut spec.name, self.name);
        set(&mut spec.steps, self.steps);
        set(&mut spec.description, self.description);
        set(&mut spec.agent, self.agent);
        set(&mut spec.permission_profile, self.permission_profile);
        set(&mut spec.timeout_seconds, self.timeout_seconds);
        set(&mut spec.step_timeout_seconds, self.step_timeout_seconds);
        set(&mut spec.egress, self.egress);
        set(&mut spec.env, self.env);
        set(&mut spec.models, self.models);
        set(&mut spec.repository_settings, self.repository_settings);
        set(&mut spec.submodules, self.submodules);
        spec.image = self.image.or_else(|| spec.image.take());
        spec.model = self.model.or_else(|| spec.model.take());
        spec.max_turns = self.max_turns.or(spec.max_turns);
        spec.budget_usd = self.budget_usd.or(spec.budget_usd);
        spec.output_schema = self.output_schema.or_else(|| spec.output_schema.take());
    }
}

#[async_trait]
impl TasksApiServer for Tasks {
    async fn create(
        &self,
        who: &Extensions,
        name: String,
        steps: Vec<Step>,
        description: Option<String>,
        agent: Option<Agent>,
        model: Option<String>,
        permission_profile: Option<PermissionProfile>,
        budget_usd: Option<f64>,
        timeout_seconds: Option<u64>,
        step_timeout_seconds: Option<u64>,
        egress: Option<Vec<String>>,
        env: Option<BTreeMap<String, EnvValue>>,
        output_schema: Option<serde_json::Value>,
        max_turns: Option<u32>,
        image: Option<String>,
        models: Option<Vec<String>>,
        repository_settings: Option<RepositorySettings>,
        submodules: Option<Vec<String>>,
    ) -> Result<Task, ApiError> {
        let mut spec = TaskSpec::new(name, steps);
        let (name, steps) = (None, None);
        Fields {
            name,
            steps,
            description,
            agent,
            model,
            permission_profile,
            budget_usd,
            timeout_seconds,
            step_timeout_seconds,
            egress,
            env,
            output_schema,
            max_turns,
            image,
            models,
            repository_settings,
            submodules,
        }
        .apply(&mut spec);
        Ok(self.0.task_create(Caller::known(who)?, spec).await?)
    }

    async fn update(
        &self,
        who: &Extensions,
        id: TaskId,
        version: i64,
        name: Option<String>,
        steps: Option<Vec<Step>>,
        description: Option<String>,
        agent: Option<Agent>,
        model: Option<String>,
        permission_profile: Option<PermissionProfile>,
        budget_usd: Option<f64>,
        timeout_seconds: Option<u64>,
        step_timeout_seconds: Option<u64>,
        egress: Option<Vec<String>>,
        env: Option<BTreeMap<String, EnvValue>>,
        output_schema: Option<serde_json::Value>,
        max_turns: Option<u32>,
        image: Option<String>,
        models: Option<Vec<String>>,
        repository_settings: Option<RepositorySettings>,
        submodules: Option<Vec<String>>,
    ) -> Result<Task, ApiError> {
        let fields = Fields {
            name,
            steps,
            description,
            agent,
            model,
            permission_profile,
            budget_usd,
            timeout_seconds,
            step_timeout_seconds,
            egress,
            env,
            output_schema,
            max_turns,
            image,
            models,
            repository_settings,
            submodules,
        };
        Ok(self.0.task_update(Caller::known(who)?, id, version, |spec| fields.apply(spec)).await?)
    }

    async fn allow(
        &self,
        who: &Extensions,
        id: TaskId,
        host: String,
        port: Option<u16>,
    ) -> Result<Task, ApiError> {
        Ok(self.0.task_allow(Caller::known(who)?, id, host, port).await?)
    }

    async fn by_id(&self, who: &Extensions, id: TaskId) -> Result<Task, ApiError> {
        Ok(self.0.task_by_id(Caller::known(who)?, id).await?)
    }

    async fn list(
        &self,
        who: &Extensions,
        query: Option<String>,
        cursor: Option<String>,
        limit: Option<u32>,
    ) -> Result<Page<Task>, ApiError> {
        Ok(self.0.task_list(Caller::known(who)?, query.as_deref(), cursor.as_deref(), limit).await?)
    }

    async fn delete(&self, who: &Extensions, id: TaskId) -> Result<Task, ApiError> {
        Ok(self.0.task_delete(Caller::known(who)?, id).await?)
    }
}
