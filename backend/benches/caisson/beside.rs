//! Honest runs beside hostile ones, in a server that may have 512 MiB: what it takes, and how soon it answers.

use crate::{
    report::{Report, Samples, Target},
    scale::Scale,
    siege::{DISK, MEMORY, siege},
};

/// How many runs of each kind.
const RUNS: usize = 20;

/// Once: it takes minutes.
pub async fn measure(scale: Scale, report: &mut Report) {
    let runs = scale.of(RUNS, 1);
    eprintln!("{runs} hostile runs and {runs} honest ones");
    let measured = siege(runs, runs).await;
    assert_eq!(measured.right, runs, "the honest runs end right");
    let name = |what: &str| format!("{what}, {runs} hostile and {runs} honest runs at once");
    let mut memory = Samples::new(name("most memory of the server"), "MiB");
    memory.push(measured.memory as f64);
    let mut slowest = Samples::new(name("slowest answer"), "s");
    slowest.push(measured.slowest.as_secs_f64());
    let mut disk = Samples::new(name("used of a disk of 1024 MiB at most"), "MiB");
    disk.push((DISK - measured.disk) as f64);
    report.add_with_target(&memory, Target::AtMost(MEMORY as f64));
    report.add_with_target(&slowest, Target::AtMost(1.0));
    report.add(&disk);
}
