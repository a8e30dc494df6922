//! The real server on a free port, asked by real clients.

use std::time::Duration;

use futures::FutureExt;
use jsonrpsee::{
    RpcModule,
    core::client::{ClientT, SubscriptionClientT},
    rpc_params,
    types::ErrorObjectOwned,
    ws_client::{HeaderMap, WsClient, WsClientBuilder},
};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use super::*;
use crate::{app::tokens, config::Http, secret::Secret};

mod access;
mod rpc;

/// A running server. Its tasks end with the test's runtime.
struct World {
    address: SocketAddr,
    token: Secret,
    tasks: Tasks,
    client: reqwest::Client,
}

impl World {
    async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    async fn start_with(change: impl FnOnce(&mut Http)) -> Self {
        let mut http = Http {
            listen: "127.0.0.1:0".parse().unwrap(),
            allowed_hosts: vec!["caisson.example".to_owned()],
            trusted_proxy: false,
            max_body: 64 << 10,
            max_connections: 100,
            max_subscriptions: 2,
            login_attempts: 3,
            calls_per_second: 1000,
            calls_burst: 1000,
            calls_at_once: 100,
        };
        change(&mut http);
        let tasks = Tasks::default();
        let store = Store::open("sqlite::memory:", &tasks).await.unwrap();
        let token = tokens::first_start(&store, None).await.unwrap().unwrap();
        let audit = Audit::new(store.clone(), &tasks);
        let listener = bind(http.listen).await.unwrap();
        let address = listener.local_addr().unwrap();
        let rest = Router::new().route("/api/hello", axum::routing::get(async || "hello"));
        let well = Part { ok: true, detail: "well".to_owned() };
        let away = Part { ok: false, detail: "the socket of the engine is away".to_owned() };
        let readiness = Readiness { database: well, engine: away };
        let ready: Ready = Arc::new(move || std::future::ready(readiness.clone()).boxed());
        let parts = Parts { http, methods: methods().into(), rest, store, audit, ready };
        let serving = tasks.clone();
        tasks.spawn("server", |_| async move { serve(listener, parts, &serving).await });
        Self { address, token, tasks, client: reqwest::Client::new() }
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("http://{}{path}", self.address))
    }

    fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("http://{}{path}", self.address))
    }

    /// The answer to this body on `/rpc`, sent with the token.
    async fn rpc(&self, body: Value) -> Value {
        let request = self.post("/rpc").bearer_auth(self.token.expose()).json(&body);
        request.send().await.unwrap().json().await.unwrap()
    }

    /// The answer to one call.
    async fn call(&self, method: &str, params: Value) -> Value {
        self.rpc(json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })).await
    }

    async fn socket(&self, headers: &[(&str, &str)]) -> Result<WsClient, jsonrpsee::core::client::Error> {
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            all.insert(name.parse::<axum::http::HeaderName>().unwrap(), value.parse().unwrap());
        }
        WsClientBuilder::default().set_headers(all).build(format!("ws://{}/rpc", self.address)).await
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token.expose())
    }
}

/// One method that the wire knows, and three that it does not.
fn methods() -> RpcModule<()> {
    let mut module = RpcModule::new(());
    module.register_method("system.version", |_, (), _| "the version").unwrap();
    module.register_method("add", |params, (), _| params.parse::<[u32; 2]>().map(|[a, b]| a + b)).unwrap();
    module
        .register_method("fail", |_, (), _| {
            Err::<(), _>(ErrorObjectOwned::owned(-32603, "the disk is at /secret", None::<()>))
        })
        .unwrap();
    module
        .register_subscription("ticks", "tick", "ticksOff", |_, pending, _, _| async move {
            let sink = pending.accept().await?;
            sink.closed().await;
            Ok(())
        })
        .unwrap();
    discover(&mut module).unwrap();
    module
}

#[tokio::test]
async fn a_port_in_use_is_named_with_the_setting() {
    let world = World::start().await;
    let refused = bind(world.address).await.unwrap_err().to_string();
    assert!(refused.contains(&world.address.to_string()) && refused.contains("CAISSON_LISTEN"), "{refused}");
}

#[tokio::test]
async fn health_is_open_and_ready_tells_strangers_no_details() {
    let world = World::start().await;
    let health = world.get("/health").send().await.unwrap();
    assert_eq!(health.status(), StatusCode::OK);
    assert_eq!(
        health.json::<Value>().await.unwrap(),
        json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") })
    );
    let ready = world.get("/ready").send().await.unwrap();
    assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ready.json::<Value>().await.unwrap(), json!({ "database": "ok", "engine": "unavailable" }));
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let world = World::start().await;
    let policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
                  img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; \
                  form-action 'self'; frame-ancestors 'none'";
    let refused = world.get("/").header("host", "evil.example");
    for request in [world.get("/"), world.get("/health"), world.post("/rpc"), world.get("/api/none"), refused]
    {
        let answer = request.send().await.unwrap();
        let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
        assert_eq!(header("content-security-policy"), Some(policy), "{}", answer.url());
        assert_eq!(header("x-content-type-options"), Some("nosniff"));
        assert_eq!(header("referrer-policy"), Some("no-referrer"));
        assert!(header("cache-control").is_some(), "{}", answer.url());
    }
}

#[tokio::test]
async fn a_stop_closes_sockets_that_would_stay_open_for_ever() {
    let world = World::start().await;
    let socket = world.socket(&[("authorization", &world.bearer())]).await.unwrap();
    let mut ticks = socket.subscribe::<u32, _>("ticks", rpc_params![], "ticksOff").await.unwrap();
    assert!(world.tasks.drain(Duration::from_secs(10)).await, "every connection has ended");
    assert!(ticks.next().await.is_none());
    assert!(world.get("/health").send().await.is_err(), "nobody listens any more");
}
