//! What was refused, counted: told at once the first time, then at most once a second, in bounded memory.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::{sync::Notify, time::Instant};

use crate::{
    line::{Denied, FromGate, Notice},
    policy::printable,
};

/// The most different (host, port) that are counted one by one; what comes after is counted together.
const MOST_ENTRIES: usize = 256;
const MORE_HOSTS: &str = "(more hosts)";
/// How often one entry is told again at most.
const PACE: Duration = Duration::from_secs(1);
/// How long the first refusal of an entry is held back, so that the executor still finds the process that asked.
const HOLD: Duration = Duration::from_millis(150);
/// For how many entries that is done: a flood of names is refused at once.
const HELD_ENTRIES: usize = 64;
/// The longest host and the longest sentence, in characters.
const LONGEST_HOST: usize = 253;
const LONGEST_TEXT: usize = 500;
/// The most different notices in a container's life, and the most that wait to be told.
const MOST_NOTICES: usize = 256;

type Key = (String, Option<u16>);

/// The table of denials and the notices that wait. Shared by gate, relay and control line.
#[derive(Default)]
pub(crate) struct Denials {
    table: Mutex<Table>,
    changed: Notify,
    /// Whether somebody listens who may look for the process.
    heard: AtomicBool,
}

#[derive(Default)]
struct Table {
    entries: HashMap<Key, Entry>,
    noticed: HashSet<String>,
    notices: VecDeque<String>,
}

struct Entry {
    denied: Denied,
    happened: Instant,
    /// When it may be told, if there is anything new.
    due: Instant,
    untold: bool,
}

impl Denials {
    /// Somebody listens from now on.
    pub(crate) fn are_heard(&self) {
        self.heard.store(true, Ordering::Relaxed);
    }

    /// Counts one refusal, and keeps its socket open for a moment when it is the first of its kind.
    pub(crate) async fn refuse(&self, host: &str, port: Option<u16>, why: &str, source_port: u16) {
        if self.record(host, port, why, source_port) && self.heard.load(Ordering::Relaxed) {
            tokio::time::sleep(HOLD).await;
        }
    }

    /// Counts one refusal. The host may be made of hostile bytes. Answers whether it is one of the first.
    pub(crate) fn record(&self, host: &str, port: Option<u16>, why: &str, source_port: u16) -> bool {
        let now = Instant::now();
        let mut table = self.table();
        let mut key = (printable(host, LONGEST_HOST), port);
        if MOST_ENTRIES <= table.entries.len() && !table.entries.contains_key(&key) {
            key = (MORE_HOSTS.to_owned(), None);
        }
        let is_new = table.entries.len() < HELD_ENTRIES && !table.entries.contains_key(&key);
        let entry = table.entries.entry(key.clone()).or_insert_with(|| Entry::new(key, now));
        // A look-up asks for IPv4 and IPv6 from one socket: one attempt.
        let same = port.is_none() && entry.denied.source_port == source_port && now < entry.happened + PACE;
        if entry.denied.count == 0 || !same {
            entry.denied.count += 1;
            entry.untold = true;
        }
        entry.happened = now;
        entry.denied.why = printable(why, LONGEST_TEXT);
        entry.denied.last_at = milliseconds();
        entry.denied.source_port = source_port;
        self.changed.notify_one();
        is_new
    }

    /// Says something once in a container's life.
    pub(crate) fn notice(&self, text: &str) {
        let text = printable(text, LONGEST_TEXT);
        let mut table = self.table();
        if table.noticed.len() < MOST_NOTICES && table.noticed.insert(text.clone()) {
            table.notices.push_back(text);
            self.changed.notify_one();
        }
    }

    /// Waits until there is something to tell. Cancel-safe: what was not returned is told next time.
    pub(crate) async fn next(&self) -> Vec<FromGate> {
        loop {
            let (due, next) = self.take_due(Instant::now());
            if !due.is_empty() {
                return due;
            }
            match next {
                None => self.changed.notified().await,
                // A timer that is over is no reason to tell anything: the loop looks again.
                Some(next) => drop(tokio::time::timeout_at(next, self.changed.notified()).await),
            }
        }
    }

    /// Forgets everything and returns it: the firewall's own probes are no denials of the agent.
    pub(crate) fn drain(&self) -> Vec<Denied> {
        let mut table = self.table();
        table.notices.clear();
        table.noticed.clear();
        table.entries.drain().map(|(_, entry)| entry.denied).collect()
    }

    fn take_due(&self, now: Instant) -> (Vec<FromGate>, Option<Instant>) {
        let mut table = self.table();
        let mut lines: Vec<FromGate> =
            table.notices.drain(..).map(|text| FromGate::Notice { notice: Notice { text } }).collect();
        let mut next: Option<Instant> = None;
        for entry in table.entries.values_mut().filter(|entry| entry.untold) {
            if entry.due <= now {
                entry.untold = false;
                entry.due = now + PACE;
                lines.push(FromGate::Denied { denied: entry.denied.clone() });
            } else {
                next = Some(next.map_or(entry.due, |next| next.min(entry.due)));
            }
        }
        (lines, next)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Nothing in here can panic half way through a change.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn new((host, port): Key, now: Instant) -> Self {
        let denied = Denied { host, port, why: String::new(), count: 0, last_at: 0, source_port: 0 };
        Self { denied, happened: now, due: now, untold: false }
    }
}

fn milliseconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denied(lines: &[FromGate]) -> Vec<(&str, u64)> {
        let denied = lines.iter().filter_map(|line| match line {
            FromGate::Denied { denied } => Some((denied.host.as_str(), denied.count)),
            _ => None,
        });
        denied.collect()
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_is_told_at_once_and_repeats_once_a_second_with_the_total() {
        let denials = Denials::default();
        let record = || denials.record("example.org", Some(443), "no", 1);
        assert!(record());
        assert_eq!(denied(&denials.next().await), [("example.org", 1)]);
        let told = Instant::now();
        assert_eq!((0..1000).filter(|_| record()).count(), 0);
        assert_eq!(denied(&denials.next().await), [("example.org", 1001)]);
        assert_eq!(told.elapsed(), PACE);
    }

    #[tokio::test(start_paused = true)]
    async fn both_questions_of_one_look_up_are_one_denial() {
        let denials = Denials::default();
        for source_port in [5, 5, 6] {
            denials.record("example.org", None, "no", source_port);
        }
        assert_eq!(denied(&denials.next().await), [("example.org", 2)]);
    }

    #[tokio::test(start_paused = true)]
    async fn thousands_of_hosts_take_bounded_memory_and_are_counted_together() {
        let denials = Denials::default();
        for n in 0..5000 {
            denials.record(&format!("{n}.example\n\u{1b}[2J"), Some(443), "no", 1);
        }
        let lines = denials.next().await;
        assert_eq!(lines.len(), MOST_ENTRIES + 1);
        assert!(denied(&lines).contains(&(MORE_HOSTS, 5000 - MOST_ENTRIES as u64)));
        assert!(
            denied(&lines).iter().all(|(host, _)| host.bytes().all(|b| b == b' ' || b.is_ascii_graphic()))
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_refusal_of_a_host_waits_for_who_may_look_and_a_flood_does_not() {
        let denials = Denials::default();
        let began = Instant::now();
        denials.refuse("a.example", None, "no", 1).await;
        assert_eq!(began.elapsed(), Duration::ZERO, "nobody listens");
        denials.are_heard();
        denials.refuse("a.example", None, "no", 2).await;
        assert_eq!(began.elapsed(), Duration::ZERO, "it is known");
        for n in 0..1000 {
            denials.refuse(&format!("{n}.example"), None, "no", 3).await;
        }
        let held = u32::try_from(HELD_ENTRIES - 1).unwrap();
        assert_eq!(began.elapsed(), HOLD * held);
    }

    #[tokio::test(start_paused = true)]
    async fn a_notice_is_said_once() {
        let denials = Denials::default();
        denials.notice("x does not resolve");
        denials.notice("x does not resolve");
        assert_eq!(denials.next().await.len(), 1);
    }
}
