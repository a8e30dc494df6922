//! What the server holds in memory with many live runs, each with a subscriber.

use api::{rpc::runs::RunsApiClient, stream::Frame};

use crate::{
    harness::within,
    program::{process_in, resident},
    report::{Report, Samples, Target},
    scale::Scale,
    stand_in::Crowd,
};

/// Subscribers on one connection.
const PER_CONNECTION: usize = 10;

/// Looks at the server as it is, starts runs until there are many, subscribes to each, and looks each time.
#[expect(clippy::cast_precision_loss, reason = "a few hundreds are exact")]
pub async fn measure(scale: Scale, crowd: &mut Crowd, report: &mut Report) {
    let server = process_in(crowd.world.dir());
    let (few, with_few) = (crowd.runs.len(), resident(server));
    crowd.grow_to_many(scale).await;
    let runs = crowd.runs.len();
    eprintln!("subscribers: {runs} live runs");
    let mut alone = Samples::new(format!("{runs} live runs, resident"), "MB");
    let mut followed = Samples::new(format!("{runs} live runs and subscribers, resident"), "MB");
    let mut each_run = Samples::new("a live run more", "MB");
    let mut each_subscriber = Samples::new("a subscriber more", "MB");
    let with_many = resident(server);
    alone.push(with_many);
    each_run.push((with_many - with_few) / (runs - few) as f64);
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
    let with_subscribers = resident(server);
    followed.push(with_subscribers);
    each_subscriber.push((with_subscribers - with_many) / runs as f64);
    report.add(&alone);
    report.add_with_target(&followed, Target::AtMost(150.0));
    report.add(&each_run);
    report.add(&each_subscriber);
}
