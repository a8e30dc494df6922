//! What a hostile agent tries at the gateway beside what git would do.

use axum::routing::any;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{
    world::{World, credentials, run_of},
    *,
};
use crate::{
    broker::{Settings, loopback::Loopback},
    tasks::Tasks,
};

const NEW: &str = "2222222222222222222222222222222222222222";
const OLD: &str = "1111111111111111111111111111111111111111";

/// Sends these bytes as they are; answers everything that comes back.
async fn raw(gateway: &Loopback, request: &str) -> String {
    let mut socket = TcpStream::connect(gateway.at("").socket_addrs(|| None).unwrap()[0]).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

fn push(reference: &str, capabilities: &str) -> Vec<u8> {
    let mut body = Vec::new();
    pkt_line::write(&mut body, format!("{OLD} {NEW} {reference}\0{capabilities}").as_bytes());
    pkt_line::write_flush(&mut body);
    body.extend_from_slice(b"PACK");
    body
}

#[tokio::test]
async fn a_second_request_in_the_same_breath_is_judged_by_itself() {
    let world = World::start().await;
    let seen = world.seen().len();
    let own = Url::parse(&world.through_gateway("own.git")).unwrap();
    let other = Url::parse(&world.through_gateway("other.git")).unwrap();
    let get = |url: &Url, more: &str| {
        format!("GET {}/info/refs?service=git-upload-pack HTTP/1.1\r\nHost: x\r\n{more}\r\n", url.path())
    };
    let answer =
        raw(&world.gateway, &format!("{}{}", get(&own, ""), get(&other, "Connection: close\r\n"))).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 2);
    assert!(
        answer.contains("HTTP/1.1 403") && answer.contains("this run may use the repository"),
        "{answer}"
    );
    assert_eq!(world.seen().len(), seen + 1);
}

#[tokio::test]
async fn an_address_in_the_request_line_leads_nowhere_else() {
    let world = World::start().await;
    let own = Url::parse(&world.through_gateway("own.git")).unwrap();
    let ask = async |target: &str| {
        let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        raw(&world.gateway, &request).await
    };
    // The path is that of the run's own repository: it is answered by that, whatever the host says.
    let absolute = format!("http://203.0.113.1{}/info/refs?service=git-upload-pack", own.path());
    assert!(ask(&absolute).await.starts_with("HTTP/1.1 200"));
    assert!(
        ask("http://203.0.113.1/other.git/info/refs?service=git-upload-pack")
            .await
            .starts_with("HTTP/1.1 404")
    );
    assert!(world.seen().iter().all(|(path, _)| path.starts_with("/own.git/")));
}

#[tokio::test]
async fn two_lengths_of_one_push_are_refused() {
    let world = World::start().await;
    let (seen, own) = (world.seen().len(), Url::parse(&world.through_gateway("own.git")).unwrap());
    let body = String::from_utf8(push("refs/heads/main", "report-status")).unwrap();
    for headers in [
        "Content-Length: 4\r\nContent-Length: 5\r\n".to_owned(),
        "Transfer-Encoding: chunked, gzip\r\n".to_owned(),
        "Transfer-Encoding: gzip\r\n".to_owned(),
        format!("Content-Encoding: gzip\r\nContent-Length: {}\r\n", body.len()),
        format!("Content-Encoding: identity\r\nContent-Length: {}\r\n", body.len()),
    ] {
        let request = format!(
            "POST {}/git-receive-pack HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n{body}",
            own.path()
        );
        let answer = raw(&world.gateway, &request).await;
        assert!(
            answer.starts_with("HTTP/1.1 400") || answer.starts_with("HTTP/1.1 415"),
            "{headers}: {answer}"
        );
    }
    assert_eq!(world.seen().len(), seen);
}

#[tokio::test]
async fn options_of_a_push_do_not_pass() {
    let world = World::start().await;
    world.git("own.git", &["config", "receive.advertisePushOptions", "true"]).await.done();
    world.clone_as("clone", &[]).await;
    world.commit("clone", "a.txt", b"a").await;
    let before = world.references("own.git").await;
    let push = ["push", "--push-option", "merge_request.create", "origin", "HEAD:work"];
    world.git("clone", &push).await.refused("a push with push-options cannot pass the git gateway");
    assert_eq!(world.references("own.git").await, before);
    world.git("clone", &["push", "--atomic", "origin", "HEAD:work"]).await.done();
}

#[tokio::test]
async fn the_repositories_of_submodules_may_be_read_and_nothing_more() {
    let world = World::start().await;
    let (broker, mut access) = run_of(&world.server_at("own.git"));
    access.readable = vec![world.server_at("other.git")];
    let gateway = Loopback::serve(broker.router(access)).await;
    let other = gateway.at(Url::parse(&world.through_gateway("other.git")).unwrap().path()).to_string();
    world.git(".", &["clone", "--quiet", &other, "other"]).await.done();
    world.commit("other", "a.txt", b"a").await;
    world.git("other", &["push", "origin", "HEAD:work"]).await.refused("this run may only read");
}

#[tokio::test]
async fn a_credential_is_shown_to_its_host_only_and_what_repeats_it_is_blanked() {
    let folder = tempfile::tempdir().unwrap();
    let echo = any(|request: Request| async move {
        let shown = request.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned());
        let shown = shown.unwrap_or_else(|| "nothing".to_owned());
        let headers =
            [("x-echo", shown.clone()), ("www-authenticate", shown.clone()), ("x-kept", "1".to_owned())];
        (StatusCode::IM_A_TEAPOT, headers, format!("you showed {shown} or canary-password"))
    });
    let servers = [
        Loopback::serve(Router::new().fallback(echo.clone())).await,
        Loopback::serve(Router::new().fallback(echo)).await,
    ];
    let port = servers[0].at("").port().unwrap();
    let entry =
        json!([{"host": format!("127.0.0.1:{port}"), "username": "me", "password": "canary-password"}]);
    let settings = Settings {
        git_credentials: Some(credentials(folder.path(), &entry)),
        git_private: vec!["127.0.0.1".parse().unwrap()],
        ..Settings::default()
    };
    let broker = Broker::new(&settings, Tasks::default()).unwrap();
    for (server, expected) in servers.iter().zip(["Basic ", "nothing"]) {
        let (_, access) = run_of(&server.at("/own.git"));
        let gateway = Loopback::serve(broker.router(access)).await;
        let path = format!(
            "/git/http/127.0.0.1:{}/own.git/info/refs?service=git-upload-pack",
            server.at("").port().unwrap()
        );
        let answer = reqwest::get(gateway.at(&path)).await.unwrap();
        let all = format!("{:?}", answer.headers());
        let text = answer.text().await.unwrap();
        assert!(text.contains(&format!("HTTP status 418. The remote says: you showed {expected}")), "{text}");
        // me:canary-password
        for secret in ["canary-password", "bWU6Y2FuYXJ5LXBhc3N3b3Jk"] {
            assert!(!text.contains(secret) && !all.contains(secret), "{all} {text}");
        }
    }
}
