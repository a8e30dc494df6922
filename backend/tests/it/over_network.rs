//! An executor that is reached over a network: the real one and the real client, and what a listener on the way sees.

use std::{path::Path, process::Command};

use api::id::InstanceId;
use axum::{Router, routing::get};
use backend::{
    agent::{Agent, Dial, Error},
    endpoint::Endpoint,
    keys::{Identity, Keys},
};
use clap::Parser;
use executor::{Config, Executor};
use tokio::{io::AsyncReadExt, net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

const TOKEN: &str = "a-token-nobody-sees";

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    config: Config,
}

fn identities(folder: &Path) -> [Identity; 2] {
    let keys = Keys::load(&folder.join("server.key")).expect("keys");
    [(); 2].map(|()| keys.instance_identity(InstanceId::mint()).expect("an identity"))
}

/// An executor with this identity, not yet serving.
async fn executor(folder: &Path, identity: &str) -> Result<Executor, executor::Error> {
    let at = |name: &str, below: &str| format!("--{name}={}", folder.join(below).display());
    for name in ["workspace", "home"] {
        std::fs::create_dir_all(folder.join(name)).expect("a folder");
    }
    // Its worker, for a home that has nothing in it. Written by another process: a file that this one has open for
    // writing cannot be started while any other test forks.
    let worker = folder.join("worker");
    let script = r#"printf '#!/bin/sh\ncat >/dev/null\necho "{\\"Record\\":{}}"\n' > "$0" && chmod 755 "$0""#;
    assert!(Command::new("sh").args(["-c", script]).arg(&worker).status().expect("it runs").success());
    let settings = [
        String::new(),
        format!("--token={TOKEN}"),
        format!("--identity={identity}"),
        "--listen=127.0.0.1:0".to_owned(),
        "--relay=127.0.0.1:0".to_owned(),
        "--agent-user=".to_owned(),
        "--firewall=unchecked".to_owned(),
        at("spool", "spool"),
        at("workspace", "workspace"),
        at("agent-home", "home"),
        at("worker", "worker"),
    ];
    Executor::bind(Cli::parse_from(settings).config).await
}

/// A client that has to take this port for another machine's: a name is no loopback address, whoever has it.
fn client(port: u16, identity: &Identity) -> Agent {
    let endpoint: Endpoint = format!("localhost:{port}").parse().expect("an endpoint");
    Agent::new(Dial::to(&endpoint, identity), TOKEN.to_owned())
}

#[tokio::test]
async fn beyond_loopback_an_executor_is_asked_and_linked_in_tls_and_has_to_be_the_right_one() {
    let folder = tempfile::tempdir().unwrap();
    let [own, other] = identities(folder.path());
    let executor = executor(folder.path(), own.pem()).await.unwrap();
    let (port, relay) = (executor.address().unwrap().port(), executor.relay_address().unwrap());
    let stop = CancellationToken::new();
    let mut tasks = JoinSet::new();
    tasks.spawn({
        let stop = stop.clone();
        async move { executor.serve(stop).await.unwrap() }
    });

    let agent = client(port, &own);
    assert_eq!(agent.health().await.unwrap().firewall, "unchecked");
    let error = client(port, &other).health().await.unwrap_err();
    assert!(matches!(&error, Error::Unreachable(why) if why.contains("certificate")), "{error}");
    let plain: Endpoint = format!("127.0.0.1:{port}").parse().expect("an endpoint");
    let error = Agent::new(Dial::to(&plain, &own), TOKEN.to_owned()).health().await.unwrap_err();
    assert!(matches!(error, Error::Unreachable(_)), "{error}");

    // One that never shakes hands holds up nobody.
    let _silent = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let router = Router::new().route("/git/word", get(|| async { "over the link" }));
    let unlink = CancellationToken::new();
    let linked = agent.serve_link(router, unlink.clone());
    let ask = async {
        let answer = reqwest::get(format!("http://{relay}/git/word")).await.unwrap();
        assert_eq!(answer.text().await.unwrap(), "over the link");
        unlink.cancel();
    };
    let (linked, ()) = tokio::join!(linked, ask);
    linked.unwrap();
    stop.cancel();
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
}

#[tokio::test]
async fn what_listens_in_the_place_of_an_executor_never_sees_the_token() {
    let folder = tempfile::tempdir().unwrap();
    let [own, _] = identities(folder.path());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let agent = client(listener.local_addr().unwrap().port(), &own);
    let listen = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut seen = vec![0; 4096];
        let read = socket.read(&mut seen).await.unwrap();
        seen.truncate(read);
        seen
    };
    let (seen, answer) = tokio::join!(listen, agent.health());
    assert!(matches!(answer, Err(Error::Unreachable(_))), "{answer:?}");
    assert_eq!(seen[0], 0x16, "a TLS handshake");
    assert!(!seen.windows(TOKEN.len()).any(|part| part == TOKEN.as_bytes()));
}

#[tokio::test]
async fn an_identity_that_cannot_be_used_stops_the_executor_and_is_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let [own, _] = identities(folder.path());
    for damaged in ["", &own.pem()[..200], &own.pem().replace("PRIVATE", "PUBLIC")] {
        let error = executor(folder.path(), damaged).await.err().expect("it does not start").to_string();
        assert!(error.starts_with("CAISSON_IDENTITY cannot be used"), "{error}");
        assert!(damaged.lines().skip(1).all(|line| !error.contains(line)), "{error}");
    }
}
