//! Logs of many runs that are over, read over WebSocket connections to the real server, against a bare loop of selects.

use std::time::Instant;

use api::{
    Timestamp,
    id::RunId,
    rpc::runs::RunsApiClient,
    run::{Reason, Transition},
    stream::{Cursor, Frame, Parts},
};
use backend::store::{NewEvent, RunWrite, Store};
use jsonrpsee::ws_client::WsClient;
use tokio::task::JoinSet;

use crate::{
    database::Kind,
    harness::{World, within},
    report::{Report, Samples},
    scale::Scale,
    streams::{Load, body, runs},
};

/// Measures bare loop and Caisson in turns, on the same database.
pub async fn measure(kind: &Kind, scale: Scale, report: &mut Report) {
    let load = Load::of(scale);
    let Load { runs: readers, events, rounds } = load;
    let name = kind.name();
    eprintln!("replay on {name}: {readers} readers of {events} events, {rounds} rounds");
    let fresh = kind.fresh().await;
    let runs = runs(&fresh.store, readers).await;
    for run in &runs {
        fill(&fresh.store, *run, events).await;
    }
    let world = World::start(&[&format!("--database-url={}", fresh.url)]).await;
    let mut bare = Samples::reference(format!("bare select, {name}"), "events/s");
    let mut replayed = Samples::new(format!("replayed over WebSockets, {name}"), "events/s");
    for _ in 0..rounds {
        let (seconds, found) = fresh.select_bare(&runs).await;
        assert!(readers * events < found, "{found} events");
        bare.push(load.rate(seconds));
        replayed.push(load.rate(round(&world, &runs, events).await));
    }
    report.add(&bare);
    report.add(&replayed);
    report.add_ratio(format!("replayed : bare select, {name}"), &replayed, &bare, None);
    drop(world);
    fresh.remove().await;
}

/// A run that is over, so that no dispatcher takes it.
async fn fill(store: &Store, run: RunId, events: usize) {
    store.run_write(RunWrite::of(run).transition(Transition::Claim)).await.expect("claimed");
    let mut write = RunWrite::of(run);
    let event = |number| NewEvent { at: Timestamp::now(), step: Some(1), body: body(number), n: None };
    write.events = (0..events).map(event).collect();
    store.run_write(write).await.expect("written");
    store.run_write(RunWrite::of(run).end(Reason::NoChanges, "Done.")).await.expect("ended");
}

/// Seconds until every reader, each on a connection of its own, has everything.
async fn round(world: &World, runs: &[RunId], events: usize) -> f64 {
    let mut clients = Vec::with_capacity(runs.len());
    for _ in runs {
        clients.push(world.client().await);
    }
    let begun = Instant::now();
    let mut readers: JoinSet<()> =
        clients.into_iter().zip(runs).map(|(client, run)| read(client, *run, events)).collect();
    while let Some(ended) = within("a reader's end", readers.join_next()).await {
        ended.expect("no panic");
    }
    begun.elapsed().as_secs_f64()
}

async fn read(client: WsClient, run: RunId, events: usize) {
    let mut frames = client.on_message(run, None).await.expect("a subscription");
    let (mut cursor, mut parts) = (Cursor::default(), Parts::default());
    loop {
        let frame = within("the next frame", frames.next()).await.expect("no cut").expect("a frame");
        let Some(frame) = parts.whole(frame) else { continue };
        match frame {
            Frame::Item { event } => assert_eq!(cursor.accept(event.seq), Ok(true), "no gap and no double"),
            Frame::End => break,
            Frame::Partial { .. } | Frame::Part { .. } | Frame::CaughtUp { .. } => {}
            Frame::Resync { after } => panic!("let go after {after}"),
        }
    }
    // Two more: the run began, and it ended.
    assert_eq!(cursor.after, events as i64 + 2);
}
