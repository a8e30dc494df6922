//! Events of many runs, stored by the real writer and followed while they come, against a bare loop of inserts.

use std::time::Instant;

use api::{
    Timestamp,
    agent::AgentEvent,
    event::{AgentLine, AgentLineType, EventBody},
    id::RunId,
};
use backend::{
    app::follow::{Outgoing, follow},
    store::{NewEvent, RunWrite, Store},
};
use futures::StreamExt;
use tokio::task::JoinSet;

use crate::{
    database::{Kind, Row},
    databases::insert_run,
    harness::within,
    report::{Report, Samples, Target},
    scale::Scale,
};

/// How much is written.
#[derive(Clone, Copy)]
pub struct Load {
    /// Runs that write at once, each with one reader.
    pub runs: usize,
    /// Events of each run.
    pub events: usize,
    /// How often everything is measured.
    pub rounds: usize,
}

/// How many events a driver finds waiting and writes at once: an agent that talks, and one that floods.
const PER_WRITE: [usize; 2] = [1, 16];
/// The length of an agent's line, in bytes.
const LINE: usize = 1_000;

/// Measures bare loop and Caisson in turns, each on a new database.
pub async fn measure(kind: &Kind, scale: Scale, report: &mut Report) {
    let load = Load::of(scale);
    let Load { runs, events, rounds } = load;
    for per_write in PER_WRITE {
        let name = kind.name();
        eprintln!("streams on {name}: {runs} runs of {events} events, {per_write} a write, {rounds} rounds");
        let label = format!("{name}, {per_write} a write");
        let mut bare = Samples::reference(format!("bare insert, {label}"), "events/s");
        let mut stored = Samples::new(format!("stored, {label}"), "events/s");
        let mut followed = Samples::new(format!("stored and followed, {label}"), "events/s");
        for _ in 0..rounds {
            bare.push(load.rate(bare_round(kind, load).await));
            let (all_stored, all_followed) = round(kind, load, per_write).await;
            stored.push(load.rate(all_stored));
            followed.push(load.rate(all_followed));
        }
        report.add(&bare);
        report.add(&stored);
        report.add_with_target(&followed, Target::AtLeast(40_000.0));
        let ratio = format!("followed : bare insert, {label}");
        report.add_ratio(ratio, &followed, &bare, Some(Target::AtLeast(0.3)));
    }
}

impl Load {
    pub fn of(scale: Scale) -> Self {
        scale.of(Self { runs: 50, events: 480, rounds: 3 }, Self { runs: 2, events: 16, rounds: 1 })
    }

    /// Events of all runs in a second.
    #[expect(clippy::cast_precision_loss, reason = "a few thousand are exact")]
    pub fn rate(self, seconds: f64) -> f64 {
        (self.runs * self.events) as f64 / seconds
    }
}

/// A line of an agent: its JSON, and the text in it as the executor adds it, together `LINE` bytes.
pub fn body(number: usize) -> EventBody {
    let start = r#"{"type":"assistant","message":{"content":[{"type":"text","text":""#;
    let end = r#""}]}}"#;
    let number = format!("{number:06} ");
    let filler = (LINE - start.len() - end.len()) / 2 - number.len();
    let text = number + &"lorem ipsum ".chars().cycle().take(filler).collect::<String>();
    let raw = format!("{start}{text}{end}");
    EventBody::Agent(AgentLine::new(AgentEvent::text(AgentLineType::Text, text), raw))
}

/// So many new runs.
pub async fn runs(store: &Store, count: usize) -> Vec<RunId> {
    let mut runs = Vec::with_capacity(count);
    for _ in 0..count {
        runs.push(insert_run(store).await);
    }
    runs
}

async fn bare_round(kind: &Kind, load: Load) -> f64 {
    let fresh = kind.fresh().await;
    let runs = runs(&fresh.store, load.runs).await;
    // In the order in which they come when all runs work at once.
    let numbers = (0..load.events).flat_map(|number| runs.iter().map(move |run| (*run, number)));
    let rows: Vec<Row> =
        numbers.map(|(run, number)| Row::of(run, number as i64 + 1, &body(number))).collect();
    let seconds = fresh.insert_bare(&rows).await;
    fresh.remove().await;
    seconds
}

/// Seconds until everything was stored, and until every reader had everything.
async fn round(kind: &Kind, load: Load, per_write: usize) -> (f64, f64) {
    let fresh = kind.fresh().await;
    let runs = runs(&fresh.store, load.runs).await;
    let mut readers: JoinSet<()> =
        runs.iter().map(|run| read(fresh.store.clone(), *run, load.events)).collect();
    // What the agents say is there before: the other side's rows are, too.
    let writes: Vec<_> = runs.iter().map(|run| writes(*run, load.events, per_write)).collect();
    let begun = Instant::now();
    let mut writers: JoinSet<()> =
        writes.into_iter().map(|writes| write(fresh.store.clone(), writes)).collect();
    while let Some(ended) = within("a writer's end", writers.join_next()).await {
        ended.expect("no panic");
    }
    let stored = begun.elapsed().as_secs_f64();
    while let Some(ended) = within("a reader's end", readers.join_next()).await {
        ended.expect("no panic");
    }
    let followed = begun.elapsed().as_secs_f64();
    fresh.remove().await;
    (stored, followed)
}

/// All writes of a run.
fn writes(run: RunId, events: usize, per_write: usize) -> Vec<RunWrite> {
    let one = |first: usize| {
        let mut write = RunWrite::of(run);
        write.execution = Some("bench".to_owned());
        for number in first..first + per_write {
            let n = Some(number as u64 + 1);
            write.events.push(NewEvent { at: Timestamp::now(), step: Some(1), body: body(number), n });
        }
        write.patch.execution = Some(("bench".to_owned(), (first + per_write) as u64));
        write
    };
    (0..events).step_by(per_write).map(one).collect()
}

/// As a driver does: what has come is written, and only then is more taken.
async fn write(store: Store, writes: Vec<RunWrite>) {
    for write in writes {
        store.run_write(write).await.expect("written");
    }
}

async fn read(store: Store, run: RunId, expected: usize) {
    let mut frames = std::pin::pin!(follow(store, run, 0));
    let mut events = 0;
    while events < expected {
        if let Outgoing::Item { event } = frames.next().await.expect("no end").expect("a frame") {
            events += 1;
            assert_eq!(event.seq, events as i64, "no gap and no double");
        }
    }
}
