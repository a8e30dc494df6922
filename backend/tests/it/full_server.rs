//! `caisson serve` whose data and log are on a disk that is full for a while.

use std::{
    fs::File,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::{
    disk::Disk,
    served::{SilentEngine, TOKEN},
};

/// How long something may take to come about.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server in a process of its own.
struct Server {
    child: Child,
    address: String,
    http: reqwest::Client,
}

impl Server {
    /// Starts it on this disk and waits until it answers.
    async fn start(disk: &Disk, engine: &SilentEngine) -> Self {
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
        let log = File::options().append(true).create(true).open(log_file(disk)).expect("a log file");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/demo.json");
        let child = Command::new(env!("CARGO_BIN_EXE_caisson"))
            .args([
                "serve",
                "--slots=1",
                "--auto-retries=0",
                "--image=caisson-no-such-image:1",
                "--log=debug",
            ])
            .arg(format!("--data-dir={}", disk.path().join("data").display()))
            .arg(format!("--admin-token={TOKEN}"))
            .arg(format!("--model=scripted:{}", script.display()))
            .arg(format!("--listen=127.0.0.1:{port}"))
            .arg(engine.setting())
            .stderr(log)
            .spawn()
            .expect("caisson starts");
        let server = Self { child, address: format!("127.0.0.1:{port}"), http: reqwest::Client::new() };
        eventually("the server answers", async || {
            server.http.get(server.url("/health")).send().await.is_ok()
        })
        .await;
        server
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    async fn call(&self, method: &str, params: Value) -> Value {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let request = self.http.post(self.url("/rpc")).bearer_auth(TOKEN).json(&body);
        request.send().await.expect("an answer").json().await.expect("JSON")
    }

    /// The result of a call that works.
    async fn result(&self, method: &str, params: Value) -> Value {
        let mut answer = self.call(method, params).await;
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].take()
    }

    async fn sign_in(&self) -> String {
        let login = self.http.post(self.url("/api/login")).json(&json!({ "token": TOKEN })).send().await;
        let login = login.expect("an answer");
        assert_eq!(login.status(), StatusCode::NO_CONTENT);
        let cookie = login.headers()["set-cookie"].to_str().expect("text");
        cookie.split(';').next().expect("a cookie").to_owned()
    }

    async fn with_session(&self, method: reqwest::Method, path: &str, cookie: &str) -> Response {
        let request = self.http.request(method, self.url(path)).header("cookie", cookie);
        request.header("origin", self.url("")).send().await.expect("an answer")
    }

    async fn knows(&self, cookie: &str) -> bool {
        let answer = self.with_session(reqwest::Method::GET, "/api/session", cookie).await;
        answer.status() == StatusCode::OK
    }

    async fn ready(&self) -> (StatusCode, Value) {
        let answer = self.http.get(self.url("/ready")).send().await.expect("an answer");
        (answer.status(), answer.json().await.expect("JSON"))
    }

    /// SIGTERM, and how it ends.
    async fn stop(mut self) -> ExitStatus {
        let pid = i32::try_from(self.child.id()).expect("a pid");
        kill(Pid::from_raw(pid), Signal::SIGTERM).expect("it lives");
        let waited = tokio::task::spawn_blocking(move || self.child.wait());
        tokio::time::timeout(PATIENCE, waited).await.expect("it stops").expect("no panic").expect("an end")
    }
}

fn log_file(disk: &Disk) -> PathBuf {
    disk.path().join("log")
}

/// Asks until it is so.
async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let asked = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(50));
        while !is_so().await {
            ticks.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, asked).await.unwrap_or_else(|_| panic!("not in time: {what}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_on_a_full_disk_says_so_obeys_and_loses_nothing() {
    let disk = Disk::new(8192);
    let engine = SilentEngine::start();
    let server = Server::start(&disk, &engine).await;
    let task = json!({ "name": "A task", "steps": [{ "instructions": "Say hello." }] });
    let task = server.result("tasks.create", task).await["id"].clone();
    let create = json!({ "taskId": task, "repository": "acme/web" });
    let live = server.result("runs.create", create.clone()).await["id"].clone();
    let state = async |server: &Server, id: &Value| {
        server.result("runs.byId", json!({ "id": id })).await["state"].as_str().expect("a state").to_owned()
    };
    eventually("a run is claimed", async || state(&server, &live).await != "queued").await;
    let queued = server.result("runs.create", create).await["id"].clone();
    let before = server.sign_in().await;

    disk.fill();
    let text = "x".repeat(200_000);
    let mut sent = 0;
    let refusal = loop {
        let answer = server.call("runs.send", json!({ "id": live, "text": text })).await;
        match answer["error"].is_null() {
            true => sent += 1,
            false => break answer["error"].clone(),
        }
    };
    assert_eq!(refusal["code"], -32003, "{refusal}");

    let (status, ready) = server.ready().await;
    assert_eq!((status, &ready["database"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("unavailable")));
    let why = ready["why"].as_str().expect("a reason");
    assert!(why.contains("its disk is full; make room on it"), "{why}");
    assert_eq!(server.result("system.status", Value::Null).await["database"]["detail"], why);
    let doctor = Command::new(env!("CARGO_BIN_EXE_caisson"))
        .args(["doctor", "--server", &server.url(""), "--token", TOKEN])
        .output()
        .expect("doctor runs");
    let said =
        String::from_utf8_lossy(&doctor.stdout).into_owned() + &String::from_utf8_lossy(&doctor.stderr);
    assert!(!doctor.status.success() && said.contains("its disk is full; make room on it"), "{said}");

    // Reading and listing.
    assert_eq!(server.result("runs.list", json!({})).await["items"].as_array().expect("runs").len(), 2);
    server.result("runs.messages", json!({ "id": live })).await;
    server.result("tasks.byId", json!({ "id": task })).await;
    // Signing in and out.
    let session = server.sign_in().await;
    assert!(server.knows(&session).await && server.knows(&before).await);
    let left = server.with_session(reqwest::Method::POST, "/api/logout", &before).await;
    assert_eq!(left.status(), StatusCode::SERVICE_UNAVAILABLE, "it is not stored");
    assert!(!server.knows(&before).await, "but it is so");
    // Cancelling.
    for run in [&live, &queued] {
        let error = server.call("runs.cancel", json!({ "id": run })).await["error"].clone();
        assert_eq!(error["code"], -32003, "it is not stored: {error}");
        assert!(error["data"]["retryAfterMs"].is_u64(), "{error}");
    }

    disk.empty();
    for run in [&live, &queued] {
        eventually("a cancelled run ends", async || state(&server, run).await == "ended").await;
        let run = server.result("runs.byId", json!({ "id": run })).await;
        assert_eq!(run["reason"], "cancelled_by_user", "{run}");
    }
    eventually("the database is well", async || server.ready().await.1["database"] == "ok").await;
    assert!(server.ready().await.1["why"].is_null());
    let kept =
        server.result("tasks.create", json!({ "name": "Kept", "steps": [{ "instructions": "." }] })).await;
    let log = || std::fs::read_to_string(log_file(&disk)).expect("a log");
    let logged = log().len();
    eventually("the log goes on", async || {
        server.ready().await;
        logged < log().len()
    })
    .await;
    assert!(!log().contains("panicked"), "{}", log());

    disk.fill();
    assert!(server.stop().await.success(), "SIGTERM ends it while the disk is full");
    disk.empty();
    let server = Server::start(&disk, &engine).await;
    server.result("tasks.byId", json!({ "id": kept["id"] })).await;
    assert!(server.knows(&session).await, "a session that was begun on a full disk was stored later");
    assert!(!server.knows(&before).await, "and the end of one, too");
    let events = server.result("runs.messages", json!({ "id": live })).await.to_string();
    assert_eq!(events.matches(&text).count(), sent, "every message that was taken is reported");
    server.stop().await;
}
