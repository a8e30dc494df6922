//! Chaos: many runs at work while everything around them is killed or cut at random, from a seed.
//!
//! `cargo xtask chaos --minutes N` runs the same for longer; it sets the two variables below.

mod follower;
mod storm;
mod testimony;

use std::collections::BTreeMap;

use api::{
    event::EventBody,
    id::RunId,
    run::{Reason, RunState},
};
use rand::{SeedableRng, rngs::StdRng};

use self::{follower::Follower, storm::Storm};
use crate::{
    harness::{World, client_run, create_task, launch_of, step},
    postgres::postgres,
};

/// How many runs there are in one round.
const RUNS: usize = 20;
/// For how many minutes rounds are begun; without it there is one round.
const MINUTES: &str = "CAISSON_CHAOS_MINUTES";
/// What every choice follows from.
const SEED: &str = "CAISSON_CHAOS_SEED";

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_killed_every_run_has_one_true_end_and_every_log_is_whole() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect(name));
    let (minutes, mut seed) = (number(MINUTES).unwrap_or_default(), number(SEED).unwrap_or(7));
    let began = std::time::Instant::now();
    loop {
        println!("chaos: a round of {RUNS} runs with seed {seed}");
        round(seed).await;
        seed += 1;
        if minutes * 60 <= began.elapsed().as_secs() {
            return;
        }
    }
}

async fn round(seed: u64) {
    let database = crate::door::Door::open(&postgres().await).await;
    let sockets = tempfile::tempdir().expect("a folder");
    let engine = crate::socket::Socket::open(sockets.path());
    let settings = [
        format!("--database-url={}", database.url),
        format!("--docker-host=unix://{}", engine.path().display()),
        "--slots=6".to_owned(),
        "--auto-retries=0".to_owned(),
    ];
    let world = World::start_apart(&settings.each_ref().map(String::as_str)).await;
    let client = world.client().await;
    let repository = world.repository("sample");
    let steps = vec![
        step("[[storm]]", &["test $(wc -l < log.txt) = 6"]),
        // What the agent itself has kept of what it said is pushed along with the work.
        step("[[testify]]", &["test -s said.ndjson"]),
    ];
    let task = create_task(&client, steps).await;
    let mut followers = BTreeMap::new();
    for _ in 0..RUNS {
        let run = launch_of(&client, task.id, &repository).await;
        followers.insert(run, Follower::start(&world.address, run));
    }
    let rng = StdRng::seed_from_u64(seed);
    let mut storm = Storm { rng, world, database, engine };
    let killed = storm.rage(&mut followers).await;
    let world = &storm.world;
    for (run, follower) in followers {
        let events = follower.finish().await;
        judge(world, run, &events, killed.contains(&run)).await;
    }
    world.emptied().await;
}

/// One end with the right reason, a log without gaps and doubles, and equal to what the agent wrote.
async fn judge(world: &World, id: RunId, events: &[api::event::Event], killed: bool) {
    let run = client_run(&world.client().await, id).await;
    let reason = run.reason.expect("it ended");
    let allowed =
        if killed { &[Reason::Completed, Reason::InstanceLost][..] } else { &[Reason::Completed][..] };
    if !allowed.contains(&reason) {
        let log = std::fs::read_to_string(world.log_file()).expect("a log");
        let about =
            [id.to_string(), run.instance_id.map(|instance| instance.to_string()).unwrap_or_default()];
        let about = log.lines().filter(|line| about.iter().any(|id| !id.is_empty() && line.contains(id)));
        events.iter().for_each(|event| println!("{event:?}"));
        about.for_each(|line| println!("{line}"));
        panic!("run {id}: {reason:?}, killed: {killed}: {:?}", run.detail);
    }
    let numbers: Vec<i64> = events.iter().map(|event| event.seq).collect();
    assert_eq!(numbers, (1..=run.last_seq).collect::<Vec<_>>(), "run {id}");
    let ends = events.iter().filter(|event| event.body.is_end()).count();
    assert!(
        ends == 1 && events.last().is_some_and(|last| last.body.is_end()),
        "run {id} ends once, at the end"
    );
    let states = events.iter().filter(
        |event| matches!(&event.body, EventBody::State(change) if change.state == RunState::Starting),
    );
    assert_eq!(states.count(), 1, "run {id} starts once");
    let said = testimony::said(events);
    testimony::each_once(&said);
    if reason == Reason::Completed {
        let kept = world.git("sample", &["show", &format!("{}:said.ndjson", run.branch)]);
        testimony::agree(&said, &kept);
    }
}
