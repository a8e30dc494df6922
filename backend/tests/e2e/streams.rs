//! One run, read in every way there is: always the same list.

use api::{
    event::Event,
    id::RunId,
    rpc::runs::RunsApiClient,
    stream::{Cursor, Frame, Parts},
};
use jsonrpsee::ws_client::WsClient;

use crate::harness::{World, events_of, launch, step, within};

#[tokio::test(flavor = "multi_thread")]
async fn pages_a_stream_and_a_cut_stream_are_the_same_list() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let steps = vec![step("First step.", &["true"]), step("Second step.", &["true"])];
    let run = launch(&client, steps, &world.repository("sample")).await;
    // Read live, cut after every few frames, each time on a connection of its own.
    let live = cut_and_resumed(&world, run.id, |frames| 1 + frames % 7).await;
    let replayed = events_of(&client, run.id).await;
    assert!(30 < replayed.len(), "a run of two steps says something: {}", replayed.len());
    assert_eq!(live, replayed);
    for page in [1, 7, 1_000] {
        assert_eq!(paged(&client, run.id, page).await, replayed, "pages of {page}");
    }
    for (at, event) in replayed.iter().enumerate() {
        assert_eq!(event.seq, at as i64 + 1, "numbered without gaps");
    }
}

async fn cut_and_resumed(world: &World, run: RunId, frames_until_cut: impl Fn(usize) -> usize) -> Vec<Event> {
    let mut events = Vec::new();
    let mut cursor = Cursor::default();
    for connection in 0.. {
        let client = world.client().await;
        let mut frames = client.on_message(run, Some(cursor.after)).await.expect("a subscription");
        let mut parts = Parts::default();
        for _ in 0..frames_until_cut(connection) {
            let frame = within("the next frame", frames.next()).await.expect("no cut").expect("a frame");
            let Some(frame) = parts.whole(frame) else { continue };
            match frame {
                Frame::Item { event } => {
                    assert_eq!(cursor.accept(event.seq), Ok(true), "the next one, and only once");
                    events.push(event);
                }
                Frame::End => return events,
                Frame::Partial { .. } | Frame::Part { .. } | Frame::CaughtUp { .. } => {}
                Frame::Resync { after } => panic!("let go after {after}"),
            }
        }
    }
    unreachable!("the run ends")
}

async fn paged(client: &WsClient, run: RunId, limit: u32) -> Vec<Event> {
    let mut events = Vec::new();
    let mut after = None;
    loop {
        let page = client.messages(run, after, Some(limit)).await.expect("a page");
        events.extend(page.items);
        match page.next {
            Some(next) => after = Some(next.parse().expect("a number")),
            None => return events,
        }
    }
}
