//! All executions of this container, by id; at most one runs.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
};

use api::executor::Execute;
use tokio::process::Command;

use crate::{
    Config,
    account::Account,
    agents::{self, Start},
    disk::Disk,
    execution::{
        Driver, Execution, recover, request,
        spool::{self, Spool},
    },
    identity::Author,
    refusal::Refusal,
    tasks::Tasks,
};

/// How spools are named: the execution's id and this.
const SUFFIX: &str = ".ndjson";

/// The executions and what is needed to start one.
pub(crate) struct Executions {
    config: Config,
    relay: SocketAddr,
    account: Account,
    disk: Disk,
    tasks: Tasks,
    all: Mutex<BTreeMap<String, Arc<Execution>>>,
}

impl Executions {
    /// Takes over what an earlier executor left in the spool.
    ///
    /// # Errors
    /// When the spool cannot be made or read.
    pub(crate) async fn open(
        config: &Config,
        relay: SocketAddr,
        account: Account,
        disk: Disk,
        tasks: Tasks,
    ) -> io::Result<Self> {
        spool::make_folder(&config.spool)?;
        let mut all = BTreeMap::new();
        for entry in std::fs::read_dir(&config.spool)? {
            let entry = entry?;
            let name = entry.file_name();
            if let Some(id) = name.to_str().and_then(|name| name.strip_suffix(SUFFIX)) {
                all.insert(id.to_owned(), Arc::new(recover(&entry.path(), id, &account).await?));
            }
        }
        Ok(Self { config: config.clone(), relay, account, disk, tasks, all: Mutex::new(all) })
    }

    /// The execution of this id.
    ///
    /// # Errors
    /// `NoExecution`.
    pub(crate) fn get(&self, id: &str) -> Result<Arc<Execution>, Refusal> {
        self.all().get(id).cloned().ok_or_else(|| Refusal::NoExecution(id.to_owned()))
    }

    /// Whether there has been none yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.all().is_empty()
    }

    /// Refuses while an execution runs.
    ///
    /// # Errors
    /// `Conflict`.
    pub(crate) fn check_idle(&self) -> Result<(), Refusal> {
        match self.all().iter().find(|(_, execution)| execution.runs()) {
            Some((id, _)) => Err(Refusal::Conflict(format!("execution {id} is still running"))),
            None => Ok(()),
        }
    }

    /// Starts an execution; one that exists already is only returned.
    ///
    /// # Errors
    /// `Invalid` when the request makes no sense, `Conflict` while another execution runs.
    pub(crate) fn start(&self, request: Execute, author: Option<&Author>) -> Result<Arc<Execution>, Refusal> {
        request::check(&request)?;
        let mut all = self.all();
        if let Some(execution) = all.get(&request.execution_id) {
            return Ok(execution.clone());
        }
        if let Some((id, _)) = all.iter().find(|(_, execution)| execution.runs()) {
            return Err(Refusal::Conflict(format!(
                "execution {id} is still running: one agent per container"
            )));
        }
        let mut command = self.command(&request, author);
        let path = self.config.spool.join(format!("{}{SUFFIX}", request.execution_id));
        let spool = Spool::create(&path).map_err(Refusal::system("making the spool"))?;
        let (driver, execution) =
            Driver::new(self.account.clone(), spool, &request, &self.config, self.disk.clone());
        match command.spawn() {
            Ok(child) => {
                let driving = driver.drive(child, request.prompt, self.tasks.clone());
                self.tasks.spawn("execution", driving);
            }
            Err(error) => driver.refuse(&error),
        }
        let execution = Arc::new(execution);
        all.insert(request.execution_id, execution.clone());
        Ok(execution)
    }

    fn command(&self, request: &Execute, author: Option<&Author>) -> Command {
        let mut command = self.account.command(&self.config.agent_bin, &request.execution_id);
        command.envs(&request.env);
        let start = Start { request, workspace: &self.config.workspace, relay: self.relay, author };
        agents::adapter(request.agent).prepare(&mut command, &start);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn all(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Arc<Execution>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
