//! A server that is killed while many runs are at work: how soon the next one has all of them again.

use std::time::Instant;

use api::{event::EventBody, rpc::runs::RunsApiClient};
use tokio::task::JoinSet;

use crate::{
    report::{Report, Samples, Target},
    scale::Scale,
    stand_in::{Crowd, seen},
};

/// Seconds from the start of the next server, as its readers see it.
pub async fn measure(scale: Scale, crowd: &mut Crowd, report: &mut Report) {
    let (runs, rounds) = (crowd.runs.len(), scale.of(5, 1));
    eprintln!("restart: {runs} live runs, {rounds} rounds");
    let [mut listens, mut pages, mut adopted] = ["it listens", "first page of each", "each is adopted"]
        .map(|what| Samples::new(format!("restart with {runs} live runs, {what}"), "s"));
    for _ in 0..rounds {
        crowd.world.kill().await;
        let begun = Instant::now();
        crowd.world.resume_apart().await;
        listens.push(begun.elapsed().as_secs_f64());
        crowd.client = crowd.world.client().await;
        let (page, all) = tokio::join!(first_pages(crowd, begun), all_adopted(crowd, begun));
        pages.push(page);
        adopted.push(all.0);
        crowd.runs = all.1;
    }
    report.add(&listens);
    report.add(&pages);
    report.add_with_target(&adopted, Target::AtMost(3.0));
}

async fn first_pages(crowd: &Crowd, begun: Instant) -> f64 {
    for (run, _) in &crowd.runs {
        let page = crowd.client.messages(*run, None, None).await.expect("a page");
        assert!(!page.items.is_empty());
    }
    begun.elapsed().as_secs_f64()
}

/// When the last one was, and what was seen of each.
async fn all_adopted(crowd: &Crowd, begun: Instant) -> (f64, Vec<(api::id::RunId, i64)>) {
    let client = std::sync::Arc::new(crowd.world.client().await);
    let is_notice = |body: &EventBody| matches!(body, EventBody::Notice(it) if it.about == "adopted");
    let mut waiting = JoinSet::new();
    for (run, after) in crowd.runs.clone() {
        let client = client.clone();
        waiting.spawn(async move { (run, seen(&client, run, after, is_notice).await) });
    }
    let runs = waiting.join_all().await;
    (begun.elapsed().as_secs_f64(), runs)
}
