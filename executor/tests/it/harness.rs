//! `World`: an executor on free ports, with folders of its own and a shell script for an agent.

use std::{
    io::Write,
    net::SocketAddr,
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use api::executor::{AgentResult, ExecutionLine, Exit};
use executor::{Config, Executor, Firewall};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The token of every executor here.
pub(crate) const TOKEN: &str = "a-token-for-tests";

/// Reads the prompt, and says it is done once the executor has nothing more to say.
pub(crate) const ANSWER: &str = r#"read -r prompt
echo '{"type":"system","subtype":"init","session_id":"s","model":"m"}'
echo '{"type":"result","subtype":"success","is_error":false,"result":"done","session_id":"s"}'
cat >/dev/null"#;

/// An executor and everything around it.
pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) config: Config,
    pub(crate) address: SocketAddr,
    pub(crate) relay: SocketAddr,
    pub(crate) tasks: TaskTracker,
    client: Client,
    stop: CancellationToken,
    serving: JoinHandle<Result<(), executor::Error>>,
}

impl World {
    /// An executor whose agent is this script.
    pub(crate) async fn start(agent: &str) -> Self {
        Self::start_with(agent, |_| {}).await
    }

    /// The same with other settings.
    pub(crate) async fn start_with(agent: &str, change: impl FnOnce(&mut Config)) -> Self {
        let (folder, config) = Self::prepare(agent, change);
        Self::serve(folder, config).await
    }

    /// The same with a line to a gate.
    pub(crate) async fn start_gated(agent: &str, gate: UnixStream) -> Self {
        let (folder, config) = Self::prepare(agent, |_| {});
        Self::serve_gated(folder, config, gate).await
    }

    /// Serves from folders that are there, with a line to a gate.
    pub(crate) async fn serve_gated(folder: TempDir, config: Config, gate: UnixStream) -> Self {
        let executor = Executor::bind(config.clone()).await.unwrap().with_gate(gate);
        Self::run(folder, config, executor)
    }

    fn prepare(agent: &str, change: impl FnOnce(&mut Config)) -> (TempDir, Config) {
        let folder = tempfile::tempdir().unwrap();
        for name in ["workspace", "home", "tmp"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        // As the system's.
        std::fs::set_permissions(folder.path().join("tmp"), PermissionsExt::from_mode(0o1777)).unwrap();
        let mut config = config(folder.path());
        write_script(Path::new(&config.agent_bin), agent);
        change(&mut config);
        (folder, config)
    }

    /// Serves from folders that are there.
    pub(crate) async fn serve(folder: TempDir, config: Config) -> Self {
        let executor = Executor::bind(config.clone()).await.unwrap();
        Self::run(folder, config, executor)
    }

    fn run(folder: TempDir, config: Config, executor: Executor) -> Self {
        let (address, relay) = (executor.address().unwrap(), executor.relay_address().unwrap());
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let serving = tasks.spawn(executor.serve(stop.clone()));
        Self { folder, config, address, relay, tasks, client: Client::new(), stop, serving }
    }

    /// Stops it and waits; the folders stay.
    pub(crate) async fn stop(self) -> (TempDir, Config) {
        self.stop.cancel();
        self.serving.await.unwrap().unwrap();
        (self.folder, self.config)
    }

    /// Stops it and starts it again over the same folders.
    pub(crate) async fn restart(self) -> Self {
        let (folder, config) = self.stop().await;
        Self::serve(folder, config).await
    }

    pub(crate) fn workspace(&self) -> PathBuf {
        self.config.workspace.clone()
    }

    /// The folder of the agent's numbered output.
    pub(crate) fn spool(&self) -> PathBuf {
        self.config.spool.clone()
    }

    pub(crate) fn request(&self, method: reqwest::Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address)).bearer_auth(TOKEN)
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Response {
        self.request(reqwest::Method::POST, path).json(&body).send().await.unwrap()
    }

    /// A call that must be refused: its status and its sentence.
    pub(crate) async fn refused(&self, path: &str, body: Value) -> (StatusCode, String) {
        let response = self.post(path, body).await;
        let status = response.status();
        assert!(!status.is_success(), "{path} was not refused");
        let body: Value = response.json().await.unwrap();
        let text = body["error"].as_str().or_else(|| body["message"].as_str()).unwrap();
        (status, text.to_owned())
    }

    /// A call that must be fine: its answer.
    pub(crate) async fn call(&self, path: &str, body: Value) -> Value {
        let response = self.post(path, body).await;
        let (status, text) = (response.status(), response.text().await.unwrap());
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Runs an execution to its end.
    pub(crate) async fn execute(&self, id: &str) -> Vec<ExecutionLine> {
        self.execute_with(id, json!({})).await
    }

    pub(crate) async fn execute_with(&self, id: &str, more: Value) -> Vec<ExecutionLine> {
        lines(self.begin_with(id, more).await).await
    }

    /// Begins an execution; its stream is the answer's body.
    pub(crate) async fn begin(&self, id: &str) -> Response {
        self.begin_with(id, json!({})).await
    }

    pub(crate) async fn begin_with(&self, id: &str, more: Value) -> Response {
        let response = self.post("/execute", execute_body(id, more)).await;
        assert_eq!(response.status(), StatusCode::OK);
        response
    }

    pub(crate) async fn events(&self, id: &str, after: u64) -> Response {
        let path = format!("/executions/{id}/events?after={after}");
        self.request(reqwest::Method::GET, &path).send().await.unwrap()
    }
}

pub(crate) fn config(folder: &Path) -> Config {
    let at = |name: &str| folder.join(name);
    Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        token: TOKEN.parse().unwrap(),
        identity: None,
        relay: "127.0.0.1:0".parse().unwrap(),
        spool: at("spool"),
        workspace: at("workspace"),
        agent_bin: at("agent").to_str().unwrap().to_owned(),
        agent_user: String::new(),
        agent_home: at("home"),
        scratch: vec![at("tmp")],
        firewall: Firewall::Unchecked,
        result_grace_seconds: 15,
        clone_stall_seconds: 30,
        path: std::env::var("PATH").unwrap(),
        worker: Some(env!("CARGO_BIN_EXE_caisson-executor").into()),
        disk_bytes: 0,
        unread_bytes: 64 << 20,
        tool_env: std::collections::BTreeMap::new(),
    }
}

/// A request to execute with these fields changed.
pub(crate) fn execute_body(id: &str, more: Value) -> Value {
    let mut body = json!({
        "executionId": id, "prompt": "do it", "model": "m", "timeoutSeconds": 60, "modelToken": "run-token",
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// Something a person says to the agent.
pub(crate) fn message(id: &str, text: &str) -> Value {
    json!({"type": "message", "id": id, "text": text})
}

/// All lines of a stream.
pub(crate) async fn lines(response: Response) -> Vec<ExecutionLine> {
    parse(&response.text().await.unwrap())
}

pub(crate) fn parse(text: &str) -> Vec<ExecutionLine> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// How it ended; the last line must be `End`.
pub(crate) fn exit(lines: &[ExecutionLine]) -> &Exit {
    match lines.last() {
        Some(ExecutionLine::End { exit, .. }) => exit,
        other => panic!("the last line is {other:?}"),
    }
}

pub(crate) fn result(lines: &[ExecutionLine]) -> &AgentResult {
    exit(lines).result.as_ref().unwrap()
}

/// What the agent printed.
pub(crate) fn raw(lines: &[ExecutionLine]) -> Vec<&str> {
    let raw = lines.iter().filter_map(|line| match line {
        ExecutionLine::Agent { line, .. } => Some(line.raw.as_str()),
        _ => None,
    });
    raw.collect()
}

/// Reads a stream until a line holds this text.
pub(crate) async fn read_until(response: &mut Response, text: &str) {
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains(text) {
        seen.extend(response.chunk().await.unwrap().expect("the stream ended too early"));
    }
}

/// Written by another process: a script that this one has open for writing cannot be run, and a process that
/// is being started in another test would have it open, too.
pub(crate) fn write_script(path: &Path, body: &str) {
    let mut install = Command::new("install");
    let mut install =
        install.args(["-m", "755", "/dev/stdin"]).arg(path).stdin(Stdio::piped()).spawn().unwrap();
    let script = format!("#!/bin/bash\n{body}\n");
    install.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(install.wait().unwrap().success());
}

/// The living processes whose command line holds this text.
pub(crate) fn processes_with(text: &str) -> usize {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let command_lines = processes.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    command_lines.filter(|line| String::from_utf8_lossy(line).replace('\0', " ").contains(text)).count()
}
