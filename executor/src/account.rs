//! The account that hostile things run as: how they are started, and how all of them are killed.
//!
//! Every shell tool of the agent has a session of its own, so no process group holds the whole tree.
//! With a user of its own, `kill -1` as that user hits all of its processes and no others. Without one
//! (tests), each process is known by a marker in its environment, which children inherit.

mod process;

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use nix::{
    sys::signal::{self, Signal},
    unistd::Pid,
};
use tokio::process::Command;

use crate::Config;

/// Names the job in the environment of each of its processes.
const MARKER: &str = "CAISSON_JOB";

/// The number that is nobody's everywhere.
const NOBODY: &str = "65534";

/// For `setpriv`: no capability, and no way to gain one.
const DROPPED: [&str; 4] =
    ["--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all"];

/// How often processes are killed before that is given up, and the time between.
const KILL_ROUNDS: u32 = 200;
const KILL_PAUSE: Duration = Duration::from_millis(10);

/// Who runs the agent, its tools, checks and git.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    /// `None`: the executor's own user.
    user: Option<String>,
    home: PathBuf,
    workspace: PathBuf,
    path: String,
    /// The program that is the workers.
    worker: PathBuf,
    /// How large a file may become, in bytes.
    largest_file: Option<u64>,
}

impl Account {
    /// The account the settings name.
    pub(crate) fn of(config: &Config) -> Self {
        Self {
            user: Some(config.agent_user.clone()).filter(|user| !user.is_empty()),
            home: config.agent_home.clone(),
            workspace: config.workspace.clone(),
            path: config.path.clone(),
            worker: config.worker.clone().unwrap_or_else(this_program),
            largest_file: Some(config.disk_bytes).filter(|bytes| *bytes != 0),
        }
    }

    /// A command that runs as this account in the workspace, with no privilege, no capability, no way to
    /// gain one, and a fresh environment. Its standard streams are closed until the caller opens them.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>, job: &str) -> Command {
        self.command_in(&self.workspace, &["--clear-groups"], program.as_ref(), job)
    }

    /// The same for a command of ours that may also read the executor's own repository: it is in the executor's
    /// group. The agent is not.
    pub(crate) fn git_command(&self, program: impl AsRef<OsStr>, job: &str) -> Command {
        self.command_in(&self.workspace, &self.own_group(), program.as_ref(), job)
    }

    /// The words that put a command into the executor's group.
    fn own_group(&self) -> [String; 2] {
        ["--groups".to_owned(), nix::unistd::getegid().to_string()]
    }

    fn command_in(&self, folder: &Path, groups: &[impl AsRef<OsStr>], program: &OsStr, job: &str) -> Command {
        let mut words: Vec<&OsStr> = Vec::new();
        // The agent may close its workspace to others, so only the agent can go there.
        if self.user.is_some() {
            words.extend(["env".as_ref(), "-C".as_ref(), folder.as_os_str(), "--".as_ref()]);
        }
        let limit = self.largest_file.map(|bytes| format!("--fsize={bytes}"));
        if let Some(limit) = &limit {
            words.extend([OsStr::new("prlimit"), limit.as_ref(), "--".as_ref()]);
        }
        words.push(program);
        let mut command = match self.user.as_deref() {
            Some(user) => self.becoming(user, groups),
            None => Command::new(words.remove(0)),
        };
        if self.user.is_none() {
            command.current_dir(folder);
        }
        command.args(words);
        command
            .env_clear()
            .env("HOME", &self.home)
            .env("PATH", &self.path)
            .env("LANG", "C.UTF-8")
            .env(MARKER, self.mark(job));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        command
    }

    /// A worker: this program as this account, known by its name. Its standard streams are pipes.
    pub(crate) fn worker(&self, name: &str) -> Command {
        as_worker(self.command(&self.worker, name), name)
    }

    /// A worker that may also read the executor's own repository. Not in the workspace: the agent may have closed
    /// it, and the worker opens it.
    pub(crate) fn git_worker(&self, name: &str) -> Command {
        as_worker(self.command_in(Path::new("/"), &self.own_group(), self.worker.as_os_str(), name), name)
    }

    /// A worker as the executor's own user, without its privileges.
    pub(crate) fn own_worker(&self, name: &str) -> Command {
        let mut command = match &self.user {
            Some(_) => {
                let mut command = Command::new("setpriv");
                command.args(DROPPED).arg("--").arg(&self.worker);
                command
            }
            None => Command::new(&self.worker),
        };
        command
            .env_clear()
            .env("PATH", &self.path)
            .env("LANG", "C.UTF-8")
            .current_dir("/")
            .kill_on_drop(true);
        as_worker(command, name)
    }

    /// A command for a program of the image that must be no other's to tamper with, the agent's least: as
    /// nobody, in `/`, with a fresh environment.
    pub(crate) fn aside(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = match &self.user {
            Some(_) => {
                let mut command = self.becoming(NOBODY, &["--clear-groups"]);
                command.arg(program);
                command
            }
            None => Command::new(program),
        };
        command.env_clear().env("HOME", "/nonexistent").env("LANG", "C.UTF-8").current_dir("/");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        command
    }

    /// The account's home.
    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// The folder of the repository.
    pub(crate) fn workspace(&self) -> &Path {
        &self.workspace
    }

    /// The search path.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Whether the agent is a user of its own.
    pub(crate) const fn is_apart(&self) -> bool {
        self.user.is_some()
    }

    /// A command that becomes the user, for the program that is added; `None` without a user of its own.
    fn unprivileged(&self) -> Option<Command> {
        self.user.as_deref().map(|user| self.becoming(user, &["--clear-groups"]))
    }

    fn becoming(&self, user: &str, groups: &[impl AsRef<OsStr>]) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", user, "--regid", user]).args(groups).args(DROPPED).arg("--");
        command
            .env_clear()
            .env("PATH", &self.path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    /// Asks every process of the job to end; with a user of its own, every process of that user.
    pub(crate) async fn terminate(&self, job: &str) {
        self.signal(Signal::SIGTERM, job).await;
    }

    /// Kills every process of the job, and comes back when none is left, or none that can be killed.
    pub(crate) async fn kill(&self, job: &str) {
        let mut seen_none = false;
        for _ in 0..KILL_ROUNDS {
            let none = self.processes(job).is_empty();
            // Twice, since a process that was forked meanwhile may have been overlooked.
            if none && seen_none {
                return;
            }
            seen_none = none;
            if !none {
                self.signal(Signal::SIGKILL, job).await;
            }
            // Dying takes a moment. In the middle of an exec a process shows no environment, but its user.
            if !none || self.user.is_none() {
                tokio::time::sleep(KILL_PAUSE).await;
            }
        }
        tracing::error!("some of the agent's processes cannot be killed");
    }

    async fn signal(&self, signal: Signal, job: &str) {
        if let Some(mut command) = self.unprivileged() {
            // All at once, so that none can fork away. The shell itself is spared.
            let script = format!("kill -s {} -- -1", signal.as_str().trim_start_matches("SIG"));
            if command.args(["sh", "-c", &script]).status().await.is_ok_and(|status| status.success()) {
                return;
            }
        }
        // Without a user of its own, or when there is no room for one more process.
        for pid in self.processes(job) {
            // It may have ended in between.
            let _ = signal::kill(pid, signal);
        }
    }

    /// How many processes the job, or the user, has, and the processor time they have used, in seconds.
    pub(crate) fn usage(&self, job: &str) -> (u32, Option<f64>) {
        let living = self.processes(job);
        let used: Vec<f64> = living.iter().filter_map(|pid| process::cpu_seconds(*pid)).collect();
        let known = living.is_empty() || !used.is_empty();
        (
            u32::try_from(living.len()).unwrap_or(u32::MAX),
            known.then(|| used.iter().fold(0.0, |sum, used| sum + used)),
        )
    }

    /// The living processes of the job, or of the user.
    fn processes(&self, job: &str) -> Vec<Pid> {
        let marker = format!("{MARKER}={}", self.mark(job));
        let ours = |process: &Path| match &self.user {
            Some(user) => process::belongs_to(process, user),
            None => process::carries(process, &marker),
        };
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        processes
            .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())))
            .filter(|(_, process)| ours(process))
            .map(|(pid, _)| Pid::from_raw(pid))
            .collect()
    }

    /// Several executors of tests may run as one user.
    fn mark(&self, job: &str) -> String {
        format!("{}#{job}", self.workspace.display())
    }
}

/// The worker of this name, with its standard streams as pipes.
fn as_worker(mut command: Command, name: &str) -> Command {
    // The agent's global settings are the agent's: they must not change what a worker does.
    command.arg(name).env("HOME", "/nonexistent");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn this_program() -> PathBuf {
    std::env::current_exe().unwrap_or_else(|_| PathBuf::from("caisson-executor"))
}
