//! Whole calls through the broker, to an upstream on loopback.

use axum::{Router, http::HeaderMap};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;

use super::*;
use crate::broker::loopback::Loopback;

/// The router of a metered run in front of an upstream that answers so, on loopback.
async fn served(upstream: Router, meter: &Arc<Recorder>) -> (Loopback, Loopback) {
    let upstream = Loopback::serve(upstream).await;
    let settings = with_key(Some(upstream.at("").to_string()));
    let broker = Broker::new(&settings, Tasks::default()).unwrap();
    (Loopback::serve(broker.router(access("token", Arc::<Recorder>::clone(meter)))).await, upstream)
}

fn call(broker: &Loopback, path: &str) -> reqwest::RequestBuilder {
    reqwest::Client::new().post(broker.at(path)).header("x-api-key", "token").body("{}")
}

#[tokio::test]
async fn an_agent_that_hangs_up_is_noticed_over_the_network() {
    let meter = Recorder::open();
    let answer = || async { events(stream::iter([START, TEXT].map(piece)).chain(stream::pending())) };
    let (broker, _upstream) = served(Router::new().fallback(answer), &meter).await;
    let mut answer = call(&broker, "/v1/messages?beta=true").send().await.unwrap();
    answer.chunk().await.unwrap().unwrap();
    drop(answer);
    let notes = meter.notes(2).await;
    assert!(matches!(&notes[..], [Note::Asked, Note::Spent(Spent { usd: Some(_), .. })]), "{notes:?}");
}

#[tokio::test]
async fn pieces_pass_as_they_come() {
    let (send, pieces) = mpsc::unbounded_channel::<Piece>();
    let pieces = Arc::new(std::sync::Mutex::new(Some(UnboundedReceiverStream::new(pieces))));
    let answer = move |headers: HeaderMap| async move {
        assert_eq!(headers["accept-encoding"], "identity");
        events(pieces.lock().unwrap().take().unwrap())
    };
    let meter = Recorder::open();
    let (broker, _upstream) = served(Router::new().fallback(answer), &meter).await;
    send.send(piece(START)).unwrap();
    let mut answer = call(&broker, "/v1/messages").send().await.unwrap();
    for text in [START, "data: {\"ty", "pe\": \"ping\"}\n", "\n"] {
        if text != START {
            send.send(piece(text)).unwrap();
        }
        assert_eq!(answer.chunk().await.unwrap().unwrap(), text);
    }
    drop(send);
    assert!(answer.chunk().await.unwrap().is_none());
    assert_eq!(meter.notes(2).await[1], spent(1, Some(2.00001)));
}

#[tokio::test]
async fn other_calls_are_neither_asked_about_nor_noted() {
    let meter = Recorder::closed();
    let (broker, _upstream) =
        served(Router::new().fallback(async || Json(json!({"input_tokens": 3}))), &meter).await;
    let answer = call(&broker, "/v1/messages/count_tokens").send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), r#"{"input_tokens":3}"#);
    let models = reqwest::Client::new().get(broker.at("/v1/models")).header("x-api-key", "token");
    assert_eq!(models.send().await.unwrap().status(), 200);
    assert_eq!(meter.notes(0).await, []);
}

#[tokio::test]
async fn an_upstream_that_is_away_costs_nothing() {
    let meter = Recorder::open();
    let broker = Broker::new(&with_key(Some("http://127.0.0.1:1".to_owned())), Tasks::default()).unwrap();
    let broker = Loopback::serve(broker.router(access("token", Arc::<Recorder>::clone(&meter)))).await;
    assert_eq!(call(&broker, "/v1/messages").send().await.unwrap().status(), 503);
    assert_eq!(meter.notes(1).await, [Note::Asked]);
}

/// What a scripted call is noted with.
async fn scripted(prices: Option<&Value>) -> Option<f64> {
    let folder = tempfile::tempdir().unwrap();
    let (script, file) = (folder.path().join("script.json"), folder.path().join("prices.json"));
    let turn =
        json!({"usage": {"input_tokens": 1_000_000, "output_tokens": 0}, "model": "claude-sonnet-5-5"});
    std::fs::write(&script, json!({"turns": [turn]}).to_string()).unwrap();
    std::fs::write(&file, prices.map(Value::to_string).unwrap_or_default()).unwrap();
    let model = Some(format!("scripted:{}", script.display()));
    let settings = Settings { model, prices: prices.map(|_| file), ..Settings::default() };
    let meter = Recorder::open();
    let broker = Broker::new(&settings, Tasks::default()).unwrap();
    let broker = Loopback::serve(broker.router(access("token", Arc::<Recorder>::clone(&meter)))).await;
    let body = json!({"stream": true, "tools": [{}], "messages": [{"role": "user", "content": "x"}]});
    let answer = call(&broker, "/v1/messages").body(body.to_string()).send().await.unwrap();
    assert!(answer.text().await.unwrap().ends_with("{\"type\":\"message_stop\"}\n\n"));
    match &meter.notes(2).await[..] {
        [Note::Asked, Note::Spent(spent)] if spent.usage.input_tokens == 1_000_000 => spent.usd,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_scripted_call_is_free_unless_it_was_given_a_price() {
    assert_eq!(scripted(None).await, Some(0.0));
    let price = |name: &str| json!({"models": {name: {"input": 9, "output": 9}}});
    assert_eq!(scripted(Some(&price("claude-sonnet-5-5"))).await, Some(9.0));
    assert_eq!(scripted(Some(&price("claude-opus-5-5"))).await, Some(0.0));
}
