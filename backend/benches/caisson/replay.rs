//! Logs of many runs that are over, read over WebSocket connections to the real server, against a bare loop of selects.

use std::time::Instant;

use api::{
    Timestamp,
    id::RunId,
    rpc::runs::RunsApiClient,
    run::{Reason, Transition},
    stream::{Cursor, Frame},
};
use backend::store::{NewEvent, RunWrite, Store};
use jsonrpsee::ws_client::WsClient;
use tokio::task::JoinSet;

use crate::{
    database::Kind,
    harness::{World, within},
    report::{Report, Samples},
    streams::{EVENTS, ROUNDS, RUNS, body, rate, runs},
};

/// Measures bare loop and Caisson in turns, on the same database.
pub async fn measure(kind: &Kind, report: &mut Report) {
    let name = kind.name();
    eprintln!("replay on {name}: {RUNS} readers of {EVENTS} events, {ROUNDS} rounds");
    let fresh = kind.fresh().await;
    let runs = runs(&fresh.store).await;
    for run in &runs {
        fill(&fresh.store, *run).await;
    }
    let world = World::start(&[&format!("--database-url={}", fresh.url)]).await;
    let mut bare = Samples::new(format!("bare select, {name}"), "events/s");
    let mut replayed = Samples::new(format!("replayed over WebSockets, {name}"), "events/s");
    for _ in 0..ROUNDS {
        let (seconds, found) = fresh.select_bare(&runs).await;
        assert!(RUNS * EVENTS < found, "{found} events");
        bare.push(rate(seconds));
        replayed.push(rate(round(&world, &runs).await));
    }
    report.add(&bare);
    report.add(&replayed);
    report.add_ratio(format!("replayed : bare select, {name}"), &replayed, &bare, None);
    drop(world);
    fresh.remove().await;
}

/// A run that is over, so that no dispatcher takes it.
async fn fill(store: &Store, run: RunId) {
    store.run_write(RunWrite::of(run).transition(Transition::Claim)).await.expect("claimed");
    let mut write = RunWrite::of(run);
    let event = |number| NewEvent { at: Timestamp::now(), step: Some(1), body: body(number), n: None };
    write.events = (0..EVENTS).map(event).collect();
    store.run_write(write).await.expect("written");
    store.run_write(RunWrite::of(run).end(Reason::NoChanges, "Done.")).await.expect("ended");
}

/// Seconds until every reader, each on a connection of its own, has everything.
async fn round(world: &World, runs: &[RunId]) -> f64 {
    let mut clients = Vec::with_capacity(runs.len());
    for _ in runs {
        clients.push(world.client().await);
    }
    let begun = Instant::now();
    let mut readers: JoinSet<()> =
        clients.into_iter().zip(runs).map(|(client, run)| read(client, *run)).collect();
    while let Some(ended) = within("a reader's end", readers.join_next()).await {
        ended.expect("no panic");
    }
    begun.elapsed().as_secs_f64()
}

async fn read(client: WsClient, run: RunId) {
    let mut frames = client.on_message(run, None).await.expect("a subscription");
    let mut cursor = Cursor::default();
    loop {
        match within("the next frame", frames.next()).await.expect("no cut").expect("a frame") {
            Frame::Item { event } => assert_eq!(cursor.accept(event.seq), Ok(true), "no gap and no double"),
            Frame::End => break,
            Frame::Partial { .. } | Frame::CaughtUp { .. } => {}
            Frame::Resync { after } => panic!("let go after {after}"),
        }
    }
    // Two more: the run began, and it ended.
    assert_eq!(cursor.after, EVENTS as i64 + 2);
}
