//! What else may be wrong, and the remedy; pure.

use api::{
    Timestamp,
    system::{Finding, Status},
};

/// A disk with less than this is nearly full, in bytes.
const LEAST_FREE: u64 = 1 << 30;
/// Or with less than one part in so many.
const LEAST_PART: u64 = 20;
/// How far two clocks may be apart, in seconds.
const APART: i64 = 5;
/// How old the oldest run of the queue may be while every slot is idle, in seconds.
const STUCK: i64 = 300;

/// Other clocks, to compare this server's with.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clocks {
    /// The database's own, where it has one.
    pub(super) database: Option<Timestamp>,
    /// When the newest run was asked for.
    pub(super) newest_run: Option<Timestamp>,
}

/// Everything that was looked at.
pub(super) fn all(status: &Status, queue: u64, now: Timestamp, clocks: Clocks) -> Vec<Finding> {
    let found = [
        ("disk", disk(status)),
        ("queue", line(status, queue, now)),
        ("progress", progress(status)),
        ("clock", clock(now, clocks)),
        ("jobs", jobs(status)),
    ];
    let whole = |(name, found): (&str, Result<String, String>)| Finding {
        name: name.to_owned(),
        ok: found.is_ok(),
        detail: found.unwrap_or_else(|wrong| wrong),
    };
    found.into_iter().map(whole).collect()
}

fn disk(status: &Status) -> Result<String, String> {
    let (Some(free), Some(total)) = (status.disk_free_bytes, status.disk_total_bytes) else {
        return Ok("the system does not say how full the data folder's disk is".to_owned());
    };
    let said = format!("{} of {} are free", size(free), size(total));
    if free < LEAST_FREE.max(total / LEAST_PART).min(total / 2) {
        return Err(format!(
            "the disk of the data folder is nearly full: {said}; make room, or let old events and patches go: \
             --keep-events-days, --keep-artifacts-days. While less than a twentieth is free (on a small disk more), runs with long logs wait"
        ));
    }
    Ok(said)
}

fn line(status: &Status, most: u64, now: Timestamp) -> Result<String, String> {
    let waits = status.oldest_queued_at.map_or(0, |since| now.duration_since(since).as_secs());
    let said = match status.queue {
        0 => "empty".to_owned(),
        queued => format!("{queued} of at most {most} runs wait, the oldest for {}", minutes(waits)),
    };
    if most.saturating_mul(9) <= status.queue.saturating_mul(10) {
        return Err(format!(
            "the queue is nearly full: {said}; cancel some, or allow more work at once with --slots, or a longer \
             queue with --queue"
        ));
    }
    let working: u64 =
        ["starting", "running", "stopping"].iter().filter_map(|state| status.runs.get(*state)).sum();
    if STUCK < waits && working == 0 {
        return Err(format!(
            "runs are queued but every slot is idle: {said}; look at the server's log, and whether the \
             limits of a batch or --slots-per-repository hold them back"
        ));
    }
    Ok(said)
}

fn progress(status: &Status) -> Result<String, String> {
    let Some(first) = status.stalled.first() else {
        return Ok("no stalled runs".to_owned());
    };
    Err(format!(
        "{} stalled runs; see `caisson runs logs {first}`, and `caisson runs cancel {first}` \
         saves the work and ends it",
        status.stalled.len()
    ))
}

fn jobs(status: &Status) -> Result<String, String> {
    let failing: Vec<String> =
        status.jobs.iter().filter(|job| !job.ok).map(|job| format!("{} {}", job.name, job.detail)).collect();
    match failing.as_slice() {
        [] => Ok(format!("all {} background jobs work", status.jobs.len())),
        failing => Err(format!("{}; see the server's log", failing.join("; "))),
    }
}

fn clock(now: Timestamp, clocks: Clocks) -> Result<String, String> {
    let remedy = "let a time service (NTP) set the clocks";
    if let Some(newest) = clocks.newest_run.filter(|newest| APART < newest.duration_since(now).as_secs()) {
        return Err(format!(
            "the clock was set back: the newest run is of {newest}, and it is {now}; {remedy}"
        ));
    }
    match clocks.database.map(|database| now.duration_since(database).as_secs()) {
        Some(apart) if APART < apart.abs() => {
            Err(format!("this server's clock and the database's are {} s apart; {remedy}", apart.abs()))
        }
        Some(_) => Ok(format!("{now}, as the database's")),
        None => Ok(now.to_string()),
    }
}

fn minutes(seconds: i64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    }
}

#[expect(clippy::cast_precision_loss, reason = "one digit after the point is shown")]
fn size(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))
}

#[cfg(test)]
mod tests;
