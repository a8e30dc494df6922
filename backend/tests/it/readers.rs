//! Readers that stand still, in numbers, and long texts: nobody else notices.

use std::time::Duration;

use api::{
    Timestamp,
    event::{AgentLine, AgentLineType, Event, EventBody, Notice},
    id::RunId,
    rpc::runs::RunsApiClient,
    run::{Reason, Transition},
    stream::{Frame, Parts},
};
use backend::{
    app::follow::follow,
    store::{NewEvent, RunWrite, Store},
};
use futures::{StreamExt, future::join_all};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    databases::{both, insert_run},
    served::{Served, TOKEN},
};

/// What is shut out waits for 30 s and fails. A machine that is busy with other tests takes seconds.
const LONG: Duration = Duration::from_secs(25);
/// Reading a whole log beside all that, on such a machine.
const WHOLE: Duration = Duration::from_secs(120);

/// Writes a run that is over, with so many notices of so many bytes each.
async fn write(store: &Store, run: RunId, notices: usize, bytes: usize) {
    store.run_write(RunWrite::of(run).transition(Transition::Claim)).await.expect("claimed");
    for _ in 0..notices {
        let body = EventBody::Notice(Notice { about: "test".into(), text: "x".repeat(bytes) });
        let mut write = RunWrite::of(run);
        write.events.push(NewEvent { at: Timestamp::now(), step: None, body, n: None });
        store.run_write(write).await.expect("written");
    }
    store.run_write(RunWrite::of(run).end(Reason::Completed, "Done.")).await.expect("ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_that_stand_still_hold_no_connection_to_the_database() {
    for fresh in both().await {
        let run = insert_run(&fresh.store).await;
        write(&fresh.store, run, 40, 30_000).await;
        // More than there are connections; each has had its first frame and is not asked again.
        let mut readers = Vec::new();
        for _ in 0..12 {
            let mut reader = Box::pin(follow(fresh.store.clone(), run, 0));
            let first = tokio::time::timeout(LONG, reader.next()).await;
            first.unwrap_or_else(|_| panic!("{}: shut out", fresh.kind)).expect("a frame").expect("one");
            readers.push(reader);
        }
        let others = (0..12).map(|_| tokio::time::timeout(LONG, fresh.store.run_fetch(run)));
        for other in join_all(others).await {
            let other = other.unwrap_or_else(|_| panic!("{}: shut out", fresh.kind));
            assert!(other.expect("an answer").is_some());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_of_every_kind_that_stand_still_shut_nobody_out() {
    let server = Served::start(&["--calls-per-second=10000", "--calls-burst=10000"]).await;
    let (client, store) = (server.client().await, server.own_store());
    let run = insert_run(&store).await;
    write(&store, run, 400, 50_000).await;
    store.artifact_put(run, "branch.bundle", vec![7; 8 << 20]).await.expect("kept");
    let mut standing = Vec::new();
    for path in ["events", "log", "artifacts/branch.bundle"] {
        for _ in 0..12 {
            let mut socket = tokio::net::TcpStream::connect(&server.address).await.expect("a connection");
            let request = format!(
                "GET /api/runs/{run}/{path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {TOKEN}\r\n\r\n",
                server.address
            );
            socket.write_all(request.as_bytes()).await.expect("sent");
            assert_ne!(socket.read(&mut [0; 64]).await.expect("the beginning of an answer"), 0);
            standing.push(socket);
        }
    }
    let mut sockets = Vec::new();
    for _ in 0..12 {
        let client = server.client().await;
        // Nobody reads its frames; what the client itself takes in is bounded.
        sockets.push((client.on_message(run, None).await.expect("a subscription"), client));
    }
    for _ in 0..300 {
        let called = tokio::time::timeout(LONG, RunsApiClient::by_id(&client, run)).await;
        assert_eq!(called.expect("nobody is shut out").expect("the run").id, run);
    }
    let reading = async {
        let mut frames = client.on_message(run, None).await.expect("a subscription");
        while !matches!(frames.next().await.expect("no cut").expect("a frame"), Frame::End) {}
    };
    tokio::time::timeout(WHOLE, reading).await.expect("who reads gets everything");
}

/// One event as it is followed over a WebSocket. On a busy machine a reader may be let go: then it comes back.
async fn followed(server: &Served, run: RunId, seq: i64) -> Event {
    let client = server.client().await;
    loop {
        let mut frames = client.on_message(run, Some(seq - 1)).await.expect("a subscription");
        let mut parts = Parts::default();
        while let Some(frame) = frames.next().await {
            match parts.whole(frame.expect("a frame")) {
                Some(Frame::Item { event }) => return event,
                Some(Frame::Resync { after }) => assert_eq!(after, seq - 1),
                _ => {}
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_line_arrives_whole_on_every_way_that_streams_and_short_in_an_answer() {
    let server = Served::start(&[]).await;
    let (client, store) = (server.client().await, server.own_store());
    let run = insert_run(&store).await;
    let raw = "ä\"\u{1F980}\\".repeat(400_000);
    let mut write = RunWrite::of(run).transition(Transition::Claim);
    for raw in ["before", &raw, "between", &raw] {
        let body = EventBody::Agent(AgentLine { r#type: AgentLineType::Other, raw: raw.to_owned() });
        write.events.push(NewEvent { at: Timestamp::now(), step: Some(1), body, n: None });
    }
    store.run_write(write).await.expect("written");
    store.run_write(RunWrite::of(run).end(Reason::Completed, "Done.")).await.expect("ended");
    let line = |event: &Event| match &event.body {
        EventBody::Agent(line) => Some(line.raw.clone()),
        _ => None,
    };
    for event in join_all((0..8).map(|_| followed(&server, run, 2))).await {
        assert!(line(&event).as_ref() == Some(&raw), "event {}", event.seq);
    }
    let get = async |path: &str| {
        let answer = server.get(path).bearer_auth(TOKEN).send().await.expect("an answer");
        answer.text().await.expect("a whole body")
    };
    let log = get(&format!("/api/runs/{run}/log")).await;
    let events: Vec<Event> = log.lines().map(|line| serde_json::from_str(line).expect("an event")).collect();
    let lines: Vec<String> = events.iter().filter_map(line).collect();
    assert!(lines == ["before", &raw, "between", &raw]);
    let stream = get(&format!("/api/runs/{run}/events")).await;
    let data = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    let frames: Vec<Frame> = data.map(|data| serde_json::from_str(data).expect("a frame")).collect();
    let streamed = frames.into_iter().filter_map(|frame| match frame {
        Frame::Item { event } => Some(event),
        _ => None,
    });
    assert!(streamed.collect::<Vec<_>>() == events);
    let page = RunsApiClient::messages(&client, run, None, None).await.expect("a page");
    assert_eq!(page.items.len(), events.len(), "it is no reason to end the page");
    let shown: Vec<String> = page.items.iter().filter_map(line).collect();
    assert!(raw.starts_with(shown[1].split('…').next().expect("its beginning")));
    assert!(shown[1].len() < 100_000 && shown[1].ends_with(&format!("… ({} bytes)", raw.len())));
}
