//! A run that may ask for some models only, and what its answers and the log give away.

use std::{
    io,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Body, extract::Request, response::IntoResponse};
use bytes::Bytes;
use futures::StreamExt;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tracing_subscriber::fmt::MakeWriter;

use super::access;
use crate::{
    broker::{
        Access, Broker, Settings,
        loopback::Loopback,
        meter::recorder::{Note, Recorder},
    },
    secret::Secret,
    tasks::Tasks,
};

struct World {
    /// The bodies that arrived whole at the upstream.
    seen: Arc<Mutex<Vec<Bytes>>>,
    broker: Loopback,
    meter: Arc<Recorder>,
    _upstream: Loopback,
}

impl World {
    async fn start() -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&seen);
        let answer = move |request: Request| async move {
            if let Ok(body) = axum::body::to_bytes(request.into_body(), usize::MAX).await {
                keep.lock().unwrap().push(body);
            }
            "{}"
        };
        let upstream = Loopback::serve(Router::new().fallback(answer)).await;
        let settings = Settings {
            api_key: Some(Secret::new("real-key")),
            base_url: Some(upstream.at("").to_string()),
            ..Settings::default()
        };
        let meter = Recorder::open();
        let models = ["claude-sonnet-*", "claude-haiku-5-5"].map(str::to_owned).to_vec();
        let access = Access { models, ..access("token", meter.clone()) };
        let broker = Broker::new(&settings, Tasks::default()).unwrap();
        let broker = Loopback::serve(broker.router(access)).await;
        Self { seen, broker, meter, _upstream: upstream }
    }

    async fn post(&self, path: &str, headers: &[(&str, &str)], body: reqwest::Body) -> (u16, String) {
        let call = reqwest::Client::new().post(self.broker.at(path)).header("x-api-key", "token").body(body);
        let call = headers.iter().fold(call, |call, (name, value)| call.header(*name, *value));
        let answer = call.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    async fn ask(&self, body: &str) -> (u16, String) {
        self.post("/v1/messages", &[], body.to_owned().into()).await
    }
}

#[tokio::test]
async fn a_model_that_is_allowed_is_asked_with_the_same_bytes() {
    let world = World::start().await;
    let long = "x".repeat(50_000);
    for body in [
        r#"{"model":"claude-sonnet-5-5","messages":[]}"#.to_owned(),
        format!(
            r#"{{"max_tokens":1,"messages":[{{"role":"user","content":"{long}"}}],"model":"claude-haiku-5-5"}}"#
        ),
    ] {
        for path in ["/v1/messages?beta=true", "/v1/messages/count_tokens"] {
            assert_eq!(world.post(path, &[], body.clone().into()).await.0, 200);
            assert_eq!(world.seen.lock().unwrap().pop().unwrap(), body);
        }
    }
}

#[tokio::test]
async fn another_model_is_refused_in_words_and_not_asked() {
    let world = World::start().await;
    for path in ["/v1/messages", "/v1/messages/count_tokens"] {
        let body = r#"{"model":"claude-opus-5-5","messages":[]}"#;
        let (status, answer) = world.post(path, &[], body.into()).await;
        let error: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(
            (status, &error["type"], &error["error"]["type"]),
            (403, &json!("error"), &json!("permission_error"))
        );
        let why =
            "the model claude-opus-5-5 is not among this task's `models`: claude-sonnet-*, claude-haiku-5-5";
        assert_eq!(error["error"]["message"], why);
    }
    assert!(world.seen.lock().unwrap().is_empty());
    let notes = world.meter.notes(2).await;
    assert_eq!(
        notes,
        [Note::Forbidden, Note::Forbidden],
        "it is not metered, and says nothing of the credential"
    );
}

#[tokio::test]
async fn a_call_that_cannot_be_judged_is_refused() {
    let world = World::start().await;
    for body in [
        "",
        "{}",
        r#"{"messages":[]}"#,
        r#"{"model":null}"#,
        "x",
        r#"{"model":"claude-sonnet-5-5","model":"claude-opus-5-5"}"#,
    ] {
        assert_eq!(world.ask(body).await.0, 400, "{body}");
    }
    let late = format!(r#"{{"messages":"{}","model":"claude-sonnet-5-5"}}"#, "x".repeat(5 << 20));
    let (status, why) = world.ask(&late).await;
    assert!(status == 400 && why.contains("too late"), "{why}");
    let packed = [("content-encoding", "gzip")];
    assert_eq!(world.post("/v1/messages", &packed, r#"{"model":"claude-sonnet-5-5"}"#.into()).await.0, 400);
    assert!(world.seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_second_model_that_comes_late_breaks_the_call_off() {
    let world = World::start().await;
    for end in [r#""Model":"claude-opus-5-5"}"#, r#""tools":[{"type":"advisor","model":"claude-opus-5-5"}]}"#]
    {
        let (send, pieces) = mpsc::unbounded_channel::<Result<Bytes, io::Error>>();
        let body = reqwest::Body::wrap_stream(UnboundedReceiverStream::new(pieces));
        send.send(Ok(r#"{"model":"claude-sonnet-5-5","#.into())).unwrap();
        send.send(Ok(end.into())).unwrap();
        drop(send);
        let (status, why) = world.post("/v1/messages", &[], body).await;
        assert!(status == 403 || status == 400, "{status} {why}");
    }
    assert!(world.seen.lock().unwrap().is_empty(), "the upstream had no whole call");
}

#[tokio::test]
async fn a_call_is_still_streamed_once_its_model_is_known() {
    let echo = |request: Request| async { Body::from_stream(request.into_body().into_data_stream()) };
    let upstream = Loopback::serve(Router::new().fallback(echo)).await;
    let settings = Settings {
        api_key: Some(Secret::new("real-key")),
        base_url: Some(upstream.at("").to_string()),
        ..Settings::default()
    };
    let access = Access { models: vec!["a*".to_owned()], ..access("token", Recorder::open()) };
    let broker = Loopback::serve(Broker::new(&settings, Tasks::default()).unwrap().router(access)).await;
    let (send, pieces) = mpsc::unbounded_channel::<Result<Bytes, io::Error>>();
    let body = reqwest::Body::wrap_stream(UnboundedReceiverStream::new(pieces));
    send.send(Ok(r#"{"model":"ab","#.into())).unwrap();
    let call = reqwest::Client::new().post(broker.at("/v1/messages")).header("x-api-key", "token");
    let mut answer = call.body(body).send().await.unwrap().bytes_stream();
    assert_eq!(answer.next().await.unwrap().unwrap(), r#"{"model":"ab","#);
    send.send(Ok(r#""x":1}"#.into())).unwrap();
    assert_eq!(answer.next().await.unwrap().unwrap(), r#""x":1}"#);
}

/// Everything that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// An upstream that repeats what it is shown, everywhere it can, in two pieces.
async fn parrot(status: u16) -> Loopback {
    let answer = move |request: Request| async move {
        let headers = request.headers();
        let shown = headers.get("x-api-key").or_else(|| headers.get("authorization")).unwrap().clone();
        let said =
            json!({"error": {"message": format!("no such key: {}", shown.to_str().unwrap())}}).to_string();
        let (one, two) = said.split_at(said.len() - 8);
        let pieces = [one, two].map(|piece| Ok::<_, io::Error>(Bytes::copy_from_slice(piece.as_bytes())));
        let headers = [("x-echo", shown.clone()), ("set-cookie", shown.clone()), ("www-authenticate", shown)];
        let status = axum::http::StatusCode::from_u16(status).unwrap();
        (status, headers, Body::from_stream(futures::stream::iter(pieces))).into_response()
    };
    Loopback::serve(Router::new().fallback(answer)).await
}

#[tokio::test]
async fn no_credential_is_in_an_answer_or_in_the_log() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone());
    // With a second one, what is logged is not decided by other tests' threads, which have none.
    let _second = tracing::Dispatch::new(tracing_subscriber::fmt().with_writer(io::sink).finish());
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    let canary = || Some(Secret::new("canary-0123456789"));
    for status in [200, 400, 401, 403, 500] {
        for by_key in [true, false] {
            let upstream = parrot(status).await;
            let settings = Settings {
                api_key: canary().filter(|_| by_key),
                oauth_token: canary().filter(|_| !by_key),
                github_token: canary(),
                base_url: Some(upstream.at("").to_string()),
                ..Settings::default()
            };
            assert!(!format!("{settings:?}").contains("canary"));
            let (broker, meter) = (Broker::new(&settings, Tasks::default()).unwrap(), Recorder::open());
            assert!(!broker.describe().contains("canary"));
            let broker = Loopback::serve(broker.router(access("token", meter.clone()))).await;
            let call = reqwest::Client::new().post(broker.at("/v1/messages")).header("x-api-key", "token");
            let answer = call.body("{}").send().await.unwrap();
            let headers = format!("{:?}", answer.headers());
            let text = answer.text().await.unwrap();
            assert!(text.contains("no such key: "), "{text}");
            assert!(!text.contains("canary") && !headers.contains("canary"), "{text} {headers}");
            let notes = meter.notes(0).await;
            assert!(!format!("{notes:?}").contains("canary"), "{notes:?}");
            let refused = notes.iter().any(|note| matches!(note, Note::Refused(..)));
            assert_eq!(refused, status == 401 || status == 403, "{notes:?}");
        }
    }
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("the model refuses the credential"), "the log was kept");
    assert!(!log.contains("canary"), "{log}");
}

#[tokio::test]
async fn the_meter_is_told_what_a_call_can_cost_before_it_leaves() {
    let world = World::start().await;
    let body = |model: &str| format!(r#"{{"model":"{model}","messages":"{}"}}"#, "x".repeat(100_000));
    let mut told = Vec::new();
    for (model, headers) in
        [("claude-sonnet-5-5", &[][..]), ("claude-haiku-5-5", &[]), ("claude-sonnet-unheard-of", &[])]
    {
        assert_eq!(world.post("/v1/messages", headers, body(model).into()).await.0, 200);
        told.push(world.meter.most());
    }
    assert!(told[1] < told[0] && told[1].is_some_and(|most| 0.0 < most), "{told:?}");
    assert_eq!(told[2], None, "it has no price");
}
