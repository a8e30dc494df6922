//! Writer, wake-ups and follower in every order they can run in: nothing is lost, doubled or slept through.
//!
//! The follower and the wakeups are the real ones. The database is a list, and each step of a reader or writer
//! around it is a place where the scheduler may switch to another task.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use api::{
    Timestamp,
    event::{EventBody, Notice, StateChange},
    id::RunId,
    run::{Outcome, Reason, RunState},
    stream::Frame,
};
use futures::StreamExt;
use shuttle::{
    future::{block_on, spawn, yield_now},
    scheduler::{DfsScheduler, PctScheduler, RandomScheduler, Scheduler},
};
use tokio::sync::{broadcast, watch};
use uuid::Uuid;

use super::Wakeups;
use crate::{
    app::follow::{Log, Outgoing, follow_log},
    store::{
        Ahead, Error, EventPage, PageLimit, Partial, StoredEvent,
        entity::run_event::{Body, Row},
    },
};

const RUN: RunId = RunId(Uuid::nil());

/// What a writer does last.
#[derive(Clone, Copy)]
enum Last {
    /// As it is: first the commit, then the wake-up.
    Notify,
    /// Wrong: it wakes readers for something that nobody can read yet.
    Commit,
}

#[derive(Clone, Default)]
struct Model {
    wakeups: Arc<Wakeups>,
    committed: Arc<Mutex<Vec<Arc<StoredEvent>>>>,
}

impl Model {
    fn commit(&self, rows: &[Row<'_>]) {
        let rows = rows.iter().map(|row| Arc::new(row.try_into().expect("an event")));
        self.committed.lock().expect("whole").extend(rows);
    }
}

impl Log for Model {
    fn wakeups(&self) -> watch::Receiver<()> {
        self.wakeups.run_events(RUN)
    }

    fn partials(&self) -> broadcast::Receiver<Partial> {
        self.wakeups.run_partials(RUN)
    }

    fn recent(&self, after: i64) -> Option<EventPage> {
        self.wakeups.recent(RUN, after)
    }

    async fn page(&self, after: i64, limit: PageLimit) -> Result<EventPage, Error> {
        yield_now().await;
        let page = {
            let rows = self.committed.lock().expect("whole");
            let rest = rows.iter().filter(|event| after < event.seq);
            // Pages of two, so that there is more than one.
            let most = limit.events.min(2) as usize;
            let events: Vec<_> = rest.take(most).cloned().collect();
            EventPage { is_last: events.len() < most, events }
        };
        yield_now().await;
        Ok(page)
    }

    fn ahead(&self, _after: i64) -> Ahead {
        Ahead::default()
    }

    async fn is_end(&self, seq: i64) -> Result<bool, Error> {
        yield_now().await;
        Ok(self.committed.lock().expect("whole").iter().any(|event| event.seq == seq && event.is_end))
    }

    async fn is_removed(&self) -> Result<bool, Error> {
        Ok(false)
    }
}

fn rows(seqs: std::ops::Range<i64>, end: i64) -> Vec<Row<'static>> {
    let body = |seq| match seq == end {
        true => EventBody::State(StateChange {
            state: RunState::Ended,
            outcome: Some(Outcome::Failed),
            reason: Some(Reason::Timeout),
            detail: None,
        }),
        false => EventBody::Notice(Notice { about: "test".into(), text: "x".into() }),
    };
    let row = |seq| {
        let body = Body::new(Timestamp::UNIX_EPOCH, None, &body(seq)).expect("an event");
        Row { run: RUN, seq, body: std::borrow::Cow::Owned(body) }
    };
    seqs.map(row).collect()
}

/// Writes groups of these sizes; the last event is the end of the run.
async fn write(model: Model, groups: &'static [i64], last: Last) {
    let end = groups.iter().sum();
    let mut next = 1;
    for size in groups {
        let rows = rows(next..next + size, end);
        next += size;
        match last {
            Last::Notify => model.commit(&rows),
            Last::Commit => model.wakeups.publish(&rows),
        }
        yield_now().await;
        match last {
            Last::Notify => model.wakeups.publish(&rows),
            Last::Commit => model.commit(&rows),
        }
        yield_now().await;
    }
}

/// Follows to the end. One that sleeps for ever is a deadlock, which the scheduler finds.
async fn read(model: Model, after: i64, end: i64) {
    let mut frames = std::pin::pin!(follow_log(model, after));
    let mut cursor = after;
    loop {
        match frames.next().await.expect("no cut").expect("readable") {
            Outgoing::Item { event } => {
                assert_eq!(event.seq, cursor + 1, "each once and in order");
                cursor = event.seq;
            }
            Outgoing::Other(Frame::End) => break,
            Outgoing::Other(Frame::CaughtUp { seq }) => assert_eq!(seq, cursor),
            Outgoing::Other(other) => panic!("nobody sent {other:?}"),
        }
    }
    assert_eq!(cursor, end, "all of them");
}

fn once(groups: &'static [i64], readers: usize, last: Last) {
    block_on(async move {
        let model = Model::default();
        let end = groups.iter().sum();
        let readers: Vec<_> = (0..readers).map(|_| spawn(read(model.clone(), 0, end))).collect();
        let writer = spawn(write(model, groups, last));
        for task in readers.into_iter().chain([writer]) {
            task.await.expect("no panic");
        }
    });
}

/// Runs a test in the orders of a scheduler. The futures of a debug build need larger stacks than the default.
fn check(scheduler: impl Scheduler + 'static, test: impl Fn() + Send + Sync + 'static) {
    let mut config = shuttle::Config::new();
    config.stack_size = 256 << 10;
    shuttle::Runner::new(scheduler, config).run(test);
}

#[test]
fn every_order_of_steps_delivers_each_event_once() {
    for groups in [&[1, 1][..], &[3, 1]] {
        let orders = Arc::new(AtomicUsize::new(0));
        let counted = orders.clone();
        let one = move || {
            counted.fetch_add(1, Ordering::Relaxed);
            once(groups, 1, Last::Notify);
        };
        check(DfsScheduler::new(None, false), one);
        let orders = orders.load(Ordering::Relaxed);
        assert!(100 < orders, "only {orders} orders of {groups:?}");
    }
}

#[test]
fn many_orders_of_more_steps_and_readers_deliver_each_event_once() {
    check(RandomScheduler::new(3_000), || once(&[1, 2, 1, 3, 1], 3, Last::Notify));
    check(PctScheduler::new(4, 2_000), || once(&[1, 2, 1, 3, 1], 2, Last::Notify));
}

#[test]
fn a_bell_before_the_commit_would_be_found_out() {
    let tried = AssertUnwindSafe(|| check(DfsScheduler::new(None, false), || once(&[1, 1], 1, Last::Commit)));
    assert!(catch_unwind(tried).is_err(), "an order in which the reader sleeps for ever");
}
