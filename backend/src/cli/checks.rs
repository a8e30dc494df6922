//! `--check` and `--check-clean`: the checks of a task that is made on the command line.

use api::task::Check;
use clap::Args;

/// The checks, in the order they run in.
#[derive(Debug, Default, Args)]
pub(super) struct Checks {
    /// A command that must succeed when the work is done; may be repeated.
    #[arg(long = "check", value_name = "CMD")]
    checks: Vec<String>,
    /// The same in a clean checkout of the commit: files in no commit are not there. Runs after those of --check.
    #[arg(long = "check-clean", value_name = "CMD")]
    clean_checks: Vec<String>,
}

impl Checks {
    /// As a step has them.
    pub(super) fn wire(&self) -> Vec<Check> {
        let clean = |run: &String| Check { clean: true, ..Check::from(run.as_str()) };
        let plain = self.checks.iter().map(|run| Check::from(run.as_str()));
        plain.chain(self.clean_checks.iter().map(clean)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clean_checks_run_after_the_others() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let checks = Checks { checks: words(&["a", "b"]), clean_checks: words(&["c"]) };
        let wire: Vec<_> = checks.wire().into_iter().map(|check| (check.run, check.clean)).collect();
        assert_eq!(wire, [("a".to_owned(), false), ("b".to_owned(), false), ("c".to_owned(), true)]);
    }
}
