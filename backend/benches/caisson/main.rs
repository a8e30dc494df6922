//! The figures: how long a run takes, how fast events flow, how much memory an idle server holds.
//!
//! Machines differ and are busy, so what counts are ratios: both sides measured in turns, in one process, on
//! the same machine. Nothing here fails because it is slow. Run by `cargo xtask bench`, and with `--smoke` by
//! `cargo xtask test`.
#![allow(unreachable_pub, reason = "nobody depends on a benchmark")]

mod beside;
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
mod scale;
mod socket;
mod stand_in;
mod standing;
mod streams;
mod subscribers;
mod ten_at_once;

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use testkit::{databases, figure, part::Part, served, siege, world as harness};

use report::Report;
use scale::Scale;

/// Measures Caisson.
#[derive(Parser)]
struct Options {
    /// The parts to measure; all when none is named. Without `CAISSON_TEST_POSTGRES` on SQLite alone.
    parts: Vec<Part>,
    /// Runs each part once in its smallest form. The figures mean nothing.
    #[arg(long)]
    smoke: bool,
    /// Writes the figures to this file, one JSON text a line.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    // The executor of the broker's part asks its own program to be its worker.
    if let Some(work) = std::env::args().nth(1).and_then(|name| executor::worker(&name)) {
        return work.expect("a worker's work");
    }
    run(Options::parse());
}

#[tokio::main]
async fn run(options: Options) {
    let scale = if options.smoke { Scale::Smoke } else { Scale::Full };
    let mut report = Report::default();
    for &part in Part::value_variants() {
        if options.parts.is_empty() || options.parts.contains(&part) {
            let before = report.len();
            measure(part, scale, &mut report).await;
            assert!(before < report.len(), "{part:?} has measured nothing");
        }
    }
    match scale {
        Scale::Full => print!("{}", report.table()),
        Scale::Smoke => println!("each part has run once"),
    }
    if let Some(file) = options.json {
        report.write(&file).expect("the file for the figures can be written");
    }
}

async fn measure(part: Part, scale: Scale, report: &mut Report) {
    let databases = database::Kind::available();
    match part {
        Part::Memory => memory::measure(scale, report).await,
        Part::ColdStart => cold_start::measure(scale, report).await,
        Part::Broker => broker::measure_model(scale, report).await,
        Part::GitGateway => broker::measure_git(scale, report).await,
        Part::Live => {
            let mut crowd = stand_in::Crowd::few(scale).await;
            restart::measure(scale, &mut crowd, report).await;
            subscribers::measure(scale, &mut crowd, report).await;
            crowd.disperse().await;
        }
        Part::Flow => {
            let mut crowd = stand_in::Crowd::few(scale).await;
            flow::measure(scale, &mut crowd, report).await;
            crowd.disperse().await;
        }
        Part::Streams => {
            for kind in &databases {
                streams::measure(kind, scale, report).await;
            }
        }
        Part::Replay => {
            for kind in &databases {
                replay::measure(kind, scale, report).await;
                long_run::measure(kind, scale, report).await;
            }
        }
        Part::Latency => {
            for kind in &databases {
                latency::measure(kind, scale, report).await;
            }
        }
        Part::Beside => beside::measure(scale, report).await,
        Part::Paging => {
            for kind in &databases {
                paging::measure(kind, scale, report).await;
            }
        }
    }
}
