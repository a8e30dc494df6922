//! Servers, and proxies in front of them, that want something else or are in trouble.

use std::sync::atomic::AtomicUsize;

use api::executor::GitFailureCode as Code;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::{world::World, *};
use crate::tasks::Tasks;

/// Whether this is the transfer of a push, or of a fetch.
fn is(request: &Request, service: &str) -> bool {
    request.uri().path().ends_with(service)
}

fn plain(status: u16, body: &'static str) -> Option<Response> {
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    Some((StatusCode::from_u16(status).unwrap(), kind, body).into_response())
}

/// More than is held in memory, also after git has packed it.
fn noise() -> Vec<u8> {
    let mut state = 88_172_645_463_325_252_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    std::iter::repeat_with(next).take(3_000_000).collect()
}

#[tokio::test]
async fn a_server_that_wants_a_length_gets_one() {
    let world = World::behind(|request| {
        let is_known = request.headers().contains_key(header::CONTENT_LENGTH);
        if request.method() == "POST" && !is_known { plain(411, "") } else { None }
    })
    .await;
    world.clone_as("clone", &[]).await;
    world.commit("clone", "small", b"a").await;
    world.git("clone", &["-c", "http.postBuffer=1", "push", "origin", "HEAD:work"]).await.done();
    world.commit("clone", "large", &noise()).await;
    let push = ["push", "origin", "HEAD:work"];
    // The first large one says what is wanted, so that it can be repeated.
    world.git("clone", &push).await.refused("Caisson (interrupted): the git server 127.0.0.1, or a proxy");
    world.git("clone", &push).await.done();
    assert_eq!(world.head_of("own.git", "work").await, world.head_of("clone", "HEAD").await);
}

#[tokio::test]
async fn a_server_that_takes_a_megabyte_is_told_with_the_remedy() {
    let page = "<html><head><title>413 Request Entity Too Large</title></head><body>nginx</body></html>";
    let world = World::behind(move |request| {
        let length = request.headers().get(header::CONTENT_LENGTH);
        let length = length.map_or(u64::MAX, |length| length.to_str().unwrap().parse().unwrap());
        let too_large = request.method() == "POST" && 1 << 20 < length;
        let kind = [(header::CONTENT_TYPE, "text/html")];
        too_large.then(|| (StatusCode::PAYLOAD_TOO_LARGE, kind, page).into_response())
    })
    .await;
    world.clone_as("clone", &[]).await;
    world.commit("clone", "large", &noise()).await;
    let pushed = world.git("clone", &["push", "origin", "HEAD:work"]).await;
    pushed.refused("client_max_body_size");
    pushed.refused("remote: 413 Request Entity Too Large");
    pushed.refused("Caisson (rejected)");
}

#[tokio::test]
async fn the_words_of_a_refusal_are_told() {
    let words = "This repository was archived\nso it is read-only: f\u{fc}r immer.\n";
    let world = World::behind(move |request| {
        let is_push = request.uri().query() == Some("service=git-receive-pack");
        if is_push { plain(403, words) } else { None }
    })
    .await;
    world.clone_as("clone", &[]).await;
    world.commit("clone", "a.txt", b"a").await;
    let pushed = world.git("clone", &["push", "origin", "HEAD:work"]).await;
    pushed.refused("remote error: Caisson (auth_required): the git server 127.0.0.1 does not allow this");
    pushed.refused("so it is read-only: für immer.");
    let (broker, _) = world::run_of(&world.server_at("own.git"));
    let told = broker.may_push(&world.server_at("own.git")).await.unwrap_err().failure;
    assert_eq!(told.code, Code::AuthRequired);
    assert!(told.message.contains("The remote says:\nThis repository was archived\nso it is"), "{told:?}");
}

#[tokio::test]
async fn what_a_repository_has_is_asked_beforehand() {
    let world = World::start().await;
    let own = world.server_at("own.git");
    let (broker, _) = world::run_of(&own);
    let survey = broker.survey(&own).await.unwrap();
    assert_eq!((survey.names, survey.sha256), (vec!["HEAD".to_owned(), "refs/heads/main".to_owned()], false));
    broker.may_push(&own).await.unwrap();
    assert!(broker.survey(&world.server_at("other.git")).await.unwrap().names.is_empty());
    let missing = broker.survey(&world.server_at("missing.git")).await.unwrap_err();
    assert_eq!(missing.failure.code, Code::NotFound);
    let away = broker.survey(&"http://127.0.0.1:1/x".parse().unwrap()).await.unwrap_err();
    assert_eq!(away.failure.code, Code::Interrupted);
}

#[tokio::test]
async fn a_page_in_the_place_of_git_is_told() {
    let page = || ([(header::CONTENT_TYPE, "text/html")], "<title>Sign in</title>").into_response();
    let world = World::behind(move |_| Some(page())).await;
    let (broker, _) = world::run_of(&world.server_at("own.git"));
    let told = broker.survey(&world.server_at("own.git")).await.unwrap_err().failure;
    assert!(told.message.contains("does not answer as a git server"), "{told:?}");
    // It is no git server, so these are not its words.
    assert!(!told.message.contains("Sign in"), "{told:?}");
}

/// What libgit2, which the executor speaks git with, makes of trouble in a transfer.
#[tokio::test]
async fn trouble_in_a_transfer_reaches_libgit2_in_words() {
    let busy = |service: &'static str| {
        move |request: &Request| {
            let answer = plain(503, "come back later");
            answer.filter(|_| is(request, service)).map(|mut answer| {
                answer.headers_mut().insert(header::RETRY_AFTER, "3".parse().unwrap());
                answer
            })
        }
    };
    let world = World::behind(busy("/git-upload-pack")).await;
    let (own, folder) = (world.through_gateway("own.git"), tempfile::tempdir().unwrap());
    let clone = world.git(".", &["clone", &own, "clone"]).await;
    let expected = "Caisson (interrupted 3): the git server 127.0.0.1 is in trouble (HTTP status 503). \
                    The remote says: come back later";
    clone.refused(expected);
    let path = folder.path().to_owned();
    let clone = move || {
        let mut said = Vec::new();
        let mut callbacks = git2::RemoteCallbacks::new();
        callbacks.sideband_progress(|piece| {
            said.extend_from_slice(piece);
            true
        });
        let mut options = git2::FetchOptions::new();
        options.remote_callbacks(callbacks);
        let repository = git2::Repository::init(path).unwrap();
        let mut remote = repository.remote_anonymous(&own).unwrap();
        remote.fetch(&["main"], Some(&mut options), None).unwrap_err();
        drop(options);
        String::from_utf8(said).unwrap()
    };
    assert_eq!(tokio::task::spawn_blocking(clone).await.unwrap().trim_end(), expected);

    let world = World::behind(busy("/git-receive-pack")).await;
    world.clone_as("clone", &[]).await;
    world.commit("clone", "a.txt", b"a").await;
    let path = world.path("clone");
    let push = move || {
        let repository = git2::Repository::open(path).unwrap();
        let (why, said) = (std::cell::RefCell::new(String::new()), std::cell::RefCell::new(Vec::new()));
        let mut callbacks = git2::RemoteCallbacks::new();
        callbacks.sideband_progress(|piece| {
            said.borrow_mut().extend_from_slice(piece);
            true
        });
        callbacks.push_update_reference(|_, status| {
            why.replace(status.unwrap_or_default().to_owned());
            Ok(())
        });
        let mut options = git2::PushOptions::new();
        options.remote_callbacks(callbacks);
        repository
            .find_remote("origin")
            .unwrap()
            .push(&["HEAD:refs/heads/work"], Some(&mut options))
            .unwrap();
        drop(options);
        (why.into_inner(), String::from_utf8(said.into_inner()).unwrap())
    };
    let (why, said) = tokio::task::spawn_blocking(push).await.unwrap();
    assert_eq!(why, "Caisson (interrupted 3): the git server 127.0.0.1 is in trouble (HTTP status 503)");
    assert_eq!(said, "come back later\n");
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_is_opened_again() {
    let list = "001e# service=git-upload-pack\n00000000";
    let kind = "Content-Type: application/x-git-upload-pack-advertisement";
    let answer = format!("HTTP/1.1 200 OK\r\n{kind}\r\nContent-Length: {}\r\n\r\n{list}", list.len());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/own.git", listener.local_addr().unwrap()).parse().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    let tasks = Tasks::default();
    tasks.spawn("a server that closes its connections", move |_| async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            // The second request of each connection is read, and never answered.
            let _ = socket.read(&mut [0; 4096]).await;
            socket.write_all(answer.as_bytes()).await.unwrap();
            let _ = socket.read(&mut [0; 4096]).await;
        }
    });
    let (broker, _) = world::run_of(&url);
    for _ in 0..3 {
        broker.survey(&url).await.unwrap();
    }
    assert_eq!(connections.load(Ordering::SeqCst), 3);
}
