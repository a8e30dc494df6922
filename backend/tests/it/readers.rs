//! Readers that stand still, in numbers, and long texts: nobody else notices.

use std::time::Duration;

use api::{
    Timestamp,
    event::{AgentLine, AgentLineType, Event, EventBody, Notice, StateChange},
    id::{RunId, TaskId},
    rpc::runs::RunsApiClient,
    run::{Outcome, Reason, Run, RunState, Transition},
    stream::{Frame, Parts},
    task::{Step, TaskSpec},
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

/// A run that is over, so that nobody drives it, with so many notices of so many bytes each.
async fn ended(store: &Store, notices: usize, bytes: usize) -> RunId {
    let spec = TaskSpec::new("A task", vec![Step { instructions: "Do it.".into(), checks: Vec::new() }]);
    let mut run = Run::queued(RunId::mint(), TaskId::mint(), spec, "acme/web".into(), Timestamp::now());
    run.state = RunState::Ended;
    store.run_insert(&run, None).await.expect("a run");
    for _ in 0..notices {
        let body = EventBody::Notice(Notice { about: "test".into(), text: "x".repeat(bytes) });
        store.run_write(RunWrite::of(run.id).event(0, body)).await.expect("written");
    }
    let end = StateChange {
        state: RunState::Ended,
        outcome: Some(Outcome::Succeeded),
        reason: Some(Reason::Completed),
        detail: None,
    };
    store.run_write(RunWrite::of(run.id).event(0, EventBody::State(end))).await.expect("written");
    run.id
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_that_stand_still_hold_no_connection_to_the_database() {
    for fresh in both().await {
        let run = ended(&fresh.store, 40, 30_000).await;
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
    let run = ended(&store, 400, 50_000).await;
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
        let body = EventBody::Agent(AgentLine::plain(AgentLineType::Other, raw.to_owned()));
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

/// Texts of which two are more than there is room for.
#[tokio::test(flavor = "multi_thread")]
async fn answers_about_long_texts_never_wait_for_each_other() {
    let server = Served::start(&[]).await;
    let store = server.own_store();
    let run = ended(&store, 3, 65 << 20).await;
    let clients = join_all((0..6).map(|_| server.client())).await;
    let asked = clients.iter().zip([1, 2, 3].into_iter().cycle()).map(async |(client, seq)| {
        let page = RunsApiClient::messages(client, run, Some(seq - 1), Some(1)).await.expect("a page");
        assert_eq!(page.items[0].seq, seq);
    });
    tokio::time::timeout(WHOLE, join_all(asked)).await.expect("all are answered");
}

/// The settings of servers that are asked often.
const OFTEN: [&str; 2] = ["--calls-per-second=10000", "--calls-burst=10000"];

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_read_give_their_room_back() {
    let server = Served::start(&OFTEN).await;
    let (client, store) = (server.client().await, server.own_store());
    let run = ended(&store, 20, 60_000).await;
    // More than there is room for, over a WebSocket and over HTTP.
    for _ in 0..140 {
        let page = RunsApiClient::messages(&client, run, None, None).await.expect("a page");
        assert!(10 < page.items.len());
    }
    for _ in 0..140 {
        let page = server.call("runs.messages", serde_json::json!({ "id": run })).await;
        assert!(page["result"]["items"].is_array());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_nobody_reads_shut_nobody_out() {
    let server = Served::start(&OFTEN).await;
    let (client, store) = (server.client().await, server.own_store());
    let run = ended(&store, 20, 60_000).await;
    let mut standing = tokio::net::TcpStream::connect(&server.address).await.expect("a connection");
    let upgrade = format!(
        "GET /rpc HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {TOKEN}\r\nupgrade: websocket\r\n\
         connection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        server.address
    );
    standing.write_all(upgrade.as_bytes()).await.expect("sent");
    assert_ne!(standing.read(&mut [0; 256]).await.expect("an answer"), 0);
    // More than there is room for, of which nothing is read.
    for id in 0..250 {
        let call =
            format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"runs.messages","params":{{"id":"{run}"}}}}"#);
        let length = u16::try_from(call.len()).expect("short").to_be_bytes();
        // A text, masked with zeroes.
        let head = [0x81, 0x80 | 126, length[0], length[1], 0, 0, 0, 0];
        standing.write_all(&[&head, call.as_bytes()].concat()).await.expect("sent");
    }
    for _ in 0..20 {
        let page = tokio::time::timeout(WHOLE, RunsApiClient::messages(&client, run, None, None)).await;
        assert!(10 < page.expect("nobody is shut out").expect("a page").items.len());
    }
}
