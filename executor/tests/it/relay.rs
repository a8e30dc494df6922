//! The relay: connections wait for a link, survive its replacement, and carry bytes both ways.

use std::net::SocketAddr;

use reqwest::StatusCode;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use crate::{git_server::dial, harness::World};

/// A server that answers each connection, once it has ended, with this name and what was said.
async fn echo(world: &World, name: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tasks = world.tasks.clone();
    world.tasks.spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tasks.spawn(async move {
                let mut said = name.as_bytes().to_vec();
                socket.read_to_end(&mut said).await.unwrap();
                socket.write_all(&said).await.unwrap();
            });
        }
    });
    address
}

async fn say(mut socket: TcpStream, text: &[u8]) -> Vec<u8> {
    let (mut reader, mut writer) = socket.split();
    let mut answer = Vec::new();
    let saying = async {
        writer.write_all(text).await.unwrap();
        // Half a close: the other half still carries the answer.
        writer.shutdown().await.unwrap();
    };
    let (_, read) = tokio::join!(saying, reader.read_to_end(&mut answer));
    read.unwrap();
    answer
}

#[tokio::test]
async fn megabytes_go_both_ways_on_many_connections_at_once() {
    let world = World::start("").await;
    let _link = dial(&world, echo(&world, "A").await).await;
    let text: Vec<u8> = (0..3_000_000_u32).map(|n| n as u8).collect();
    let all = (0..20).map(|_| async { say(TcpStream::connect(world.relay).await.unwrap(), &text).await });
    for answer in futures::future::join_all(all).await {
        assert_eq!(answer.len(), text.len() + 1);
        assert!(answer[1..] == text);
    }
}

#[tokio::test]
async fn a_connection_waits_for_the_link() {
    let world = World::start("").await;
    let socket = TcpStream::connect(world.relay).await.unwrap();
    let target = echo(&world, "late ").await;
    let (answer, _link) = tokio::join!(say(socket, b"hello"), dial(&world, target));
    assert_eq!(answer, b"late hello");
}

#[tokio::test]
async fn a_new_link_replaces_the_old_one_and_a_lost_one_is_waited_for() {
    let world = World::start("").await;
    let (first, second) = (echo(&world, "first ").await, echo(&world, "second ").await);
    let old = dial(&world, first).await;
    assert_eq!(say(TcpStream::connect(world.relay).await.unwrap(), b"a").await, b"first a");
    let new = dial(&world, second).await;
    assert_eq!(say(TcpStream::connect(world.relay).await.unwrap(), b"b").await, b"second b");
    drop((old, new));
    let socket = TcpStream::connect(world.relay).await.unwrap();
    let (answer, _link) = tokio::join!(say(socket, b"c"), dial(&world, first));
    assert_eq!(answer, b"first c");
}

/// A server that reads a request to its end, says so, and then either answers 200 or never.
async fn model(world: &World, name: &'static str, answers: bool) -> (SocketAddr, mpsc::Receiver<String>) {
    let (asked, requests) = mpsc::channel(8);
    let handler = move |request: axum::extract::Request| async move {
        let line = format!("{} {}", request.method(), request.uri());
        let body = axum::body::to_bytes(request.into_body(), usize::MAX).await.unwrap();
        asked.send(format!("{line} {}", String::from_utf8_lossy(&body))).await.unwrap();
        if !answers {
            std::future::pending::<()>().await;
        }
        name
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    world.tasks.spawn(async move { axum::serve(listener, axum::Router::new().fallback(handler)).await });
    (address, requests)
}

#[tokio::test]
async fn a_model_request_whose_link_breaks_before_the_answer_is_sent_again_on_the_next_link() {
    let world = World::start("").await;
    let (silent, mut lost) = model(&world, "", false).await;
    let (speaking, mut heard) = model(&world, "answer", true).await;
    let link = dial(&world, silent).await;
    let url = format!("http://{}/v1/messages?beta=true", world.relay);
    let client = reqwest::Client::new();
    let asking = world.tasks.spawn(client.post(&url).body("question").send());
    assert_eq!(lost.recv().await.unwrap(), "POST /v1/messages?beta=true question");
    drop(link);
    let _link = dial(&world, speaking).await;
    let answer = asking.await.unwrap().unwrap();
    assert_eq!((answer.status(), answer.text().await.unwrap().as_str()), (StatusCode::OK, "answer"));
    assert_eq!(heard.recv().await.unwrap(), "POST /v1/messages?beta=true question");
    // The same connection serves the next request, and what is large comes whole.
    let large = "x".repeat(3_000_000);
    let answer = client.post(&url).body(large.clone()).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "answer");
    assert!(heard.recv().await.unwrap().ends_with(&large));
}

#[tokio::test]
async fn a_push_whose_link_breaks_is_not_sent_again() {
    let world = World::start("").await;
    let (silent, mut lost) = model(&world, "", false).await;
    let (speaking, mut heard) = model(&world, "answer", true).await;
    let link = dial(&world, silent).await;
    let url = |path: &str| format!("http://{}{path}", world.relay);
    let client = reqwest::Client::new();
    let pushing = world.tasks.spawn(client.post(url("/git/http/host/a/git-receive-pack")).body("p").send());
    assert!(lost.recv().await.unwrap().starts_with("POST /git/"));
    drop(link);
    let _link = dial(&world, speaking).await;
    assert!(pushing.await.unwrap().is_err());
    client.post(url("/v1/messages")).send().await.unwrap();
    assert!(heard.recv().await.unwrap().starts_with("POST /v1/messages"));
}

#[tokio::test]
async fn a_model_request_that_the_broker_hangs_up_on_is_answered_with_a_sentence() {
    let world = World::start("").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let _link = dial(&world, listener.local_addr().unwrap()).await;
    world.tasks.spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let _ = socket.read(&mut [0; 16]).await;
        }
    });
    let url = format!("http://{}/v1/messages", world.relay);
    let answer = reqwest::Client::new().post(url).body("question").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
    assert!(answer.text().await.unwrap().contains("was cut"));
}

#[tokio::test]
async fn too_many_connections_are_answered_with_a_sentence() {
    let world = World::start("").await;
    let connect = || async { TcpStream::connect(world.relay).await.unwrap() };
    // Nobody dials, so all of these wait.
    let waiting = futures::future::join_all((0..32).map(|_| connect())).await;
    let url = format!("http://{}/v1/messages", world.relay);
    let response = reqwest::Client::new().post(url).body("x".repeat(100_000)).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let answer: Value = response.json().await.unwrap();
    assert!(answer["error"]["message"].as_str().unwrap().contains("no connection"), "{answer}");
    drop(waiting);
}

#[tokio::test]
async fn a_link_needs_its_protocol() {
    let world = World::start("").await;
    let plain = world.request(reqwest::Method::GET, "/link").send().await.unwrap();
    assert_eq!(plain.status(), StatusCode::BAD_REQUEST);
    let request = world.request(reqwest::Method::GET, "/link");
    let other = request.header("connection", "upgrade").header("upgrade", "websocket").send().await.unwrap();
    assert_eq!(other.status(), StatusCode::BAD_REQUEST);
}
