mod over_loopback;

use std::{sync::LazyLock, time::Duration};

use api::run::Usage;
use axum::{Json, response::IntoResponse};
use bytes::Bytes;
use futures::{FutureExt, Stream, stream};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    broker::{
        Access, Broker, Settings,
        meter::recorder::{Note, Recorder},
        model::{allowed::Models, tests::access, unpriced::Unpriced},
    },
    secret::Secret,
    tasks::Tasks,
};

const START: &str = "event: message_start\ndata: {\"type\": \"message_start\", \"message\": {\"model\": \"claude-sonnet-5-5-20260101\", \
                     \"usage\": {\"input_tokens\": 1000000, \"output_tokens\": 1}}}\n\n";
const TEXT: &str = "data: {\"type\": \"content_block_delta\", \"delta\": {\"text\": \"twelve chars\"}}\n\n";
const DELTA: &str = "data: {\"type\": \"message_delta\", \"usage\": {\"output_tokens\": 100000}}\n\n";
const STOP: &str = "event: message_stop\ndata: {\"type\": \"message_stop\"}\n\n";

type Piece = Result<Bytes, std::io::Error>;

fn with_key(base_url: Option<String>) -> Settings {
    Settings { api_key: Some(Secret::new("real-key")), base_url, ..Settings::default() }
}

fn bill(settings: &Settings, meter: &Arc<Recorder>) -> Bill {
    bill_of(Broker::new(settings, Tasks::default()).unwrap(), meter)
}

fn bill_of(broker: Broker, meter: &Arc<Recorder>) -> Bill {
    let Access { run, model_token: token, meter, .. } = access("token", Arc::<Recorder>::clone(meter));
    Bill::open(
        Arc::new(Model {
            broker,
            run,
            token,
            models: Arc::new(Models::new(Vec::new())),
            meter,
            unpriced: Unpriced::new(),
            room: crate::room::Room::of(1 << 20),
        }),
        Box::new(()),
    )
}

/// A streamed answer of these pieces.
fn events(pieces: impl Stream<Item = Piece> + Send + 'static) -> Response {
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(pieces)).into_response()
}

fn piece(text: &'static str) -> Piece {
    Ok(Bytes::from_static(text.as_bytes()))
}

fn spent(output_tokens: i64, usd: Option<f64>) -> Note {
    let usage = Usage { input_tokens: 1_000_000, output_tokens, ..Usage::default() };
    Note::Spent(Spent { model: "claude-sonnet-5-5-20260101".to_owned(), usage, usd })
}

#[tokio::test]
async fn the_last_bytes_wait_until_the_cost_is_noted() {
    let meter = Recorder::open();
    meter.write(false);
    let answer = events(stream::iter([START, TEXT, DELTA, STOP].map(piece)));
    let mut answer = bill(&with_key(None), &meter).follow(answer).into_body().into_data_stream();
    for passed in [START, TEXT, DELTA] {
        assert_eq!(answer.next().await.unwrap().unwrap(), passed);
    }
    assert!(answer.next().now_or_never().is_none(), "the end was passed on before the cost was noted");
    assert_eq!(meter.notes(1).await, [spent(100_000, Some(3.0))]);
    assert!(answer.next().now_or_never().is_none());
    meter.write(true);
    assert_eq!(answer.next().await.unwrap().unwrap(), STOP);
    assert!(answer.next().await.is_none());
    assert_eq!(meter.notes(1).await.len(), 1, "told once");
}

#[tokio::test]
async fn an_answer_that_is_not_streamed_waits_as_well() {
    let message = json!({"model": "claude-sonnet-5-5-20260101", "usage": {"input_tokens": 1_000_000, "output_tokens": 0}});
    let meter = Recorder::open();
    meter.write(false);
    let mut answer =
        bill(&with_key(None), &meter).follow(Json(&message).into_response()).into_body().into_data_stream();
    assert!(answer.next().now_or_never().is_none());
    assert_eq!(meter.notes(1).await, [spent(0, Some(2.0))]);
    meter.write(true);
    assert_eq!(answer.next().await.unwrap().unwrap(), message.to_string());
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_noted_before_the_agent_sees_it() {
    let meter = Recorder::open();
    let pieces = [piece(START), piece(TEXT), Err(std::io::Error::other("gone"))];
    let mut answer =
        bill(&with_key(None), &meter).follow(events(stream::iter(pieces))).into_body().into_data_stream();
    assert_eq!(answer.next().await.unwrap().unwrap(), START);
    assert_eq!(answer.next().await.unwrap().unwrap(), TEXT);
    assert!(answer.next().await.unwrap().is_err());
    assert_eq!(meter.notes(1).await, [spent(3, Some(2.00003))]);
}

#[tokio::test]
async fn a_stream_that_the_agent_leaves_is_noted_all_the_same() {
    let meter = Recorder::open();
    let pieces = stream::iter([START, TEXT].map(piece)).chain(stream::pending());
    let mut answer = bill(&with_key(None), &meter).follow(events(pieces)).into_body().into_data_stream();
    answer.next().await.unwrap().unwrap();
    drop(answer);
    assert_eq!(meter.notes(1).await, [spent(1, Some(2.00001))]);
}

#[tokio::test]
async fn an_agent_that_leaves_while_the_cost_is_noted_leaves_one_note() {
    let meter = Recorder::open();
    meter.write(false);
    let answer = events(stream::iter([START, DELTA, STOP].map(piece)));
    let mut answer = bill(&with_key(None), &meter).follow(answer).into_body().into_data_stream();
    while answer.next().now_or_never().is_some() {}
    meter.notes(1).await;
    drop(answer);
    meter.write(true);
    tokio::task::yield_now().await;
    assert_eq!(meter.notes(1).await, [spent(100_000, Some(3.0))]);
}

#[tokio::test]
async fn what_cannot_be_known_has_no_price() {
    let unknown = Note::Spent(Spent { model: UNKNOWN.to_owned(), usage: Usage::default(), usd: None });
    let meter = Recorder::open();
    drop(bill(&with_key(None), &meter));
    assert_eq!(meter.notes(1).await[0], unknown, "given up before it was answered");
    drop(bill(&with_key(None), &meter).follow("no JSON".into_response()));
    assert_eq!(meter.notes(2).await[1], unknown);
    let other = Json(json!({"model": "gpt", "usage": {"input_tokens": 1, "output_tokens": 2}}));
    let answer = bill(&with_key(None), &meter).follow(other.into_response());
    axum::body::to_bytes(answer.into_body(), 1000).await.unwrap();
    let usage = Usage { input_tokens: 1, output_tokens: 2, ..Usage::default() };
    assert_eq!(meter.notes(3).await[2], Note::Spent(Spent { model: "gpt".to_owned(), usage, usd: None }));
}

#[tokio::test]
async fn what_costs_nothing_is_not_noted() {
    let meter = Recorder::open();
    bill(&with_key(None), &meter).cancel();
    for status in [400, 429, 500, 529] {
        let answer = (StatusCode::from_u16(status).unwrap(), "error").into_response();
        let answer = bill(&with_key(None), &meter).follow(answer);
        assert_eq!(axum::body::to_bytes(answer.into_body(), 100).await.unwrap(), "error");
    }
    assert_eq!(meter.notes(0).await, []);
}

#[tokio::test]
async fn a_refused_credential_is_told_and_not_shown() {
    for status in [401, 403] {
        let meter = Recorder::open();
        let body = json!({"type": "error", "error": {"message": "real-key is no key"}});
        let answer = (StatusCode::from_u16(status).unwrap(), Json(&body)).into_response();
        let answer = bill(&with_key(None), &meter).follow(answer);
        assert_eq!(answer.status(), status);
        let passed = axum::body::to_bytes(answer.into_body(), 1000).await.unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&passed).unwrap(), body, "it passes as it is");
        assert_eq!(meter.notes(1).await, [Note::Refused(status, "******** is no key".to_owned())]);
    }
}

/// Made once: it takes a while.
static BROKER: LazyLock<Broker> = LazyLock::new(|| Broker::new(&with_key(None), Tasks::default()).unwrap());

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_piece_passes_unchanged(cuts in prop::collection::vec(0_usize..120, 0..30), strange in any::<Vec<u8>>()) {
        let text = [START.as_bytes(), TEXT.as_bytes(), &strange, b"\n\n", DELTA.as_bytes(), STOP.as_bytes()].concat();
        let mut rest = &text[..];
        let mut sent = Vec::new();
        for cut in cuts {
            let (piece, after) = rest.split_at(cut.min(rest.len()));
            sent.push(Bytes::copy_from_slice(piece));
            rest = after;
        }
        sent.push(Bytes::copy_from_slice(rest));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (passed, notes) = runtime.block_on(async {
            let meter = Recorder::open();
            let answer = events(stream::iter(sent.clone().into_iter().map(Ok)));
            let answer = bill_of(BROKER.clone(), &meter).follow(answer).into_body().into_data_stream();
            let passed = answer.map(Result::unwrap).collect::<Vec<_>>().await;
            (passed, meter.notes(1).await)
        });
        prop_assert_eq!(passed, sent);
        prop_assert_eq!(notes, [spent(100_000, Some(3.0))]);
    }
}

#[tokio::test]
async fn what_was_spent_is_noted_before_the_server_stops() {
    let (meter, tasks) = (Recorder::open(), Tasks::default());
    let broker = Broker::new(&with_key(None), tasks.clone()).unwrap();
    drop(bill_of(broker, &meter));
    assert!(tasks.drain(Duration::from_secs(10)).await);
    assert_eq!(meter.notes(0).await.len(), 1);
}
