//! What a container was refused, and what a person allowed from these pages.

use api::id::RunId;

/// A host as a task's `egress` spells it, and as it is shown.
pub(crate) fn entry(host: &str, port: Option<u16>) -> String {
    match port {
        None => host.to_owned(),
        Some(port) if host.contains(':') && !host.starts_with('[') => format!("[{host}]:{port}"),
        Some(port) => format!("{host}:{port}"),
    }
}

/// Whether it can be allowed: `(more hosts)` stands for those that no list has room for.
pub(crate) fn is_host(host: &str) -> bool {
    !host.is_empty() && !host.starts_with('(')
}

/// Whether one of these entries names it. Patterns, networks and tools are not read: for those it is asked again,
/// which harms nobody.
pub(crate) fn names(entries: &[String], host: &str, port: Option<u16>) -> bool {
    let whole = entry(host, port);
    let needs_no_port = matches!(port, None | Some(80 | 443));
    entries
        .iter()
        .any(|entry| entry.eq_ignore_ascii_case(&whole) || needs_no_port && entry.eq_ignore_ascii_case(host))
}

/// How often it was refused; once says nothing.
pub(crate) fn times(count: u64) -> Option<String> {
    (1 < count).then(|| format!("{count} times so far"))
}

/// What a person did about one host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Whether the server was asked and has not answered.
    pub(crate) busy: bool,
    /// Whether it was allowed for the run.
    pub(crate) run: bool,
    /// Whether it was allowed in the task.
    pub(crate) task: bool,
    /// What did not work.
    pub(crate) trouble: Option<String>,
}

impl Standing {
    /// It in words; nothing while nothing was allowed.
    pub(crate) fn words(&self) -> Option<&'static str> {
        match (self.run, self.task) {
            (true, true) => Some("Allowed for this run and in the task."),
            (true, false) => Some("Allowed for this run."),
            (false, true) => Some("Allowed in the task, for its next runs."),
            (false, false) => None,
        }
    }
}

/// What was done about all hosts; apart from the rows that show it, because those are drawn again and again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Allowing(Vec<(RunId, String, Standing)>);

impl Allowing {
    /// How it stands with a host and a run.
    pub(crate) fn of(&self, run: RunId, entry: &str) -> Standing {
        self.place(run, entry).map(|place| self.0[place].2.clone()).unwrap_or_default()
    }

    /// The same, to be changed.
    pub(crate) fn change(&mut self, run: RunId, entry: &str) -> &mut Standing {
        let place = self.place(run, entry).unwrap_or_else(|| {
            self.0.push((run, entry.to_owned(), Standing::default()));
            self.0.len() - 1
        });
        &mut self.0[place].2
    }

    fn place(&self, run: RunId, entry: &str) -> Option<usize> {
        self.0.iter().position(|(its, name, _)| *its == run && name == entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::example;

    #[test]
    fn a_host_is_spelled_as_a_task_spells_it() {
        assert_eq!(entry("example.org", Some(443)), "example.org:443");
        assert_eq!(entry("example.org", None), "example.org");
        assert_eq!(entry("2001:db8::1", Some(22)), "[2001:db8::1]:22");
        assert!(is_host("192.0.2.1") && !is_host("(more hosts)") && !is_host(""));
    }

    #[test]
    fn an_entry_without_a_port_is_for_the_web_alone() {
        let allowed = ["Example.org".to_owned(), "db.example.org:5432".to_owned()];
        for port in [None, Some(80), Some(443)] {
            assert!(names(&allowed, "example.org", port));
        }
        assert!(!names(&allowed, "example.org", Some(22)));
        assert!(names(&allowed, "db.example.org", Some(5432)));
        assert!(!names(&allowed, "db.example.org", None) && !names(&allowed, "sub.example.org", None));
    }

    #[test]
    fn what_was_allowed_is_known_for_one_run_and_one_host() {
        let (one, other) = (example::run(1).id, example::run(2).id);
        let mut allowing = Allowing::default();
        allowing.change(one, "example.org").run = true;
        allowing.change(one, "example.org").task = true;
        assert_eq!(allowing.of(one, "example.org").words(), Some("Allowed for this run and in the task."));
        assert_eq!(allowing.of(other, "example.org").words(), None);
        assert_eq!(allowing.of(one, "example.org:22"), Standing::default());
    }

    #[test]
    fn once_is_not_counted() {
        assert_eq!((times(1), times(10).as_deref()), (None, Some("10 times so far")));
    }
}
