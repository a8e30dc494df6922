//! Egress: what the gate is told, and what it tells, over a real socket.

use std::os::unix::net::UnixStream;

use api::executor::EgressReport;
use futures::future::{self, Either};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::unix::{OwnedReadHalf, OwnedWriteHalf},
};

use crate::harness::{World, execute_body, raw, read_until, write_script};

/// The gate's end of the line.
struct Gate {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
}

impl Gate {
    fn new(stream: UnixStream) -> Self {
        stream.set_nonblocking(true).unwrap();
        let (reader, writer) = tokio::net::UnixStream::from_std(stream).unwrap().into_split();
        Self { reader: BufReader::new(reader), writer }
    }

    async fn heard(&mut self) -> Value {
        let mut line = String::new();
        self.reader.read_line(&mut line).await.unwrap();
        serde_json::from_str(&line).unwrap()
    }

    async fn say(&mut self, line: Value) {
        self.writer.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }

    async fn deny(&mut self, host: &str, count: u64, source_port: u16) {
        let denied = json!({"host": host, "port": 443, "why": "not allowed", "count": count,
                            "lastAt": 1_700_000_000_000_i64 + count as i64, "sourcePort": source_port});
        self.say(json!({"denied": denied})).await;
    }
}

async fn start(agent: &str) -> (World, Gate) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    (World::start_gated(agent, ours).await, Gate::new(theirs))
}

async fn put(world: &World, allow: Value) -> (StatusCode, Value) {
    let request = world.request(Method::PUT, "/egress").json(&json!({"allow": allow}));
    let response = request.send().await.unwrap();
    (response.status(), response.json().await.unwrap())
}

async fn get(world: &World, after: u64) -> (StatusCode, Value) {
    let response = world.request(Method::GET, &format!("/egress?after={after}")).send().await.unwrap();
    (response.status(), response.json().await.unwrap())
}

async fn report(world: &World, after: u64) -> EgressReport {
    let (status, body) = get(world, after).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    serde_json::from_value(body).unwrap()
}

#[tokio::test]
async fn a_policy_is_told_as_a_whole_and_what_the_gate_refuses_is_said() {
    let (world, mut gate) = start("").await;
    let answer = async {
        let heard = gate.heard().await;
        gate.say(json!({"allowed": ["example.org"], "refused": [{"entry": "??", "why": "no host"}]})).await;
        (heard, gate)
    };
    let entries = json!(["example.org", "??", "tool:brew"]);
    let ((status, body), (heard, mut gate)) = tokio::join!(put(&world, entries.clone()), answer);
    assert_eq!(heard, json!({"allow": ["example.org", "??"]}));
    assert_eq!((status, &body["allowed"]), (StatusCode::OK, &json!(["example.org"])));
    let refused: Vec<_> =
        body["refused"].as_array().unwrap().iter().map(|one| one["entry"].clone()).collect();
    assert_eq!((refused, &body["version"]), (vec![json!("tool:brew"), json!("??")], &json!(1)));
    // The same again changes nothing; nothing at all is told as well.
    let again = async {
        gate.heard().await;
        gate.say(json!({"allowed": ["example.org"], "refused": [{"entry": "??", "why": "no host"}]})).await;
        let heard = gate.heard().await;
        gate.say(json!({"allowed": [], "refused": []})).await;
        (heard, gate)
    };
    let puts = async { (put(&world, entries).await, put(&world, json!([])).await) };
    let (((_, same), (_, none)), (heard, _gate)) = tokio::join!(puts, again);
    assert_eq!((&same["version"], &none["version"]), (&json!(1), &json!(2)));
    assert_eq!((heard, &none["allowed"]), (json!({"allow": []}), &json!([])));
}

#[tokio::test]
async fn denials_and_notices_arrive_while_they_are_waited_for_and_are_counted() {
    let (world, mut gate) = start("").await;
    let deny = async {
        gate.deny("a.example", 1, 9).await;
        gate
    };
    let (first, mut gate) = tokio::join!(report(&world, 0), deny);
    assert_eq!(
        (first.denied.len(), first.denied[0].host.as_str(), first.denied[0].port),
        (1, "a.example", Some(443))
    );
    assert_eq!(first.denied[0].last_at.as_millisecond(), 1_700_000_000_001);
    gate.deny("a.example", 40, 9).await;
    gate.say(json!({"notice": {"text": "b.example does not resolve"}})).await;
    gate.say(json!({"notice": {"text": "b.example does not resolve"}})).await;
    let mut last = first;
    while last.notices.is_empty() {
        last = report(&world, last.version).await;
    }
    assert_eq!((last.denied.len(), last.denied[0].count, last.notices.len()), (1, 40, 1));
}

#[tokio::test]
async fn who_asks_for_the_present_does_not_wait_for_something_to_tell() {
    let (world, mut gate) = start("").await;
    let present = async {
        let response = world.request(Method::GET, "/egress").send().await.unwrap();
        response.json::<EgressReport>().await.unwrap()
    };
    // Begun first: whoever waits as long as this one hears nothing before it does.
    let waiting = std::pin::pin!(report(&world, 0));
    let (present, waiting) = match future::select(waiting, std::pin::pin!(present)).await {
        Either::Right(answered) => answered,
        Either::Left((report, _)) => panic!("the other waited as long: {report:?}"),
    };
    assert_eq!(present, EgressReport::default());
    gate.deny("a.example", 1, 9).await;
    assert_eq!(waiting.await.denied.len(), 1, "and who wants something newer goes on waiting");
}

#[tokio::test]
async fn the_process_of_a_denial_is_named_where_it_is_known() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let script = format!("exec 7<>/dev/tcp/127.0.0.1/{port}; echo connected; read -r prompt; read -r go");
    let (world, mut gate) = start(&script).await;
    let mut stream = world.begin("a").await;
    let (_socket, agent) = listener.accept().await.unwrap();
    read_until(&mut stream, "connected").await;
    gate.deny("a.example", 1, agent.port()).await;
    let mut last = report(&world, 0).await;
    while last.denied[0].process.is_none() {
        last = report(&world, last.version).await;
    }
    let process = last.denied[0].process.clone().unwrap();
    assert!(process.starts_with("agent: ") && process.contains("/agent"), "{process}");
}

#[tokio::test]
async fn without_a_gate_nothing_can_be_allowed() {
    let world = World::start("").await;
    let (status, body) = put(&world, json!(["example.org"])).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(body["error"].as_str().unwrap().contains("no gate"), "{body}");
    let (status, body) = put(&world, json!([])).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(body, json!({"version": 0, "allowed": [], "refused": [], "denied": [], "notices": []}));
}

#[tokio::test]
async fn a_gate_that_is_gone_or_raves_is_no_gate() {
    for line in [None, Some(json!("?"))] {
        let (world, mut gate) = start("").await;
        gate.deny("a.example", 1, 9).await;
        report(&world, 0).await;
        match line {
            Some(line) => gate.say(line).await,
            None => drop(gate),
        }
        // Who waits is told at once.
        let (status, body) = get(&world, 1).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{body}");
        let (status, body) = put(&world, json!(["example.org"])).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(body["error"].as_str().unwrap().starts_with("nothing gets out"), "{body}");
    }
}

#[tokio::test]
async fn lists_without_measure_are_refused() {
    let (world, _gate) = start("").await;
    for (allow, text) in [(json!(vec!["a"; 1001]), "allow: "), (json!(["a", "b".repeat(301)]), "allow[1]: ")]
    {
        let (status, body) = put(&world, allow).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(body["error"].as_str().unwrap().starts_with(text), "{body}");
    }
}

#[tokio::test]
async fn no_process_of_the_agent_inherits_the_line() {
    let script = "for fd in /proc/self/fd/*; do readlink $fd; done; read -r prompt";
    let (folder, config) = World::start(script).await.stop().await;
    let (ours, theirs) = UnixStream::pair().unwrap();
    let program = crate::process::program(&config).stdin(std::os::fd::OwnedFd::from(ours)).spawn().unwrap();
    let mut gate = Gate::new(theirs);
    let (_program, address) = crate::process::listening(program).await;
    let client = reqwest::Client::new();
    let request = |method, path: &str| {
        client.request(method, format!("http://{address}{path}")).bearer_auth(crate::harness::TOKEN)
    };
    let allow = request(Method::PUT, "/egress").json(&json!({"allow": ["example.org"]})).send();
    let answer = async {
        gate.heard().await;
        gate.say(json!({"allowed": ["example.org"], "refused": []})).await;
    };
    let (allowed, ()) = tokio::join!(allow, answer);
    assert_eq!(allowed.unwrap().status(), StatusCode::OK, "the line is standard input");
    let body = execute_body("a", json!({}));
    let text = request(Method::POST, "/execute").json(&body).send().await.unwrap().text().await.unwrap();
    let lines = crate::harness::parse(&text);
    let open = raw(&lines).join("\n");
    assert!(open.contains("pipe:") && !open.contains("socket:"), "{open}");
    drop(folder);
}

#[tokio::test]
async fn with_a_user_of_its_own_the_agent_is_looked_into_as_itself_and_tools_run_as_nobody() {
    if !nix::unistd::getuid().is_root() {
        eprintln!("needs root to become another user; not tested here");
        return;
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let script = format!("exec 7<>/dev/tcp/127.0.0.1/{port}; echo connected; read -r prompt; read -r go");
    let (ours, theirs) = UnixStream::pair().unwrap();
    let (folder, mut config) = World::start(&script).await.stop().await;
    let bin = folder.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    let npm = "echo https://u$(id -u).example.org; ! grep -q '^Cap[A-Z][a-z]*:.*[1-9a-f]' /proc/self/status";
    write_script(&bin.join("npm"), npm);
    // A number that nobody else has.
    let uid = 2_000_000 + std::process::id();
    (config.agent_user, config.path) = (uid.to_string(), format!("{}:{}", bin.display(), config.path));
    for place in [&config.workspace, &config.agent_home] {
        std::os::unix::fs::chown(place, Some(uid), Some(uid)).unwrap();
    }
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder.path(), open).unwrap();
    let world = World::serve_gated(folder, config, ours).await;
    let mut gate = Gate::new(theirs);
    let answer = async {
        let heard = gate.heard().await;
        gate.say(json!({"allowed": heard["allow"], "refused": []})).await;
        gate
    };
    let ((_, body), mut gate) = tokio::join!(put(&world, json!(["tool:npm"])), answer);
    assert_eq!(body["allowed"], json!(["u65534.example.org:443"]), "{body}");
    let mut stream = world.begin("a").await;
    let (_socket, agent) = listener.accept().await.unwrap();
    read_until(&mut stream, "connected").await;
    gate.deny("a.example", 1, agent.port()).await;
    let mut last = report(&world, 1).await;
    while last.denied[0].process.is_none() {
        last = report(&world, last.version).await;
    }
    assert!(last.denied[0].process.as_ref().unwrap().starts_with("agent: "), "{last:?}");
}
