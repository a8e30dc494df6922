//! How long each test took, read from the test runner's lines while they are printed.
//!
//! libtest prints the time of each test only with an option that the stable toolchain hides. The variable that shows it
//! is set for the test programs alone, by a runner: nothing is compiled differently. A runner such as cargo-nextest
//! would have to be compiled on each new machine, for minutes, and starts a process for each test, which the tests of
//! the whole, with one engine for all, are not made for.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use crate::run;

/// How many of the slowest tests are named.
const SLOWEST: usize = 10;
/// For cargo: a test program is started with the variable that allows [`OPTIONS`].
const RUNNER: &str = "target.'cfg(unix)'.runner=['env', 'RUSTC_BOOTSTRAP=1']";
/// For the test program: each test's line ends with its time.
const OPTIONS: [&str; 3] = ["-Zunstable-options", "--report-time", "--color=never"];
/// How the test runner's summary of a test program begins.
const SUMMARY: &str = "test result: ";

/// The tests that ran, with their times.
#[derive(Default)]
pub(crate) struct Timing {
    /// Seconds and name.
    tests: Vec<(f64, String)>,
    /// The last summary so far, which is printed when all else has been.
    summary: Option<String>,
}

impl Timing {
    /// Runs a `cargo test` command, with the tests whose names contain one of the filters (all without a filter).
    /// Prints what it prints, but for the last summary, which [`Timing::finish`] prints.
    ///
    /// # Errors
    /// When it cannot be started or a test fails.
    pub(crate) fn run(&mut self, tests: &mut Command, filters: &[String]) -> Result<()> {
        tests.args(["--config", RUNNER, "--"]).args(OPTIONS).args(filters).stdout(Stdio::piped());
        let mut runner = tests.spawn().context("cargo cannot be started")?;
        let output = runner.stdout.take().context("cargo has no standard output")?;
        for line in BufReader::new(output).split(b'\n') {
            let line = line.context("the output of the tests cannot be read")?;
            self.read(&String::from_utf8_lossy(&line));
        }
        run::succeeded(tests, runner.wait()?)
    }

    /// Whether a test ran.
    ///
    /// # Errors
    /// When none did.
    pub(crate) fn ensure_some(&self, filters: &[String]) -> Result<()> {
        ensure!(!self.tests.is_empty(), "no test has a name with {}", filters.join(" or "));
        Ok(())
    }

    /// Prints the slowest tests, the slowest first.
    pub(crate) fn print_slowest(&self) {
        println!("── the slowest tests");
        for (seconds, name) in self.slowest() {
            println!("{seconds:>6.1} s  {name}");
        }
    }

    /// Prints the summary that was held back.
    pub(crate) fn finish(self) {
        if let Some(summary) = self.summary {
            println!("\n{summary}\n");
        }
    }

    fn read(&mut self, line: &str) {
        if line.starts_with(SUMMARY) {
            if let Some(earlier) = self.summary.replace(line.to_owned()) {
                println!("{earlier}");
            }
            return;
        }
        println!("{line}");
        self.tests.extend(timed(line));
    }

    fn slowest(&self) -> Vec<&(f64, String)> {
        let mut tests: Vec<_> = self.tests.iter().collect();
        tests.sort_by(|(one, _), (other, _)| other.total_cmp(one));
        tests.truncate(SLOWEST);
        tests
    }
}

/// Reads `test some::name ... ok <1.234s>`.
fn timed(line: &str) -> Option<(f64, String)> {
    let (test, seconds) = line.strip_prefix("test ")?.strip_suffix("s>")?.rsplit_once(" <")?;
    let (name, _) = test.split_once(" ... ")?;
    Some((seconds.parse().ok()?, name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What libtest prints of two test programs.
    const OUTPUT: &str = "\nrunning 2 tests\ntest quick ... ok <0.001s>\ntest slow::one ... FAILED <12.500s>\n\n\
        test result: FAILED. 1 passed; 1 failed; finished in 12.50s\n\n\nrunning 1 test\n\
        test panics - should panic ... ok <0.200s>\n\ntest result: ok. 1 passed; 0 failed; finished in 0.20s\n\n";

    #[test]
    fn the_slowest_come_first_and_the_last_summary_is_held_back_as_it_was_printed() {
        let mut timing = Timing::default();
        OUTPUT.lines().for_each(|line| timing.read(line));
        let slowest: Vec<_> = timing.slowest().into_iter().map(|(_, name)| name.as_str()).collect();
        assert_eq!(slowest, ["slow::one", "panics - should panic", "quick"]);
        assert_eq!(timing.summary.as_deref(), Some("test result: ok. 1 passed; 0 failed; finished in 0.20s"));
    }

    #[test]
    fn a_filter_that_chooses_no_test_is_an_error() {
        let mut timing = Timing::default();
        assert!(timing.ensure_some(&["no_such_test".to_owned()]).is_err());
        timing.read("test quick ... ok <0.001s>");
        assert!(timing.ensure_some(&[]).is_ok());
    }

    #[test]
    fn the_toolchain_in_use_prints_times() {
        let program = std::env::current_exe().unwrap();
        let mut listed = Command::new(program);
        // A test of this program that starts nothing.
        listed
            .args(OPTIONS)
            .args(["--exact", "steps::tests::a_failed_step_stops_nothing_and_is_not_forgotten"]);
        let output = run::output(listed.env("RUSTC_BOOTSTRAP", "1")).unwrap();
        assert_eq!(output.lines().filter_map(timed).count(), 1, "{output}");
    }
}
