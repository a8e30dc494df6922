//! Repositories and submodules as a way into the operator's network, as callers try it.

use std::net::TcpListener;

use serde_json::{Value, json};

use crate::served::Served;

/// This machine, in every spelling.
const SPELLINGS: [&str; 13] = [
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.01",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "localhost",
    "１２７.0.0.1",
];

/// A service of the operator's own, which counts its visitors.
struct Inner {
    listener: TcpListener,
    port: u16,
}

impl Inner {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a socket");
        let port = listener.local_addr().expect("an address").port();
        Self { listener, port }
    }

    /// Nobody has connected.
    fn alone(&self) {
        let visitor = self.listener.accept();
        assert!(visitor.is_err(), "somebody connected: {visitor:?}");
    }
}

fn task(submodules: &[String]) -> Value {
    json!({ "name": "A task", "steps": [{ "instructions": "x" }], "submodules": submodules })
}

async fn create_task(server: &Served) -> Value {
    server.call("tasks.create", task(&[])).await["result"]["id"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_address_that_nobody_named_is_refused_and_not_connected_to() {
    let (server, inner) = (Served::start(&[]).await, Inner::start());
    let id = create_task(&server).await;
    let port = inner.port;
    let http = SPELLINGS.map(|host| format!("http://{host}:{port}/o/r"));
    let closed =
        ["http://10.0.0.1/o/r", "https://192.168.1.1/o/r", "http://[fd00::1]/o/r", "http://100.64.0.1/o/r"];
    for repository in http.into_iter().chain(closed.map(str::to_owned)) {
        let run = json!({ "taskId": id, "repository": repository });
        let (code, data) = server.refusal("runs.create", run).await;
        let why = data["why"].as_str().expect("why");
        assert_eq!((code, &data["field"]), (-32602, &json!("repository")), "{data}");
        assert!(
            why.contains("a loopback or private address") && why.contains("CAISSON_GIT_PRIVATE"),
            "{why}"
        );
        let batch = json!({ "taskId": id, "repositories": ["acme/web", repository] });
        let (_, data) = server.refusal("batches.create", batch).await;
        assert!(data["why"].as_str().is_some_and(|why| why.starts_with("repositories[1]: ")), "{data}");
        let submodules = ["acme/lib".to_owned(), repository];
        let (_, data) = server.refusal("tasks.create", task(&submodules)).await;
        assert_eq!(data["field"], json!("submodules[1]"), "{data}");
    }
    for repository in ["git@127.1:o/r".to_owned(), format!("ssh://git@2130706433:{port}/o/r")] {
        let (_, data) =
            server.refusal("runs.create", json!({ "taskId": id, "repository": repository })).await;
        assert!(data["why"].as_str().is_some_and(|why| why.contains("resolves to 127.0.0.1")), "{data}");
    }
    inner.alone();
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_is_refused_whatever_is_named() {
    let server = Served::start(&["--git-private=0.0.0.0/0,::/0"]).await;
    let id = create_task(&server).await;
    for host in [
        "169.254.169.254",
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "[::ffff:169.254.169.254]",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "100.100.100.200",
        "168.63.129.16",
        "0.0.0.0",
        "224.0.0.1",
    ] {
        let run = json!({ "taskId": id, "repository": format!("http://{host}/latest/meta-data") });
        let (_, data) = server.refusal("runs.create", run).await;
        assert!(
            data["why"].as_str().is_some_and(|why| why.contains("Caisson never connects")),
            "{host}: {data}"
        );
        let submodules = [format!("https://{host}/o/r")];
        assert_eq!(
            server.refusal("tasks.create", task(&submodules)).await.1["field"],
            json!("submodules[0]")
        );
    }
    for host in ["169.254.169.254", "fe80::1", "fd00:ec2::254", "169.254.0.0/16", "100.100.100.200:8080"] {
        let mut task = task(&[]);
        task["egress"] = json!([host]);
        let (_, data) = server.refusal("tasks.create", task).await;
        assert_eq!(data["field"], json!("egress[0]"), "{data}");
        let (_, data) = server.refusal("tasks.allow", json!({ "id": id, "host": host })).await;
        assert_eq!(data["field"], json!("host"), "{data}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_operator_names_is_taken_and_the_doctor_shows_it() {
    let server = Served::start(&["--git-private=127.0.0.1:3000, git.internal,10.1.2.0/24"]).await;
    let id = create_task(&server).await;
    for repository in ["http://127.1:3000/o/r", "http://10.1.2.3/o/r", "https://git.internal/o/r"] {
        let run = server.call("runs.create", json!({ "taskId": id, "repository": repository })).await;
        assert_eq!(run["result"]["repository"], json!(repository), "{run}");
    }
    for repository in ["http://127.0.0.1:3001/o/r", "http://10.1.3.3/o/r"] {
        let (_, data) =
            server.refusal("runs.create", json!({ "taskId": id, "repository": repository })).await;
        assert_eq!(data["field"], json!("repository"));
    }
    let status = server.call("system.status", Value::Null).await["result"].clone();
    let git = status["findings"].as_array().expect("findings").iter().find(|it| it["name"] == "git");
    let detail = git.expect("git")["detail"].as_str().expect("words");
    assert!(detail.ends_with("those that are named: 127.0.0.1:3000, git.internal, 10.1.2.0/24"), "{detail}");
}
