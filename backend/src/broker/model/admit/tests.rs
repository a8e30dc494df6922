use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{Json, Router};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;

use super::*;
use crate::{
    broker::{
        Broker, Settings,
        loopback::Loopback,
        meter::recorder::{Note, Recorder},
        model::tests::access,
    },
    secret::Secret,
    tasks::Tasks,
};

/// A metered run in front of an upstream that says how long the call was, and counts calls.
struct World {
    meter: Arc<Recorder>,
    calls: Arc<AtomicUsize>,
    broker: Loopback,
    _upstream: Loopback,
}

impl World {
    async fn with(meter: Arc<Recorder>) -> Self {
        let calls = Arc::new(AtomicUsize::new(0));
        let count = Arc::<AtomicUsize>::clone(&calls);
        let answer = move |body: Bytes| async move {
            count.fetch_add(1, Ordering::SeqCst);
            Json(json!({"length": body.len()}))
        };
        let limit = axum::extract::DefaultBodyLimit::disable();
        let upstream = Loopback::serve(Router::new().fallback(answer).layer(limit)).await;
        let settings = Settings {
            api_key: Some(Secret::new("real-key")),
            base_url: Some(upstream.at("").to_string()),
            ..Settings::default()
        };
        let broker = Broker::new(&settings, Tasks::default()).unwrap();
        let broker = Loopback::serve(broker.router(access("token", Arc::<Recorder>::clone(&meter)))).await;
        Self { meter, calls, broker, _upstream: upstream }
    }

    fn call(&self, body: impl Into<reqwest::Body>) -> reqwest::RequestBuilder {
        reqwest::Client::new().post(self.broker.at("/v1/messages")).header("x-api-key", "token").body(body)
    }
}

#[tokio::test]
async fn a_call_waits_until_the_run_may_make_it() {
    let world = World::with(Recorder::closed()).await;
    // Longer than what is read ahead, so that the rest is still on its way.
    for length in [10, READ_AHEAD + (3 << 20)] {
        let world = &world;
        let answer = world.call(format!("{{}}{}", " ".repeat(length - 2))).send();
        let answer = async { answer.await.unwrap().json::<Value>().await.unwrap() };
        let opened = async {
            world.meter.notes(1).await;
            let calls = world.calls.load(Ordering::SeqCst);
            world.meter.admit_all(Ok(()));
            calls
        };
        let (answer, calls_before) = tokio::join!(answer, opened);
        assert_eq!(answer, json!({"length": length}));
        assert!(calls_before == 0 || length != 10, "it was made before it was let through");
    }
    assert_eq!(world.calls.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_refused_call_is_answered_with_the_sentence_and_never_made() {
    let world = World::with(Recorder::closed()).await;
    let sentence = "The budget of 5 US dollars is spent.";
    let answer = world.call("{}").send();
    let refused = async {
        world.meter.notes(1).await;
        world.meter.admit_all(Err(sentence.to_owned()));
    };
    let (answer, ()) = tokio::join!(answer, refused);
    let answer = answer.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["x-should-retry"]),
        (402, &"false".parse().unwrap())
    );
    let error = json!({"type": "error", "error": {"type": "billing_error", "message": sentence}});
    assert_eq!(answer.json::<Value>().await.unwrap(), error);
    assert_eq!(world.meter.notes(1).await, [Note::Asked]);
    assert_eq!(world.calls.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_call_whose_agent_hung_up_while_it_waited_is_given_up() {
    let world = World::with(Recorder::closed()).await;
    // One call is there as a whole, the other one is still being sent.
    let (send, pieces) = mpsc::unbounded_channel::<Result<Bytes, std::io::Error>>();
    send.send(Ok("{".into())).unwrap();
    let bodies =
        [reqwest::Body::from("{}"), reqwest::Body::wrap_stream(UnboundedReceiverStream::new(pieces))];
    for (number, body) in bodies.into_iter().enumerate() {
        let call = world.call(body).send();
        tokio::select! {
            _ = call => panic!("it was answered"),
            _ = world.meter.notes(2 * number + 1) => {}
        }
        let notes = world.meter.notes(2 * number + 2).await;
        assert_eq!(notes[2 * number..], [Note::Asked, Note::GivenUp]);
    }
    world.meter.admit_all(Ok(()));
    assert_eq!(world.calls.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn without_a_credential_the_run_is_told() {
    let meter = Recorder::open();
    let broker = Broker::new(&Settings::default(), Tasks::default()).unwrap();
    let broker = Loopback::serve(broker.router(access("token", Arc::<Recorder>::clone(&meter)))).await;
    let answer = reqwest::Client::new().post(broker.at("/v1/messages")).header("x-api-key", "token");
    let answer = answer.send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["x-should-retry"]),
        (401, &"false".parse().unwrap())
    );
    let notes = meter.notes(2).await;
    assert!(
        matches!(&notes[..], [Note::Asked, Note::Refused(401, why)] if why.contains("ANTHROPIC_API_KEY")),
        "{notes:?}"
    );
}

#[tokio::test]
async fn a_call_that_waits_for_hours_holds_little_of_what_was_sent() {
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    let endless = stream::repeat_with(move || {
        count.fetch_add(1000, Ordering::SeqCst);
        Ok::<_, std::convert::Infallible>(Bytes::from_static(&[b' '; 1000]))
    });
    let call = Request::new(Body::from_stream(endless));
    let waits = admitted(Box::pin(std::future::pending()), call);
    assert!(waits.now_or_never().is_none());
    let sent = sent.load(Ordering::SeqCst);
    assert!((1..=READ_AHEAD + 1000).contains(&sent) && READ_AHEAD <= 64 << 10, "{sent}");
}
