//! What is known of the container's egress: bounded, printable, and counted by versions.

use api::{
    Timestamp,
    executor::{EgressReport, Refused},
    instance::Denied,
};
use firewall::line;

/// How many hosts and ports are kept; then the one that was refused longest ago goes.
const DENIED: usize = 300;
/// How many notices are kept; further ones are dropped.
const NOTICES: usize = 100;
/// The longest texts, in characters.
const HOST: usize = 260;
const SENTENCE: usize = 500;
/// The longest name of a process.
pub(super) const PROCESS: usize = 120;

/// The report, and whether it is still kept up.
#[derive(Default)]
pub(super) struct Table {
    pub(super) report: EgressReport,
    /// The gate is gone: why.
    pub(super) broken: Option<String>,
}

impl Table {
    /// Notes what is allowed now; the same again changes nothing.
    pub(super) fn allow(&mut self, allowed: Vec<String>, refused: Vec<Refused>) -> bool {
        let report = &mut self.report;
        let changed = report.allowed != allowed || report.refused != refused;
        (report.allowed, report.refused) = (allowed, refused);
        self.step(changed)
    }

    /// Notes a denial; `true` when this host and port are new.
    pub(super) fn deny(&mut self, refusals: &line::Denied) -> bool {
        let host = printable(&refusals.host, HOST);
        let last_at = at(refusals.last_at);
        let (why, count) = (printable(&refusals.why, SENTENCE), refusals.count);
        let denied = &mut self.report.denied;
        let known = denied.iter_mut().find(|known| known.host == host && known.port == refusals.port);
        let new = known.is_none();
        match known {
            Some(known) => (known.why, known.count, known.last_at) = (why, count, last_at),
            None => {
                if DENIED <= denied.len()
                    && let Some(oldest) = (0..denied.len()).min_by_key(|place| denied[*place].last_at)
                {
                    denied.remove(oldest);
                }
                denied.push(Denied { host, port: refusals.port, count, last_at, why, process: None });
            }
        }
        self.step(true);
        new
    }

    /// Notes whose attempt it was.
    pub(super) fn name_process(&mut self, host: &str, port: Option<u16>, process: &str) -> bool {
        let (host, process) = (printable(host, HOST), printable(process, PROCESS));
        let known = self.report.denied.iter_mut().find(|known| known.host == host && known.port == port);
        let named = known.map(|known| known.process = Some(process)).is_some();
        self.step(named)
    }

    /// Notes a sentence once.
    pub(super) fn notice(&mut self, text: &str) -> bool {
        let text = printable(text, SENTENCE);
        let notices = &mut self.report.notices;
        let new = notices.len() < NOTICES && !notices.contains(&text);
        notices.extend(new.then_some(text));
        self.step(new)
    }

    fn step(&mut self, changed: bool) -> bool {
        self.report.version += u64::from(changed);
        changed
    }
}

/// Printable ASCII, cut at so many characters: names of hosts and processes are the agent's to choose.
pub(super) fn printable(text: &str, most: usize) -> String {
    let fine = |letter: char| if matches!(letter, ' '..='~') { letter } else { '?' };
    let mut short: String = text.chars().take(most).map(fine).collect();
    if text.chars().nth(most).is_some() {
        short.replace_range(most - 3.., "...");
    }
    short
}

/// A moment in milliseconds since 1970; now, when there is no such moment.
fn at(milliseconds: u64) -> Timestamp {
    let moment = i64::try_from(milliseconds).ok().and_then(|it| Timestamp::from_millisecond(it).ok());
    moment.unwrap_or_else(Timestamp::now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusals(host: &str, count: u64, last_at: u64) -> line::Denied {
        let why = "not allowed".to_owned();
        line::Denied { host: host.to_owned(), port: Some(443), why, count, last_at, source_port: 1 }
    }

    #[test]
    fn repeated_denials_are_counted_and_the_oldest_gives_way() {
        let mut table = Table::default();
        assert!(table.deny(&refusals("a.example", 1, 1)));
        assert!(!table.deny(&refusals("a.example", 5, 1000)));
        assert_eq!(
            (table.report.denied.len(), table.report.denied[0].count, table.report.version),
            (1, 5, 2)
        );
        for number in 0..2 * DENIED {
            table.deny(&refusals(&format!("{number}.example"), 1, 10 + number as u64));
        }
        assert_eq!(table.report.denied.len(), DENIED);
        assert!(table.report.denied.iter().any(|denied| denied.host == "a.example"));
        assert!(!table.report.denied.iter().any(|denied| denied.host == "0.example"));
    }

    #[test]
    fn what_the_agent_chooses_is_printable_and_short() {
        let mut table = Table::default();
        table.deny(&refusals("a\u{1b}[31m\n", 1, u64::MAX));
        assert_eq!(table.report.denied[0].host, "a?[31m?");
        assert!(table.name_process("a\u{1b}[31m\n", Some(443), &"x".repeat(500)));
        assert_eq!(table.report.denied[0].process.as_ref().map(String::len), Some(PROCESS));
        assert!(!table.name_process("b", Some(443), "x"));
    }

    #[test]
    fn notices_are_kept_once_and_not_without_end() {
        let mut table = Table::default();
        assert!(table.notice("a") && !table.notice("a"));
        for number in 0..2 * NOTICES {
            table.notice(&number.to_string());
        }
        assert_eq!((table.report.notices.len(), table.report.version), (NOTICES, NOTICES as u64));
        let allowed = vec!["example.org".to_owned()];
        assert!(table.allow(allowed.clone(), Vec::new()) && !table.allow(allowed, Vec::new()));
    }
}
