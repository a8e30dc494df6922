//! A `World` is a real server with a fresh database, real containers and a real git server.
//! Only the model is scripted.

mod containers;
mod file_disk;
mod memory;
mod process;
mod repositories;
mod runs;

use std::{path::Path, process::Command, time::Duration};

use backend::{Backend, config::Serve};
use clap::Parser;
use jsonrpsee::ws_client::{HeaderMap, HeaderValue, WsClient, WsClientBuilder};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

pub use self::{
    containers::{docker, image, image_with},
    file_disk::FileDisk,
    memory::MemoryLimit,
    process::Process,
    runs::{client_run, create_task, ended, ends, events_of, follow, launch, launch_of, launch_with, step},
};
use crate::git_server::GitServer;

/// The longest any test waits for anything.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// The token every world is entered with.
pub const TOKEN: &str = "caisson_a_token_for_tests_only";

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    serve: Serve,
}

/// One server and what it works on.
pub struct World {
    dir: TempDir,
    git: GitServer,
    arguments: Vec<String>,
    running: Option<Running>,
    /// Where the server listens; stays the same over restarts.
    pub address: String,
}

/// The server of a world.
enum Running {
    /// In this process: quick, and stopped as SIGTERM does.
    Here { tasks: backend::tasks::Tasks, ended: JoinHandle<()> },
    /// A process of its own, which can be killed.
    Apart(Process),
}

impl World {
    /// A server with the suite's script and these further settings.
    pub async fn start(settings: &[&str]) -> Self {
        let mut world = Self::prepare(settings);
        world.open().await;
        world
    }

    /// The same as a process of its own, which can be killed.
    pub async fn start_apart(settings: &[&str]) -> Self {
        let mut world = Self::prepare(settings);
        world.open_apart().await;
        world
    }

    /// The id of the process that the server is.
    pub fn process(&self) -> u32 {
        match &self.running {
            Some(Running::Apart(process)) => process.id(),
            _ => panic!("there is no process"),
        }
    }

    fn prepare(settings: &[&str]) -> Self {
        let dir = TempDir::new().expect("a folder");
        std::fs::create_dir(dir.path().join("git")).expect("a folder");
        let git = GitServer::start(dir.path().join("git"), 0).expect("a git server");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/e2e/script.json");
        let mut arguments = vec![
            "serve".to_owned(),
            format!("--data-dir={}", dir.path().join("data").display()),
            format!("--admin-token={TOKEN}"),
        ];
        // A suite calls faster than people and programs do: its rates are no part of what it measures.
        let rates = ["--calls-per-second=1000000", "--calls-burst=1000000"].map(str::to_owned);
        let model = format!("--model=scripted:{}", script.display());
        // Its git servers are on this machine: on loopback, or where containers see it.
        let near = "--git-private=127.0.0.1,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16".to_owned();
        for default in rates.into_iter().chain([model, near, format!("--image={}", image())]) {
            let name = default.split('=').next().unwrap_or_default();
            if !settings.iter().any(|setting| setting.split('=').next() == Some(name)) {
                arguments.push(default);
            }
        }
        arguments.extend(settings.iter().map(|setting| (*setting).to_owned()));
        Self { dir, git, arguments, running: None, address: "127.0.0.1:0".to_owned() }
    }

    async fn open(&mut self) {
        let listen = format!("--listen={}", self.address);
        let arguments = Arguments::parse_from(self.arguments.iter().cloned().chain([listen]));
        let backend = Backend::open(arguments.serve.validate().expect("settings")).await.expect("a server");
        self.address = backend.address().expect("an address").to_string();
        let tasks = backend.tasks();
        let ended = TaskTracker::new().spawn(async move { backend.run().await.expect("a clean end") });
        self.running = Some(Running::Here { tasks, ended });
    }

    async fn open_apart(&mut self) {
        let listen = format!("--listen={}", self.address);
        let process = Process::start(self.arguments.iter().cloned().chain([listen]), &self.log_file()).await;
        self.address.clone_from(&process.address);
        self.running = Some(Running::Apart(process));
    }

    /// Kills a server that is a process of its own: nothing of it has the time to do anything.
    pub async fn kill(&mut self) {
        match self.running.take() {
            Some(Running::Apart(process)) => process.kill().await,
            _ => panic!("there is no process to kill"),
        }
    }

    /// Starts the killed server again on the same data and the same port.
    pub async fn resume_apart(&mut self) {
        self.open_apart().await;
    }

    /// The arguments of a second server on the same database and with the same key, in a folder of its own.
    pub fn twin_arguments(&self, folder: &str) -> impl Iterator<Item = String> {
        let data = self.dir.path().join("data");
        let twin = format!("--data-dir={}", self.dir.path().join(folder).display());
        let key = format!("--key-file={}", data.join("server.key").display());
        let same = self.arguments.iter().filter(|argument| !argument.starts_with("--data-dir=")).cloned();
        same.chain([twin, key, "--listen=127.0.0.1:0".to_owned()])
    }

    /// What its servers said that are processes of their own.
    pub fn log_file(&self) -> std::path::PathBuf {
        self.dir.path().join("server.log")
    }

    /// The folder with everything of this world.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Asks the server to stop, as SIGTERM does, and waits until it has.
    pub async fn stop(&mut self) {
        match self.running.take().expect("it runs") {
            Running::Here { tasks, ended } => {
                tasks.stop();
                within("the server's stop", ended).await.expect("no panic");
            }
            Running::Apart(process) => process.stop().await,
        }
    }

    /// Starts the server again on the same data and the same port.
    pub async fn resume(&mut self) {
        self.open().await;
    }

    /// Stops the server and starts it again.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.resume().await;
    }

    /// A typed client.
    pub async fn client(&self) -> WsClient {
        client_of(&self.address).await
    }
}

/// A typed client of the server at an address.
pub async fn client_of(address: &str) -> WsClient {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::from_str(&format!("Bearer {TOKEN}")).expect("a header"));
    let url = format!("ws://{address}/rpc");
    // As the command line does: one line of the agent may be large.
    WsClientBuilder::default()
        .max_response_size(512 << 20)
        .set_headers(headers)
        .build(url)
        .await
        .expect("a connection")
}

impl Drop for World {
    fn drop(&mut self) {
        // A test that failed half-way must not leave containers behind.
        match self.running.take() {
            Some(Running::Here { tasks, .. }) => tasks.stop(),
            // Killed when it is dropped.
            Some(Running::Apart(_)) | None => {}
        }
        for container in self.containers() {
            let _ = Command::new("docker").args(["rm", "--force", &container]).output();
        }
        let network = format!("caisson-{}", self.server_id());
        let _ = Command::new("docker").args(["network", "rm", &network]).output();
    }
}

/// Waits, but not for ever.
pub async fn within<F: Future>(what: &str, future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future)
        .await
        .unwrap_or_else(|_| panic!("{what} did not come within {PATIENCE:?}"))
}

/// Runs a command that must succeed.
pub fn output(command: &mut Command) -> String {
    let done = command.output().expect("the command can be run");
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).trim().to_owned()
}
