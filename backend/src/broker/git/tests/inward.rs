//! A repository's address as a way into the operator's network: what is connected to, and what comes back.

use std::sync::atomic::AtomicUsize;

use axum::http::Method;

use super::*;
use crate::broker::loopback::Loopback;

const CANARY: &str = "canary-of-an-internal-service";

/// A service that counts who asks it, and answers like this.
async fn service(
    answer: impl Fn(&Request) -> Response + Clone + Send + Sync + 'static,
) -> (Loopback, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let router = Router::new().fallback(move |request: Request| {
        counted.fetch_add(1, Ordering::SeqCst);
        let answer = answer(&request);
        async move { answer }
    });
    (Loopback::serve(router).await, asked)
}

/// The response to each of its requests to this repository, as the container gets it.
async fn told(broker: Broker, repository: &Url) -> Vec<String> {
    let (_, access) = world::run_of(repository);
    let gateway = Loopback::serve(broker.router(access)).await;
    let place = format!(
        "/git/{}/{}{}",
        repository.scheme(),
        &repository[url::Position::BeforeHost..url::Position::AfterPort],
        repository.path()
    );
    let mut said = Vec::new();
    for (method, end) in [
        (Method::GET, "info/refs?service=git-upload-pack"),
        (Method::GET, "info/refs?service=git-receive-pack"),
        (Method::POST, "git-upload-pack"),
    ] {
        let request = reqwest::Client::new().request(method, gateway.at(&format!("{place}/{end}")));
        let answer = request.send().await.unwrap();
        said.push(format!("{:?} {}", answer.headers().clone(), answer.text().await.unwrap()));
    }
    said
}

#[tokio::test]
async fn an_address_that_nobody_named_is_told_and_not_connected_to() {
    let (server, asked) = service(|_| CANARY.into_response()).await;
    let port = server.at("").port().unwrap();
    for host in
        ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "[::ffff:127.0.0.1]", "localhost", "localhost."]
    {
        let repository: Url = format!("http://{host}:{port}/o/r").parse().unwrap();
        let broker = world::broker(&[]);
        let refused = broker.check_repository(&repository).unwrap_err().to_string();
        assert!(refused.starts_with("repository: ") && refused.contains("CAISSON_GIT_PRIVATE"), "{refused}");
        for survey in [broker.survey(&repository).await.map(drop), broker.may_push(&repository).await] {
            let failure = survey.unwrap_err().failure;
            assert!(
                !failure.is_short() && failure.message.contains("a loopback or private address"),
                "{failure:?}"
            );
        }
        for said in told(broker, &repository).await {
            assert!(said.contains("CAISSON_GIT_PRIVATE") && !said.contains(CANARY), "{said}");
        }
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    // What is open there and what is not look the same.
    let same = |port: u16| async move {
        let url: Url = format!("http://127.0.0.1:{port}/o/r").parse().unwrap();
        world::broker(&[])
            .survey(&url)
            .await
            .unwrap_err()
            .failure
            .message
            .replace(&format!(":{port} "), ":PORT ")
    };
    assert_eq!(same(port).await, same(1).await);
}

#[tokio::test]
async fn only_an_answer_of_git_passes_from_a_host_that_is_named() {
    let git = "application/x-git-upload-pack-advertisement";
    let result = "application/x-git-upload-pack-result";
    for (kind, packed, body) in [
        ("application/json", false, format!("{{\"secret\": \"{CANARY}\"}}")),
        ("text/html", false, format!("<title>{CANARY}</title>")),
        ("text/plain", false, format!("001e# service=git-upload-pack\n0000{CANARY}")),
        (git, false, CANARY.to_owned()),
        (result, false, CANARY.to_owned()),
        (git, false, format!("{{\"secret\": \"{CANARY}\"}}")),
        (git, true, format!("001e# service=git-upload-pack\n0000{CANARY}")),
        (result, true, format!("0008NAK\n{CANARY}")),
    ] {
        let (shown, body) = (kind, body.clone());
        let (server, asked) = service(move |_| {
            let mut answer = ([(header::CONTENT_TYPE, shown)], body.clone()).into_response();
            if packed {
                answer.headers_mut().insert(header::CONTENT_ENCODING, "gzip".parse().unwrap());
            }
            answer
        })
        .await;
        let repository = server.at("/o/r");
        let broker = world::broker(&["127.0.0.1"]);
        let failure = broker.survey(&repository).await.unwrap_err().failure;
        assert!(!failure.message.contains(CANARY), "{kind}: {failure:?}");
        for said in told(broker, &repository).await {
            assert!(
                said.contains("does not answer as a git server does") && !said.contains(CANARY),
                "{kind}: {said}"
            );
        }
        assert_eq!(asked.load(Ordering::SeqCst), 4, "the control: it is connected to");
    }
}

#[tokio::test]
async fn a_redirect_from_a_named_host_leads_nowhere() {
    let (inner, asked) = service(|_| CANARY.into_response()).await;
    let place = inner.at("/latest/meta-data").to_string();
    for status in [301, 302, 303, 307, 308] {
        let place = place.clone();
        let (outer, _) = service(move |_| {
            let status = StatusCode::from_u16(status).unwrap();
            (status, [(header::LOCATION, place.clone())], CANARY).into_response()
        })
        .await;
        for said in told(world::broker(&["127.0.0.1"]), &outer.at("/o/r")).await {
            assert!(said.contains("has moved to") && !said.contains(CANARY), "{said}");
        }
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_credential_names_its_host_and_port() {
    let (server, asked) = service(|_| StatusCode::NOT_FOUND.into_response()).await;
    let port = server.at("").port().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let broker = |port: u16| {
        let entry =
            serde_json::json!([{"host": format!("127.0.0.1:{port}"), "token": "a-token-of-the-test"}]);
        let settings = crate::broker::Settings {
            git_credentials: Some(world::credentials(folder.path(), &entry)),
            ..Default::default()
        };
        Broker::new(&settings, crate::tasks::Tasks::default()).unwrap()
    };
    broker(1).survey(&server.at("/o/r")).await.unwrap_err();
    assert_eq!(asked.load(Ordering::SeqCst), 0, "the credential is another port's");
    let told = broker(port).survey(&server.at("/o/r")).await.unwrap_err();
    assert_eq!((told.failure.code, asked.load(Ordering::SeqCst)), (GitFailureCode::NotFound, 1));
}
