//! The client against an executor in this process that speaks the wire, but does nothing.

mod link;
mod wire;

use std::sync::{Arc, Mutex};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, Uri, header::AUTHORIZATION},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    serve::ListenerExt,
};
use hyper::upgrade::OnUpgrade;
use serde_json::Value;
use tokio::{net::TcpListener, sync::mpsc, task::JoinSet};

use super::*;
use crate::{
    endpoint::Endpoint,
    keys::{Identity, Keys},
};

const TOKEN: &str = "t0ken";

/// A request as it came: method, path with query, body.
type Asked = (Method, String, Value);
type Answer = Arc<dyn Fn(&Uri) -> Response + Send + Sync>;

/// An executor that gives every request the same kind of answer and remembers what it was asked.
struct Executor {
    agent: Agent,
    port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
    /// The executor's side of each link that was opened.
    links: mpsc::Receiver<OnUpgrade>,
    tasks: JoinSet<()>,
}

#[derive(Clone)]
struct Shared {
    asked: Arc<Mutex<Vec<Asked>>>,
    links: mpsc::Sender<OnUpgrade>,
    answer: Answer,
}

impl Executor {
    async fn start(answer: impl Fn(&Uri) -> Response + Send + Sync + 'static) -> Self {
        Self::start_late(0, answer).await
    }

    /// Hangs up on the first connections, as the engine's proxy does while nothing listens behind it.
    async fn start_late(hang_ups: usize, answer: impl Fn(&Uri) -> Response + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::default();
        let (router, links) = router(Arc::clone(&asked), answer);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            for _ in 0..hang_ups {
                drop(listener.accept().await.unwrap());
            }
            // Without this, each small answer on the link would wait 40 ms for an acknowledgement.
            let listener = listener.tap_io(|socket| socket.set_nodelay(true).unwrap());
            axum::serve(listener, router).await.unwrap();
        });
        Self { agent: agent_at(port, TOKEN), port, asked, links, tasks }
    }

    fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

/// What an executor serves, and the executor's side of each link that is opened on it.
fn router(
    asked: Arc<Mutex<Vec<Asked>>>,
    answer: impl Fn(&Uri) -> Response + Send + Sync + 'static,
) -> (Router, mpsc::Receiver<OnUpgrade>) {
    let (opened, links) = mpsc::channel(4);
    let shared = Shared { asked, links: opened, answer: Arc::new(answer) };
    let router = Router::new()
        .route("/link", axum::routing::get(link))
        .fallback(anything)
        .with_state(shared)
        .layer(middleware::from_fn(authorized));
    (router, links)
}

/// The client of what listens on this port of loopback.
fn agent_at(port: u16, token: &str) -> Agent {
    let endpoint: Endpoint = format!("127.0.0.1:{port}").parse().unwrap();
    Agent::new(Dial::to(&endpoint, &identity()), token.to_owned())
}

/// That of some instance.
fn identity() -> Identity {
    let folder = tempfile::tempdir().unwrap();
    let keys = Keys::load(&folder.path().join("server.key")).unwrap();
    keys.instance_identity(api::id::InstanceId::mint()).unwrap()
}

async fn authorized(headers: HeaderMap, request: Request, next: Next) -> Response {
    if headers.get(AUTHORIZATION).is_some_and(|it| it == "Bearer t0ken") {
        return next.run(request).await;
    }
    let failure = Failure { error: "the bearer token is wrong".to_owned(), git: None };
    (StatusCode::UNAUTHORIZED, Json(failure)).into_response()
}

async fn anything(State(shared): State<Shared>, method: Method, uri: Uri, body: Bytes) -> Response {
    let answer = (shared.answer)(&uri);
    let body = serde_json::from_slice(&body).unwrap_or_default();
    shared.asked.lock().unwrap().push((method, uri.to_string(), body));
    answer
}

async fn link(State(shared): State<Shared>, mut request: Request) -> Response {
    let wants = request.headers().get("upgrade").is_some_and(|it| it == "caisson-link");
    if !wants {
        return StatusCode::BAD_REQUEST.into_response();
    }
    shared.links.send(hyper::upgrade::on(&mut request)).await.unwrap();
    (StatusCode::SWITCHING_PROTOCOLS, [("connection", "upgrade"), ("upgrade", "caisson-link")])
        .into_response()
}
