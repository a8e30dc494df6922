//! The harness: a `World` is a real server with a fresh database, real containers and a real git server.
//! Only the model is scripted.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use api::{
    event::Event,
    id::RunId,
    rpc::{runs::RunsApiClient, tasks::TasksApiClient},
    run::{Run, RunState},
    stream::{Cursor, Frame},
    task::{Step, Task},
};
use backend::{Backend, config::Serve};
use clap::Parser;
use jsonrpsee::ws_client::{HeaderMap, HeaderValue, WsClient, WsClientBuilder};
use tempfile::TempDir;
use tokio::{io::AsyncBufReadExt, task::JoinHandle};
use tokio_util::task::TaskTracker;

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

struct Running {
    tasks: backend::tasks::Tasks,
    ended: JoinHandle<()>,
}

impl World {
    /// A server with the suite's script and these further settings.
    pub async fn start(settings: &[&str]) -> Self {
        let dir = TempDir::new().expect("a folder");
        std::fs::create_dir(dir.path().join("git")).expect("a folder");
        let git = GitServer::start(dir.path().join("git"), 0).expect("a git server");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/script.json");
        let mut arguments = vec![
            "serve".to_owned(),
            format!("--data-dir={}", dir.path().join("data").display()),
            format!("--admin-token={TOKEN}"),
            format!("--model=scripted:{}", script.display()),
        ];
        if !settings.iter().any(|setting| setting.starts_with("--image=")) {
            arguments.push(format!("--image={}", image()));
        }
        arguments.extend(settings.iter().map(|setting| (*setting).to_owned()));
        let mut world = Self { dir, git, arguments, running: None, address: "127.0.0.1:0".to_owned() };
        world.open().await;
        world
    }

    async fn open(&mut self) {
        let listen = format!("--listen={}", self.address);
        let arguments = Arguments::parse_from(self.arguments.iter().cloned().chain([listen]));
        let backend = Backend::open(arguments.serve.validate().expect("settings")).await.expect("a server");
        self.address = backend.address().expect("an address").to_string();
        let tasks = backend.tasks();
        let ended = TaskTracker::new().spawn(async move { backend.run().await.expect("a clean end") });
        self.running = Some(Running { tasks, ended });
    }

    /// Asks the server to stop, as SIGTERM does, and waits until it has.
    pub async fn stop(&mut self) {
        let running = self.running.take().expect("it runs");
        running.tasks.stop();
        within("the server's stop", running.ended).await.expect("no panic");
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
        let mut headers = HeaderMap::new();
        headers.insert("authorization", HeaderValue::from_str(&format!("Bearer {TOKEN}")).expect("a header"));
        let url = format!("ws://{}/rpc", self.address);
        WsClientBuilder::default().set_headers(headers).build(url).await.expect("a connection")
    }

    /// A fresh bare repository with one commit on `main`; answers its URL.
    pub fn repository(&self, name: &str) -> String {
        let bare = self.bare(name);
        let work = self.dir.path().join(format!("work-{name}"));
        let shown = |path: &Path| path.display().to_string();
        git(&["init", "--quiet", "--bare", "--initial-branch=main", &shown(&bare)]);
        git(&["-C", &shown(&bare), "config", "http.receivepack", "true"]);
        git(&["clone", "--quiet", &shown(&bare), &shown(&work)]);
        self.commit(name, "README.md", "# Sample\n");
        self.git.url(&format!("{name}.git"))
    }

    /// Adds a file to `main` of a repository.
    pub fn commit(&self, name: &str, file: &str, content: &str) {
        let work = self.dir.path().join(format!("work-{name}"));
        std::fs::write(work.join(file), content).expect("a file");
        let work = work.display().to_string();
        git(&["-C", &work, "add", "--all"]);
        git(&[
            "-C",
            &work,
            "-c",
            "user.name=T",
            "-c",
            "user.email=t@localhost",
            "commit",
            "--quiet",
            "-m",
            file,
        ]);
        git(&["-C", &work, "push", "--quiet", "origin", "HEAD:main"]);
    }

    /// A bare repository without a commit.
    pub fn empty_repository(&self, name: &str) -> String {
        git(&["init", "--quiet", "--bare", &self.bare(name).display().to_string()]);
        self.git.url(&format!("{name}.git"))
    }

    /// The URL a repository of this name would have.
    pub fn url(&self, name: &str) -> String {
        self.git.url(&format!("{name}.git"))
    }

    fn bare(&self, name: &str) -> PathBuf {
        self.dir.path().join("git").join(format!("{name}.git"))
    }

    /// What git says of a repository.
    pub fn git(&self, name: &str, arguments: &[&str]) -> String {
        let bare = self.bare(name).display().to_string();
        git(&[&["-C", &bare], arguments].concat())
    }

    /// Waits until these containers are gone: asks the engine's own record, which also tells the past.
    pub async fn destroyed(&self, containers: &[String]) {
        for container in containers {
            let filters = ["--filter", "event=destroy", "--filter", &format!("container={container}")];
            let mut events = tokio::process::Command::new("docker")
                .args(["events", "--since=1"])
                .args(filters)
                .stdout(std::process::Stdio::piped())
                .kill_on_drop(true)
                .spawn()
                .expect("docker runs");
            let mut lines = tokio::io::BufReader::new(events.stdout.take().expect("a pipe")).lines();
            let line = within("the container's end", lines.next_line()).await.expect("readable");
            assert!(line.is_some(), "docker events ended");
        }
        assert!(self.containers().is_empty());
    }

    /// The server's name on the labels of its containers.
    fn server_id(&self) -> String {
        backend::keys::Keys::load(&self.dir.path().join("data/server.key")).expect("the key").server_id()
    }

    /// The containers of this server that exist now.
    pub fn containers(&self) -> Vec<String> {
        let server = self.server_id();
        let filter = format!("label=caisson.server={server}");
        let listed = output(Command::new("docker").args(["ps", "--all", "--quiet", "--filter", &filter]));
        listed.lines().map(str::to_owned).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // A test that failed half-way must not leave containers behind.
        if let Some(running) = &self.running {
            running.tasks.stop();
        }
        for container in self.containers() {
            let _ = Command::new("docker").args(["rm", "--force", &container]).output();
        }
        let network = format!("caisson-{}", self.server_id());
        let _ = Command::new("docker").args(["network", "rm", &network]).output();
    }
}

/// The image under test.
pub fn image() -> String {
    std::env::var("CAISSON_TEST_IMAGE").unwrap_or_else(|_| "caisson-executor:dev".to_owned())
}

/// A step with these checks.
pub fn step(instructions: &str, checks: &[&str]) -> Step {
    Step { instructions: instructions.to_owned(), checks: checks.iter().map(|&check| check.into()).collect() }
}

/// Creates a task with the default settings.
pub async fn create_task(client: &WsClient, steps: Vec<Step>) -> Task {
    let name = "A task".to_owned();
    TasksApiClient::create(
        client, name, steps, None, None, None, None, None, None, None, None, None, None, None,
    )
    .await
    .expect("a task")
}

/// Creates a task of these steps and a run of it.
pub async fn launch(client: &WsClient, steps: Vec<Step>, repository: &str) -> Run {
    let task = create_task(client, steps).await;
    RunsApiClient::create(client, task.id, repository.to_owned(), None, None, None).await.expect("a run")
}

/// Follows a run from the first event to its end.
pub async fn events_of(client: &WsClient, run: RunId) -> Vec<Event> {
    let mut events = Vec::new();
    follow(client, run, |event| {
        events.push(event.clone());
        false
    })
    .await;
    events
}

/// Follows a run until this holds for an event, or to its end. Answers whether it held.
pub async fn follow(client: &WsClient, run: RunId, mut until: impl FnMut(&Event) -> bool) -> bool {
    let mut frames = client.on_message(run, None).await.expect("a subscription");
    let mut cursor = Cursor::default();
    loop {
        match within("the next frame", frames.next()).await.expect("no cut").expect("a frame") {
            Frame::Item { event } => {
                assert_eq!(cursor.accept(event.seq), Ok(true), "no gap and no double");
                if until(&event) {
                    return true;
                }
            }
            Frame::End => return false,
            Frame::Partial { .. } | Frame::CaughtUp { .. } => {}
            Frame::Resync { after } => panic!("let go after {after}"),
        }
    }
}

/// Waits for the end of a run and answers it as it is then.
pub async fn ended(client: &WsClient, run: RunId) -> Run {
    follow(client, run, |_| false).await;
    let run = client_run(client, run).await;
    assert_eq!(run.state, RunState::Ended);
    run
}

/// The run as it is now.
pub async fn client_run(client: &WsClient, run: RunId) -> Run {
    RunsApiClient::by_id(client, run).await.expect("the run")
}

/// Waits, but not for ever.
pub async fn within<F: Future>(what: &str, future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future)
        .await
        .unwrap_or_else(|_| panic!("{what} did not come within {PATIENCE:?}"))
}

fn git(arguments: &[&str]) -> String {
    output(Command::new("git").args(arguments))
}

/// Runs a command that must succeed.
pub fn output(command: &mut Command) -> String {
    let done = command.output().expect("the command can be run");
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).trim().to_owned()
}
