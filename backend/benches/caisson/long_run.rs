//! A run of 100,000 events: its first page, and all of it over one WebSocket of a server of its own.

use std::time::Instant;

use api::{
    Timestamp,
    id::RunId,
    run::{Reason, Transition},
};
use backend::store::{NewEvent, RunWrite, Store};
use serde_json::json;

use crate::{
    database::Kind,
    databases::insert_run,
    program::Program,
    report::{Report, Samples, Target},
    scale::Scale,
    socket::{Notification, Socket},
    streams::body,
};

/// How many events are written at once.
const PER_WRITE: i64 = 1_000;

/// Fills a run, then reads it, with a new server each time.
pub async fn measure(kind: &Kind, scale: Scale, report: &mut Report) {
    // How long the run is, with its beginning and its end, and how often its first page is read in a round.
    let (events, pages, rounds) = (scale.of(100_000, 1_500), scale.of(15, 1), scale.of(5, 1));
    let name = kind.name();
    eprintln!("a run of {events} events on {name}, {rounds} rounds");
    let fresh = kind.fresh().await;
    let run = insert_run(&fresh.store).await;
    fill(&fresh.store, run, events).await;
    let mut page = Samples::new(format!("first page of a long run, {name}"), "ms");
    let mut replayed = Samples::new(format!("a long run over one WebSocket, {name}"), "s");
    let mut grown = Samples::new(format!("server's memory grown by it, {name}"), "MB");
    for _ in 0..rounds {
        let server = Program::start(&[&format!("--database-url={}", fresh.url)]).await;
        let mut socket = Socket::open(&server.address).await;
        let before = server.resident();
        replayed.push(replay(&mut socket, run, events).await);
        grown.push(server.most_resident() - before);
        for _ in 0..pages {
            page.push(first_page(&mut socket, run).await);
        }
    }
    report.add_with_target(&page, Target::AtMost(20.0));
    report.add_with_target(&replayed, Target::AtMost(0.8));
    report.add_with_target(&grown, Target::AtMost(32.0));
    fresh.remove().await;
}

/// A run that is over, so that no dispatcher takes it.
async fn fill(store: &Store, run: RunId, events: i64) {
    store.run_write(RunWrite::of(run).transition(Transition::Claim)).await.expect("claimed");
    for first in (0..events - 2).step_by(PER_WRITE as usize) {
        let mut write = RunWrite::of(run);
        let event = |number: i64| NewEvent {
            at: Timestamp::now(),
            step: Some(1),
            body: body(number.unsigned_abs() as usize),
            n: None,
        };
        write.events = (first..(first + PER_WRITE).min(events - 2)).map(event).collect();
        store.run_write(write).await.expect("written");
    }
    store.run_write(RunWrite::of(run).end(Reason::NoChanges, "Done.")).await.expect("ended");
}

/// Seconds from the request to the end of the run.
async fn replay(socket: &mut Socket, run: RunId, events: i64) -> f64 {
    let begun = Instant::now();
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "runs.onMessage", "params": { "id": run } });
    socket.send(&call.to_string()).await;
    let mut seen = 0;
    loop {
        let message: Notification<'_> = serde_json::from_slice(socket.next().await).expect("JSON");
        let Some(params) = message.params else { continue };
        match (params.result.r#type, params.result.event) {
            ("item", Some(event)) => {
                seen += 1;
                assert_eq!(event.seq, seen, "no gap and no double");
            }
            ("end", _) => break,
            ("caughtUp", _) => {}
            (other, _) => panic!("{other}"),
        }
    }
    assert_eq!(seen, events);
    begun.elapsed().as_secs_f64()
}

/// Milliseconds until the first page is here.
async fn first_page(socket: &mut Socket, run: RunId) -> f64 {
    let begun = Instant::now();
    let call = json!({ "jsonrpc": "2.0", "id": 2, "method": "runs.messages", "params": { "id": run } });
    socket.send(&call.to_string()).await;
    let page: serde_json::Value = serde_json::from_slice(socket.next().await).expect("JSON");
    let milliseconds = begun.elapsed().as_secs_f64() * 1e3;
    assert_eq!(page["result"]["items"].as_array().map(Vec::len), Some(1_000));
    milliseconds
}
