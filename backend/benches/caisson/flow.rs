//! Events through everything: agent, executor's spool, HTTP, store, WebSocket, subscriber.

use std::time::Instant;

use api::{id::RunId, rpc::runs::RunsApiClient};
use serde_json::json;
use tokio::task::JoinSet;

use crate::{
    harness::within,
    program::{process_in, processor_seconds},
    report::{Report, Samples},
    scale::Scale,
    socket::{Notification, Socket},
    stand_in::{Crowd, LINES},
};

/// All agents speak at once, each run with one subscriber that is there before.
#[expect(clippy::cast_precision_loss, reason = "a few thousand are exact")]
pub async fn measure(scale: Scale, crowd: &mut Crowd, report: &mut Report) {
    let (runs, rounds) = (crowd.runs.len(), scale.of(5, 1));
    let events = (runs * LINES) as f64;
    eprintln!("flow: {runs} agents of {LINES} lines, {rounds} rounds");
    let mut through = Samples::new(format!("{runs} agents to subscribers"), "events/s");
    let mut server = Samples::new("server's processor time for an event", "µs");
    let process = process_in(crowd.world.dir());
    for _ in 0..rounds {
        let mut sockets = Vec::with_capacity(runs);
        for (run, after) in &crowd.runs {
            sockets.push(subscribed(&crowd.world.address, *run, *after).await);
        }
        let before = processor_seconds(process);
        let begun = Instant::now();
        let mut readers: JoinSet<(RunId, i64)> =
            sockets.into_iter().zip(&crowd.runs).map(|(socket, (run, _))| read(socket, *run)).collect();
        for (run, _) in &crowd.runs {
            crowd.client.send(*run, "Speak.".to_owned()).await.expect("sent");
        }
        let mut seen = Vec::with_capacity(runs);
        while let Some(ended) = within("a reader's end", readers.join_next()).await {
            seen.push(ended.expect("no panic"));
        }
        through.push(events / begun.elapsed().as_secs_f64());
        server.push((processor_seconds(process) - before) / events * 1e6);
        crowd.runs = seen;
    }
    report.add(&through);
    report.add(&server);
}

async fn subscribed(address: &str, run: RunId, after: i64) -> Socket {
    let mut socket = Socket::open(address).await;
    let params = json!({ "id": run, "after": after });
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "runs.onMessage", "params": params });
    socket.send(&call.to_string()).await;
    // The answer comes before every frame.
    socket.next().await;
    socket
}

/// Until all lines of the agent are here; answers the number of the last.
async fn read(mut socket: Socket, run: RunId) -> (RunId, i64) {
    let (mut lines, mut last) = (0, None);
    while lines < LINES {
        let text = std::str::from_utf8(socket.next().await).expect("UTF-8");
        let message: Notification<'_> = serde_json::from_str(text).expect("JSON");
        let Some(event) = message.params.and_then(|it| it.result.event) else { continue };
        assert!(last.is_none_or(|last| event.seq == last + 1), "no gap and no double");
        last = Some(event.seq);
        lines += usize::from(text.contains("lorem ipsum"));
    }
    (run, last.expect("an event"))
}
