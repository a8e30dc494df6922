//! Ten whole runs at once, from the first request until the last has ended.

use std::time::Instant;

use api::run::Reason;
use jsonrpsee::ws_client::WsClient;

use crate::{
    cold_start::{CHECK, INSTRUCTIONS, bare_agent},
    harness::{World, client_run, create_task, ended, launch_of, step},
    report::{Report, Samples, Target},
    scale::Scale,
};

/// How many.
pub const RUNS: usize = 10;

/// Seconds until all have ended; they have a repository for each round, and a branch each.
pub async fn measure(world: &World, client: &WsClient, scale: Scale, report: &mut Report) {
    let (runs_at_once, rounds) = (scale.of(RUNS, 2), scale.of(3, 1));
    eprintln!("{runs_at_once} runs at once: {rounds} rounds");
    let agents_name = format!("{runs_at_once} docker run IMAGE claude at once, last first line");
    let mut agents = Samples::reference(agents_name, "s");
    let mut all = Samples::new(format!("{runs_at_once} runs at once, last end"), "s");
    for round in 0..rounds {
        agents.push(bare_agents(runs_at_once, round));
        let repository = world.repository(&format!("ten-{round}"));
        let task = create_task(client, vec![step(INSTRUCTIONS, &[CHECK])]).await;
        let begun = Instant::now();
        let mut runs = Vec::with_capacity(runs_at_once);
        for _ in 0..runs_at_once {
            runs.push(launch_of(client, task.id, &repository).await);
        }
        for run in &runs {
            ended(client, *run).await;
        }
        all.push(begun.elapsed().as_secs_f64());
        for run in runs {
            let run = client_run(client, run).await;
            assert_eq!(run.reason, Some(Reason::Completed), "{:?}", run.detail);
        }
        // What is removed of one round must not slow the next.
        world.emptied().await;
    }
    report.add(&agents);
    report.add_with_target(&all, Target::AtMost(8.0));
    report.add_ratio(
        format!("{runs_at_once} runs at once : {runs_at_once} agents at once"),
        &all,
        &agents,
        None,
    );
}

/// Seconds until each of as many agents, which do nothing else, has said its first line.
fn bare_agents(count: usize, round: usize) -> f64 {
    std::thread::scope(|scope| {
        let agents: Vec<_> =
            (1..=count).map(|number| scope.spawn(move || bare_agent(1_000 * number + round))).collect();
        agents.into_iter().map(|agent| agent.join().expect("no panic")).fold(0.0, f64::max)
    })
}
