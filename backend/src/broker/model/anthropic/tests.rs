use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Body, http::request::Parts};
use bytes::Bytes;
use futures::{StreamExt, stream};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;

use super::*;
use crate::{
    broker::{Broker, Settings, loopback::Loopback, meter::recorder::Recorder, model::tests::access},
    secret::Secret,
    tasks::Tasks,
};

const TOKEN: &str = "token-of-this-run";

/// An upstream that keeps what it was asked, and a broker in front of it.
struct World {
    seen: Arc<Mutex<Vec<(Parts, Bytes)>>>,
    broker: Loopback,
    _upstream: Loopback,
}

impl World {
    async fn with(settings: Settings) -> Self {
        let seen = Arc::new(Mutex::default());
        let keep = Arc::<Mutex<Vec<_>>>::clone(&seen);
        let answer = move |request: Request| async move {
            let (parts, body) = request.into_parts();
            let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
            keep.lock().unwrap().push((parts, body));
            let headers =
                [("request-id", "req_1"), ("set-cookie", "a=b"), ("connection", "x-hop"), ("x-hop", "1")];
            (StatusCode::from_u16(429).unwrap(), headers, "answer")
        };
        let upstream = Loopback::serve(Router::new().fallback(answer)).await;
        let base_url = Some(upstream.at("/base/").to_string());
        let broker = serve(&Settings { base_url, ..settings }).await;
        Self { seen, broker, _upstream: upstream }
    }

    async fn ask(&self, headers: &[(&str, &str)]) -> (reqwest::Response, Parts, Bytes) {
        let call = reqwest::Client::new().post(self.broker.at("/v1/messages?beta=true")).body("{\"a\": 1}");
        let call = headers.iter().fold(call, |call, (name, value)| call.header(*name, *value));
        let answer = call.send().await.unwrap();
        let (parts, body) = self.seen.lock().unwrap().pop().unwrap();
        (answer, parts, body)
    }
}

async fn serve(settings: &Settings) -> Loopback {
    let broker = Broker::new(settings, Tasks::default()).unwrap();
    Loopback::serve(broker.router(access(TOKEN, Recorder::open()))).await
}

fn with_key() -> Settings {
    Settings { api_key: Some(Secret::new("real-key\n")), ..Settings::default() }
}

fn values(parts: &Parts, name: &str) -> Vec<String> {
    parts.headers.get_all(name).iter().map(|value| value.to_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_call_is_passed_on_with_the_real_key_instead_of_the_runs() {
    let world = World::with(with_key()).await;
    let (answer, parts, body) = world
        .ask(&[
            ("authorization", &format!("Bearer {TOKEN}")),
            ("anthropic-version", "2023-06-01"),
            ("anthropic-beta", "a"),
            ("anthropic-beta", "b"),
            ("accept-encoding", "gzip, br"),
            ("cookie", "c=d"),
            ("proxy-authorization", "Basic x"),
            ("connection", "x-private"),
            ("x-private", "1"),
        ])
        .await;
    assert_eq!(parts.uri, "/base/v1/messages?beta=true");
    assert_eq!(&body[..], b"{\"a\": 1}");
    assert_eq!(values(&parts, "x-api-key"), ["real-key"]);
    assert_eq!(values(&parts, "anthropic-version"), ["2023-06-01"]);
    assert_eq!(values(&parts, "anthropic-beta"), ["a", "b"]);
    assert_eq!(values(&parts, "content-length"), ["8"]);
    assert_eq!(values(&parts, "accept-encoding"), ["identity"], "what is packed could not be metered");
    for gone in ["authorization", "cookie", "proxy-authorization", "x-private"] {
        assert!(!parts.headers.contains_key(gone), "{gone}");
    }
    assert!(!format!("{parts:?}").contains(TOKEN));
    assert_eq!(answer.status(), 429);
    assert_eq!(answer.headers()["request-id"], "req_1");
    assert!(!answer.headers().contains_key("set-cookie") && !answer.headers().contains_key("x-hop"));
    assert_eq!(answer.text().await.unwrap(), "answer");
}

#[tokio::test]
async fn an_oauth_token_is_shown_as_a_bearer_with_its_beta() {
    let settings = || Settings { oauth_token: Some(Secret::new("real-token")), ..Settings::default() };
    let world = World::with(settings()).await;
    let (_, parts, _) = world.ask(&[("x-api-key", TOKEN)]).await;
    assert_eq!(values(&parts, "authorization"), ["Bearer real-token"]);
    assert_eq!(values(&parts, "anthropic-beta"), [OAUTH_BETA]);
    assert!(!parts.headers.contains_key("x-api-key"));
    let asked = [("x-api-key", TOKEN), ("anthropic-beta", "a, oauth-2025-04-20"), ("anthropic-beta", "b")];
    let (_, parts, _) = world.ask(&asked).await;
    assert_eq!(values(&parts, "anthropic-beta"), ["a,b,oauth-2025-04-20"]);
}

#[tokio::test]
async fn both_ways_are_streamed_and_not_collected() {
    // The upstream answers each piece as it comes, before the request has ended.
    let echo = |request: Request| async { Body::from_stream(request.into_body().into_data_stream()) };
    let upstream = Loopback::serve(Router::new().fallback(echo)).await;
    let broker = serve(&Settings { base_url: Some(upstream.at("").to_string()), ..with_key() }).await;
    let (send, pieces) = mpsc::unbounded_channel::<Result<Bytes, std::io::Error>>();
    let body = reqwest::Body::wrap_stream(UnboundedReceiverStream::new(pieces));
    let call = reqwest::Client::new().post(broker.at("/v1/messages")).header("x-api-key", TOKEN).body(body);
    send.send(Ok("{\"one\":".into())).unwrap();
    let mut answer = call.send().await.unwrap().bytes_stream();
    assert_eq!(answer.next().await.unwrap().unwrap(), "{\"one\":");
    send.send(Ok("2}".into())).unwrap();
    assert_eq!(answer.next().await.unwrap().unwrap(), "2}");
    drop(send);
    assert!(answer.next().await.is_none());
}

#[tokio::test]
async fn an_answer_that_breaks_off_breaks_off_for_the_agent_too() {
    let answer = || async {
        let pieces = stream::iter([Ok("half")]).chain(stream::once(async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Err(std::io::Error::other("gone"))
        }));
        Body::from_stream(pieces)
    };
    let upstream = Loopback::serve(Router::new().fallback(answer)).await;
    let broker = serve(&Settings { base_url: Some(upstream.at("").to_string()), ..with_key() }).await;
    let call = reqwest::Client::new().post(broker.at("/v1/messages")).header("x-api-key", TOKEN);
    let mut answer = call.send().await.unwrap().bytes_stream();
    assert_eq!(answer.next().await.unwrap().unwrap(), "half");
    assert!(answer.next().await.unwrap().is_err());
}

#[tokio::test]
async fn an_upstream_that_is_away_is_an_error_the_agent_tries_again() {
    // Port 1 of loopback: nobody listens there.
    let broker = serve(&Settings { base_url: Some("http://127.0.0.1:1".to_owned()), ..with_key() }).await;
    let call = reqwest::Client::new().post(broker.at("/v1/messages")).header("x-api-key", TOKEN);
    let answer = call.send().await.unwrap();
    assert_eq!(answer.status(), 503);
    let error = answer.json::<serde_json::Value>().await.unwrap();
    assert_eq!(error["error"]["type"], "api_error");
    assert!(
        error["error"]["message"].as_str().unwrap().contains("127.0.0.1 could not be reached"),
        "{error}"
    );
}

#[tokio::test]
async fn a_redirect_of_the_model_is_not_followed() {
    let answer =
        || async { (StatusCode::TEMPORARY_REDIRECT, [("location", "http://127.0.0.1:1/v1/messages")]) };
    let upstream = Loopback::serve(Router::new().fallback(answer)).await;
    let broker = serve(&Settings { base_url: Some(upstream.at("").to_string()), ..with_key() }).await;
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let answer = client.post(broker.at("/v1/messages")).header("x-api-key", TOKEN).send().await.unwrap();
    assert_eq!(answer.status(), 307);
}
