//! What the server holds in memory with many live runs, each with a subscriber.

use api::{rpc::runs::RunsApiClient, stream::Frame};

use crate::{
    harness::within,
    program::{process_in, resident},
    report::{Report, Samples, Target},
    stand_in::Crowd,
};

/// Subscribers on one connection.
const PER_CONNECTION: usize = 10;

/// Subscribes to each run and looks when all have caught up.
pub async fn measure(crowd: &Crowd, report: &mut Report) {
    let runs = crowd.runs.len();
    eprintln!("subscribers: {runs} live runs");
    let server = process_in(crowd.world.dir());
    let mut alone = Samples::new(format!("{runs} live runs, resident"), "MB");
    alone.push(resident(server));
    let mut followed = Samples::new(format!("{runs} live runs and subscribers, resident"), "MB");
    let (mut connections, mut subscriptions) = (Vec::new(), Vec::new());
    for runs in crowd.runs.chunks(PER_CONNECTION) {
        let client = crowd.world.client().await;
        for (run, after) in runs {
            subscriptions.push(client.on_message(*run, Some(*after)).await.expect("a subscription"));
        }
        connections.push(client);
    }
    for frames in &mut subscriptions {
        loop {
            let frame = within("the newest event", frames.next()).await.expect("no cut").expect("a frame");
            if matches!(frame, Frame::CaughtUp { .. }) {
                break;
            }
        }
    }
    followed.push(resident(server));
    report.add(&alone);
    report.add_with_target(&followed, Target::AtMost(150.0));
}
