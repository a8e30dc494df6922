//! What is found, by example.

use std::{collections::BTreeMap, time::Duration};

use api::{
    id::RunId,
    system::{Job, Part},
};

use super::*;

const GIB: u64 = 1 << 30;

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn well() -> Status {
    let part = || Part { ok: true, detail: "well".into() };
    Status {
        runs: BTreeMap::new(),
        instances: 0,
        queue: 0,
        slots: 4,
        database: part(),
        engine: part(),
        image: part(),
        model: part(),
        gates_waiting: 0,
        oldest_queued_at: None,
        events_stored: 0,
        batches_active: 0,
        disk_free_bytes: Some(50 * GIB),
        disk_total_bytes: Some(100 * GIB),
        stalled: Vec::new(),
        now: Some(now()),
        findings: Vec::new(),
        jobs: Vec::new(),
    }
}

fn job(name: &str, ok: bool) -> Job {
    let detail = if ok { "ok" } else { "failed: the disk is full" };
    Job {
        name: name.into(),
        period_seconds: 5,
        ok,
        detail: detail.into(),
        last_at: Some(now()),
        duration_ms: Some(1),
        passes: 2,
        failures: u64::from(!ok),
    }
}

/// The names of what is wrong, with what is said.
fn wrong(status: &Status, clocks: Clocks) -> Vec<(String, String)> {
    let all = all(status, 100, now(), clocks);
    all.into_iter().filter(|it| !it.ok).map(|it| (it.name, it.detail)).collect()
}

#[test]
fn a_server_that_is_well_has_nothing_wrong() {
    assert_eq!(wrong(&well(), Clocks { database: Some(now()), newest_run: Some(now()) }), []);
    let busy = Status { queue: 89, oldest_queued_at: Some(now() - Duration::from_secs(7200)), ..well() };
    let busy = Status { runs: BTreeMap::from([("running".into(), 4)]), ..busy };
    assert_eq!(wrong(&busy, Clocks::default()), []);
}

#[test]
fn each_thing_that_is_wrong_is_named_with_its_remedy() {
    let waits = Some(now() - Duration::from_secs(900));
    let back = Clocks { newest_run: Some(now() + Duration::from_secs(60)), database: None };
    let apart = Clocks { newest_run: None, database: Some(now() - Duration::from_secs(9)) };
    for (status, clocks, name, words) in [
        (
            Status { disk_free_bytes: Some(3 * GIB), ..well() },
            Clocks::default(),
            "disk",
            "3.0 GiB of 100.0 GiB",
        ),
        (Status { queue: 90, ..well() }, Clocks::default(), "queue", "--queue"),
        (Status { queue: 1, oldest_queued_at: waits, ..well() }, Clocks::default(), "queue", "for 15 min"),
        (
            Status { stalled: vec![RunId(uuid::Uuid::from_u128(7))], ..well() },
            Clocks::default(),
            "progress",
            "runs cancel 00000000-",
        ),
        (
            Status { jobs: vec![job("retention", true), job("dispatch", false)], ..well() },
            Clocks::default(),
            "jobs",
            "dispatch failed: the disk is full; see",
        ),
        (well(), back, "clock", "set back"),
        (well(), apart, "clock", "9 s apart"),
    ] {
        let wrong = wrong(&status, clocks);
        assert_eq!(wrong.len(), 1, "{wrong:?}");
        assert!(wrong[0].0 == name && wrong[0].1.contains(words), "{wrong:?}");
    }
}
