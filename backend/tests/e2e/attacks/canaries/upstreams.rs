//! What the server holds credentials for: a model and a git server that want to see them.

use std::sync::{Arc, OnceLock};

use api::id::RunId;
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::any,
};
use backend::{
    broker::{Access, Broker, Meter, Permit, Settings, Spent},
    tasks::Tasks,
};
use futures::future::BoxFuture;
use tokio::net::TcpListener;
use tokio_util::{task::AbortOnDropHandle, task::TaskTracker};

/// A server of ours, for as long as it lives.
pub(super) struct Upstream {
    /// Where it listens: `127.0.0.1:PORT`.
    pub address: String,
    _serving: AbortOnDropHandle<()>,
}

impl Upstream {
    async fn serve(router: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let serving = TaskTracker::new().spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, _serving: AbortOnDropHandle::new(serving) }
    }

    /// A model that speaks Anthropic's protocol, plays a script, and wants to see this key: the broker of
    /// another server. Asked for its models it repeats what it was shown.
    pub(super) async fn model(script: &str, key: &str) -> Self {
        let settings = Settings { model: Some(format!("scripted:{script}")), ..Settings::default() };
        let access = Access {
            run: RunId::mint(),
            model_token: key.to_owned(),
            models: Vec::new(),
            repository: "http://127.0.0.1/none".parse().unwrap(),
            readable: Vec::new(),
            branch: "none".to_owned(),
            meter: Arc::new(Free),
        };
        let broker = Broker::new(&settings, Tasks::default()).unwrap().router(access);
        Self::serve(Router::new().route("/v1/models", any(echo)).fallback_service(broker)).await
    }

    /// A git server that wants to see this header, and passes on what is asked to the one whose address is set
    /// later.
    pub(super) async fn git(authorization: String, behind: Arc<OnceLock<String>>) -> Self {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let guard = Arc::new(Guard { authorization, behind, client });
        Self::serve(Router::new().fallback(any(guarded)).with_state(guard)).await
    }
}

/// It costs nothing.
struct Free;

impl Meter for Free {
    fn has_limit(&self) -> bool {
        false
    }

    fn admit(&self, _most: Option<f64>) -> BoxFuture<'_, Result<Permit, String>> {
        Box::pin(async { Ok(Box::new(()) as Permit) })
    }

    fn spent(&self, _: Spent) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    fn refused(&self, _: u16, _: String) {}

    fn named(&self, _: bool) {}
}

async fn echo(headers: HeaderMap) -> Response {
    let shown = headers.get("x-api-key").map_or("nothing", |value| value.to_str().unwrap()).to_owned();
    (StatusCode::IM_A_TEAPOT, [("x-echo", shown.clone())], format!("you showed {shown}.")).into_response()
}

struct Guard {
    authorization: String,
    behind: Arc<OnceLock<String>>,
    client: reqwest::Client,
}

async fn guarded(State(guard): State<Arc<Guard>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if parts.headers.get(header::AUTHORIZATION).is_none_or(|shown| *shown != *guard.authorization) {
        return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Basic realm=\"git\"")])
            .into_response();
    }
    let url = format!("{}{}", guard.behind.get().unwrap(), parts.uri);
    let passed = ["content-type", "content-encoding", "git-protocol"];
    let passed = passed.into_iter().filter_map(|name| Some((name, parts.headers.get(name)?)));
    let call = guard.client.request(parts.method, url).body(to_bytes(body, usize::MAX).await.unwrap());
    let answer = passed.fold(call, |call, (name, value)| call.header(name, value)).send().await.unwrap();
    let kind = answer.headers().get(header::CONTENT_TYPE).cloned();
    let mut passed_back = (answer.status(), Body::from_stream(answer.bytes_stream())).into_response();
    passed_back.headers_mut().extend(kind.map(|kind| (header::CONTENT_TYPE, kind)));
    passed_back
}
