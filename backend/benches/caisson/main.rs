//! The figures: how long a run takes, how fast events flow, how much memory an idle server holds.
//!
//! Machines differ and are busy, so what counts are ratios: both sides measured in turns, in one process, on
//! the same machine. Nothing here fails because it is slow. Run by `cargo xtask bench`; its arguments, if
//! any, name the parts to measure: `memory`, `cold_start`, `live`, `flow`, `streams`,
//! `replay`, `latency`, `paging`, `broker`, `git_gateway`.
#![allow(unreachable_pub, reason = "nobody depends on a benchmark")]

mod broker;
mod cold_start;
mod database;
mod flow;
mod latency;
mod long_run;
mod memory;
mod paging;
mod phases;
mod program;
mod replay;
mod report;
mod restart;
mod socket;
mod stand_in;
mod streams;
mod subscribers;
mod ten_at_once;

#[expect(dead_code, reason = "tests need more of it")]
#[path = "../../tests/it/databases.rs"]
mod databases;
#[path = "../../../xtask/src/demo/git_server.rs"]
mod git_server;
#[expect(dead_code, unused_imports, reason = "tests need more of it")]
#[path = "../../tests/e2e/harness.rs"]
mod harness;
#[expect(dead_code, reason = "tests need more of it")]
#[path = "../../tests/it/served.rs"]
mod served;

use report::{Report, Samples};

/// Live runs that speak at once, and that a restarted server takes over.
const FEW: usize = 50;
/// Live runs whose server's memory is looked at.
const CROWD: usize = 200;

#[tokio::main]
async fn main() {
    // Cargo's own flags begin with dashes.
    let only: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let wanted = |part: &str| only.is_empty() || only.iter().any(|word| word == part);
    let mut report = Report::default();
    let mut load = Samples::new("machine, load average", "tasks");
    load.push(load_average());
    if wanted("memory") {
        memory::measure(&mut report).await;
    }
    if wanted("cold_start") {
        cold_start::measure(&mut report).await;
    }
    if wanted("broker") {
        broker::measure_model(&mut report).await;
    }
    if wanted("git_gateway") {
        broker::measure_git(&mut report).await;
    }
    if wanted("live") || wanted("flow") {
        let mut crowd = stand_in::Crowd::prepare(CROWD).await;
        crowd.grow(FEW).await;
        if wanted("live") {
            restart::measure(&mut crowd, &mut report).await;
        }
        if wanted("flow") {
            flow::measure(&mut crowd, &mut report).await;
        }
        if wanted("live") {
            crowd.grow(CROWD).await;
            subscribers::measure(&crowd, &mut report).await;
        }
        crowd.disperse().await;
    }
    for kind in database::Kind::available() {
        if wanted("streams") {
            streams::measure(&kind, &mut report).await;
        }
        if wanted("replay") {
            replay::measure(&kind, &mut report).await;
            long_run::measure(&kind, &mut report).await;
        }
        if wanted("latency") {
            latency::measure(&kind, &mut report).await;
        }
        if wanted("paging") {
            paging::measure(&kind, &mut report).await;
        }
    }
    load.push(load_average());
    report.add(&load);
    print!("{report}");
}

/// How many tasks wanted a processor during the last minute: what else the machine had to do.
fn load_average() -> f64 {
    let all = std::fs::read_to_string("/proc/loadavg").expect("Linux");
    all.split_whitespace().next().expect("a number").parse().expect("a number")
}
