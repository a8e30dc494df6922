//! Tasks: create, update, find, list, delete.

use api::{
    error::ApiError,
    id::TaskId,
    page::Page,
    task::{Task, TaskSpec},
};

use super::{
    App, Error, before,
    egress::Wanted,
    not_found, page_size, repository, validate,
    verbs::{Target, Verb},
};
use crate::caller::Caller;

/// How often a change is made again when somebody else changed the task in between.
const ALLOW_TRIES: u32 = 10;

impl App {
    /// Stores a task.
    ///
    /// # Errors
    /// `Invalid` when it cannot be.
    pub async fn task_create(&self, caller: &Caller, spec: TaskSpec) -> Result<Task, Error> {
        let (owner, target) = (caller.name.clone(), Target::Made(|task: &Task| task.id.to_string()));
        let create = |app: Self| async move {
            app.check_task(&spec).await?;
            Ok(app.store.task_insert(spec, &owner).await?)
        };
        self.change(caller, Verb::TasksCreate, target, create).await
    }

    /// Changes a task that still has the version the caller saw.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`, or `Conflict` when it has changed or is archived.
    pub async fn task_update(
        &self,
        caller: &Caller,
        id: TaskId,
        version: i64,
        change: impl FnOnce(&mut TaskSpec) + Send + 'static,
    ) -> Result<Task, Error> {
        let update = |app: Self| async move { app.change_task(id, version, change).await };
        self.change(caller, Verb::TasksUpdate, id.0, update).await
    }

    async fn change_task(
        &self,
        id: TaskId,
        version: i64,
        change: impl FnOnce(&mut TaskSpec) + Send,
    ) -> Result<Task, Error> {
        let mut task = self.task(id).await?;
        if task.archived_at.is_some() {
            return Err(ApiError::Conflict { why: format!("task {id} is archived") }.into());
        }
        if task.version != version {
            let why = format!("task {id} is at version {}, not {version}: read it again", task.version);
            return Err(ApiError::Conflict { why }.into());
        }
        change(&mut task.spec);
        self.check_task(&task.spec).await?;
        self.store.task_update(id, version, &task.spec).await?;
        self.task(id).await
    }

    /// Lets a task's runs to come reach one more host.
    ///
    /// # Errors
    /// `NotFound`, `Invalid` for what is no host, `Conflict` when the task is archived.
    pub async fn task_allow(
        &self,
        caller: &Caller,
        id: TaskId,
        host: String,
        port: Option<u16>,
    ) -> Result<Task, Error> {
        let allow = |app: Self| async move { app.add_host(id, &host, port).await };
        self.change(caller, Verb::TasksAllow, id.0, allow).await
    }

    async fn add_host(&self, id: TaskId, host: &str, port: Option<u16>) -> Result<Task, Error> {
        let wanted = Wanted::read(host, port)?;
        let mut tries = ALLOW_TRIES;
        loop {
            let task = self.task(id).await?;
            if task.spec.egress.iter().any(|entry| wanted.is(entry)) {
                return Ok(task);
            }
            let add = |spec: &mut TaskSpec| spec.egress.push(wanted.entry.clone());
            tries -= 1;
            match self.change_task(id, task.version, add).await {
                Err(_) if 0 < tries && self.task(id).await?.version != task.version => {}
                done => return done,
            }
        }
    }

    /// What a task must be, by itself and with this server.
    async fn check_task(&self, spec: &TaskSpec) -> Result<(), Error> {
        validate::check(spec)?;
        validate::reach::check_default(spec, &self.config.model.default_model)?;
        self.check_submodules(spec)?;
        self.check_secrets(spec).await
    }

    /// Refuses submodules on servers that this one does not connect to.
    pub(super) fn check_submodules(&self, spec: &TaskSpec) -> Result<(), ApiError> {
        for (at, submodule) in spec.submodules.iter().enumerate() {
            let checked = self.broker.check_address(&repository::parse(submodule)?);
            checked.map_err(|why| ApiError::invalid(format!("submodules[{at}]"), why))?;
        }
        Ok(())
    }

    /// One task, archived or not.
    ///
    /// # Errors
    /// `Forbidden` or `NotFound`.
    pub async fn task_by_id(&self, caller: &Caller, id: TaskId) -> Result<Task, Error> {
        Verb::TasksById.check(caller)?;
        self.task(id).await
    }

    pub(super) async fn task(&self, id: TaskId) -> Result<Task, Error> {
        self.store.task_fetch(id).await?.ok_or_else(|| not_found("task", id))
    }

    /// Tasks, newest first.
    ///
    /// # Errors
    /// `Invalid` for a cursor or limit that cannot be.
    pub async fn task_list(
        &self,
        caller: &Caller,
        query: Option<&str>,
        cursor: Option<&str>,
        limit: Option<u32>,
    ) -> Result<Page<Task>, Error> {
        Verb::TasksList.check(caller)?;
        Ok(self.store.task_list(query, before(cursor)?, page_size(limit)?).await?)
    }

    /// Deletes a task, or archives it when runs of it exist.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn task_delete(&self, caller: &Caller, id: TaskId) -> Result<Task, Error> {
        let delete = |app: Self| async move {
            match app.store.task_delete(id).await {
                Err(crate::store::Error::Missing(_)) => Err(not_found("task", id)),
                result => Ok(result?),
            }
        };
        self.change(caller, Verb::TasksDelete, id.0, delete).await
    }
}
