//! Every request of a connection is judged.

use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::{
    wire::{echo, exchange, message, rest},
    world::World,
};

const HOST: &str = "192.0.2.10:80";

/// Answers each request with its head.
async fn mirror(mut stream: TcpStream) {
    while let Some(request) = message(&mut stream).await {
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{request}", request.len());
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn world() -> World {
    let mut world = World::new(&["allowed.example"]).await;
    world.resolves("allowed.example", &["192.0.2.10"]);
    world.host(HOST, mirror).await;
    world.look_up("allowed.example").await;
    world
}

async fn get(stream: &mut TcpStream, host: &str) -> String {
    stream.write_all(format!("GET /x HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).await.unwrap();
    message(stream).await.unwrap()
}

#[tokio::test]
async fn each_request_on_a_connection_is_judged_by_its_own_host() {
    let world = world().await;
    let mut stream = world.connect(HOST).await;
    assert!(get(&mut stream, "allowed.example").await.starts_with("HTTP/1.1 200 OK"));
    assert!(get(&mut stream, "Allowed.example:80").await.contains("GET /x HTTP/1.1"));
    let refused = get(&mut stream, "forbidden.example").await;
    assert!(
        refused.starts_with("HTTP/1.1 403") && refused.contains("forbidden.example is not allowed"),
        "{refused}"
    );
    assert_eq!(rest(&mut stream).await, b"");
    assert_eq!(world.denied().await.host, "forbidden.example");
}

#[tokio::test]
async fn a_policy_that_changes_holds_from_the_next_request_on() {
    let world = world().await;
    let mut stream = world.connect(HOST).await;
    assert!(get(&mut stream, "allowed.example").await.starts_with("HTTP/1.1 200"));
    world.allow(&["allowed.example", "other.example"]);
    assert!(get(&mut stream, "other.example").await.starts_with("HTTP/1.1 200"));
    world.allow(&["other.example"]);
    assert!(get(&mut stream, "allowed.example").await.starts_with("HTTP/1.1 403"));
}

#[tokio::test]
async fn a_body_that_hides_a_second_request_is_not_taken_for_one() {
    let world = world().await;
    let mut stream = world.connect(HOST).await;
    let hidden = "GET /hidden HTTP/1.1\r\nHost: forbidden.example\r\n\r\n";
    let request = format!(
        "POST /x HTTP/1.1\r\nHost: allowed.example\r\nContent-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}",
        hidden.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let answer = String::from_utf8(rest(&mut stream).await).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("Transfer-Encoding"), "{answer}");
    // The server read one request, whose length it could read in one way only.
    assert!(answer.matches("HTTP/1.1").count() == 2 && !answer.contains("Length: 6"), "{answer}");
}

#[tokio::test]
async fn what_only_looks_like_http_is_refused() {
    let world = world().await;
    for (trick, answered) in [
        ("get / HTTP/1.1\r\nHost: allowed.example\r\n\r\n", false),
        ("\r\nGET / HTTP/1.1\r\nHost: allowed.example\r\n\r\n", false),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", true),
    ] {
        let mut stream = world.connect(HOST).await;
        stream.write_all(trick.as_bytes()).await.unwrap();
        let answer = rest(&mut stream).await;
        assert_eq!(answer.starts_with(b"HTTP/1.1 403"), answered, "{}", answer.escape_ascii());
        assert!(!answer.starts_with(b"HTTP/1.1 200"));
    }
}

#[tokio::test]
async fn a_websocket_becomes_a_stream_and_nothing_else_does() {
    let mut world = world().await;
    world
        .host(HOST, |mut stream| async move {
            let request = message(&mut stream).await.unwrap().to_ascii_lowercase();
            if request.contains("upgrade: ") {
                let answer =
                    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
                stream.write_all(answer).await.unwrap();
                echo(stream).await;
            } else {
                stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
            }
        })
        .await;
    let ask = |protocol| {
        format!(
            "GET / HTTP/1.1\r\nHost: allowed.example\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n\r\n"
        )
    };
    let mut stream = world.connect(HOST).await;
    stream.write_all(ask("websocket").as_bytes()).await.unwrap();
    assert!(message(&mut stream).await.unwrap().starts_with("HTTP/1.1 101"));
    exchange(&mut stream, b"\x81\x05hello", b"\x81\x05hello").await;

    for protocol in ["h2c", "TLS/1.0", "websocket, h2c"] {
        let mut stream = world.connect(HOST).await;
        stream.write_all(ask(protocol).as_bytes()).await.unwrap();
        assert!(message(&mut stream).await.unwrap().starts_with("HTTP/1.1 204"), "{protocol}");
    }
}
