//! A real server on a free port with a database of its own. No container is ever made: there is no such image.

use std::{net::TcpListener, path::Path};

use api::{
    id::RunId,
    rpc::{runs::RunsApiClient, tasks::TasksApiClient},
    run::Run,
    stream::Frame,
    task::{Step, Task},
};
use backend::{Backend, config, config::Serve, store::Store, tasks::Tasks};
use clap::Parser;
use jsonrpsee::{
    core::client::Error,
    ws_client::{HeaderMap, HeaderValue, WsClient, WsClientBuilder},
};
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;

/// The token of every server.
pub const TOKEN: &str = "caisson_a_token_for_tests_only";

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    serve: Serve,
}

/// Settings for a server with this data folder, and these further ones.
pub fn settings(data: &Path, more: &[&str]) -> Result<config::Config, config::Error> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/demo.json");
    let mut arguments = vec![
        "serve".to_owned(),
        format!("--data-dir={}", data.display()),
        format!("--admin-token={TOKEN}"),
        format!("--model=scripted:{}", script.display()),
        "--image=caisson-no-such-image:1".to_owned(),
    ];
    if !more.iter().any(|setting| setting.starts_with("--listen=")) {
        arguments.push("--listen=127.0.0.1:0".to_owned());
    }
    arguments.extend(more.iter().map(|&setting| setting.to_owned()));
    Arguments::try_parse_from(arguments).expect("known settings").serve.validate()
}

/// A running server.
pub struct Served {
    /// Where it listens.
    pub address: String,
    data: Option<TempDir>,
    tasks: Tasks,
    own: Store,
    ended: JoinHandle<()>,
    http: reqwest::Client,
}

impl Served {
    /// A server with these settings beside those above.
    pub async fn start(more: &[&str]) -> Self {
        Self::open(TempDir::new().expect("a folder"), more).await
    }

    /// A server on the data in this folder, which stays when it ends.
    pub async fn start_in(data: &Path, more: &[&str]) -> Self {
        Self::run(data, None, more).await
    }

    async fn open(data: TempDir, more: &[&str]) -> Self {
        let folder = data.path().to_owned();
        Self::run(&folder, Some(data), more).await
    }

    async fn run(folder: &Path, data: Option<TempDir>, more: &[&str]) -> Self {
        let backend = Backend::open(settings(folder, more).expect("settings")).await.expect("a server");
        let address = backend.address().expect("an address").to_string();
        let (tasks, own) = (backend.tasks(), backend.store());
        let ended = tokio_util::task::TaskTracker::new()
            .spawn(async move { backend.run().await.expect("a clean end") });
        Self { address, data, tasks, own, ended, http: reqwest::Client::new() }
    }

    /// Asks it to stop, as SIGTERM does, and waits until it has.
    pub async fn stop(&mut self) {
        self.tasks.stop();
        (&mut self.ended).await.expect("no panic");
    }

    /// Another server on the data of this one, which was stopped.
    pub async fn again(mut self) -> Self {
        Self::open(self.data.take().expect("its data"), &[]).await
    }

    /// A second store on the database of this server.
    pub async fn store(&self) -> Store {
        Store::open(&self.database(), &self.tasks).await.expect("it opens")
    }

    /// The URL of its database.
    pub fn database(&self) -> String {
        let file = self.data.as_ref().expect("its data").path().join("caisson.db");
        format!("sqlite://{}?mode=rwc", file.display())
    }

    /// Its own store: two that write to one file would meet "database is locked".
    pub fn own_store(&self) -> Store {
        self.own.clone()
    }

    /// `GET` of this path, without a token.
    pub fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(format!("http://{}{path}", self.address))
    }

    /// `POST /rpc` with this body, without a token.
    pub fn post(&self, body: impl Into<reqwest::Body>) -> RequestBuilder {
        let request = self.http.post(format!("http://{}/rpc", self.address));
        request.header("content-type", "application/json").body(body)
    }

    /// `POST` of this JSON to a path, without a token.
    pub fn post_to(&self, path: &str, body: Value) -> RequestBuilder {
        self.http.post(format!("http://{}{path}", self.address)).json(&body)
    }

    /// `POST /rpc` with this body and the token.
    pub async fn send(&self, body: impl Into<reqwest::Body>) -> Response {
        self.post(body).bearer_auth(TOKEN).send().await.expect("an answer")
    }

    /// The answer to one call; `params` are left out when they are `null`.
    pub async fn call(&self, method: &str, params: Value) -> Value {
        let mut body = json!({ "jsonrpc": "2.0", "id": 1, "method": method });
        if !params.is_null() {
            body["params"] = params;
        }
        self.send(body.to_string()).await.json().await.expect("JSON")
    }

    /// The error that answers one call: its code, and its `data`.
    pub async fn refusal(&self, method: &str, params: Value) -> (i64, Value) {
        let answer = self.call(method, params.clone()).await;
        let code = answer["error"]["code"].as_i64();
        (code.unwrap_or_else(|| panic!("{method} {params}: {answer}")), answer["error"]["data"].clone())
    }

    /// The typed client.
    pub async fn client(&self) -> WsClient {
        let bearer = format!("Bearer {TOKEN}");
        self.socket(&[("authorization", &bearer)]).await.expect("a connection")
    }

    /// A WebSocket with exactly these headers.
    pub async fn socket(&self, headers: &[(&'static str, &str)]) -> Result<WsClient, Error> {
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            all.insert(*name, HeaderValue::from_str(value).expect("a header"));
        }
        WsClientBuilder::default().set_headers(all).build(format!("ws://{}/rpc", self.address)).await
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.tasks.stop();
    }
}

/// A container engine that takes connections and never answers: a run waits for it, for seconds.
pub struct SilentEngine(TcpListener);

impl SilentEngine {
    /// Begins to be silent.
    pub fn start() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").expect("a port"))
    }

    /// The setting that names it.
    pub fn setting(&self) -> String {
        format!("--docker-host=tcp://{}", self.0.local_addr().expect("an address"))
    }
}

/// A task of one step.
pub async fn create_task(client: &WsClient, name: &str) -> Task {
    let steps = vec![Step { instructions: "Say hello.".into(), checks: vec!["true".into()] }];
    let name = name.to_owned();
    TasksApiClient::create(
        client, name, steps, None, None, None, None, None, None, None, None, None, None, None, None, None,
        None, None,
    )
    .await
    .expect("a task")
}

/// A run of a new task. It cannot get far: there is no image.
pub async fn create_run(client: &WsClient) -> Run {
    let task = create_task(client, "A task").await;
    RunsApiClient::create(client, task.id, "acme/web".into(), None, None, None).await.expect("a run")
}

/// Waits for the end of a run.
pub async fn ended(client: &WsClient, run: RunId) -> Run {
    let mut frames = client.on_message(run, None).await.expect("a subscription");
    while !matches!(frames.next().await.expect("no cut").expect("a frame"), Frame::End) {}
    RunsApiClient::by_id(client, run).await.expect("the run")
}
