//! A list of things to do of which each is done, whatever became of those before it.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Result;

/// What has been done so far, how long each took, and what failed.
#[derive(Default)]
pub(crate) struct Steps {
    done: Vec<Step>,
}

struct Step {
    name: String,
    took: Duration,
    failed: bool,
}

impl Steps {
    /// Does one thing, between a line that names it and, if it fails, the error.
    pub(crate) fn step(&mut self, name: &str, step: impl FnOnce() -> Result<()>) {
        println!("── {name}");
        let started = Instant::now();
        let outcome = step();
        let took = started.elapsed();
        if let Err(error) = &outcome {
            eprintln!("{name} failed after {} s: {error:#}", took.as_secs());
        }
        self.done.push(Step { name: name.to_owned(), took, failed: outcome.is_err() });
    }

    /// Prints how long each step took, in the order of the steps.
    pub(crate) fn print_durations(&self) {
        println!("── durations");
        for step in &self.done {
            println!("{:>6} s  {}", step.took.as_secs(), step.name);
        }
        let total: Duration = self.done.iter().map(|step| step.took).sum();
        println!("{:>6} s  in all", total.as_secs());
    }

    /// The exit code of the whole, after a line that names what failed; no line when nothing did.
    pub(crate) fn finish(self) -> ExitCode {
        let failed = self.failed();
        if failed.is_empty() {
            return ExitCode::SUCCESS;
        }
        println!("failed: {}", failed.join(", "));
        ExitCode::FAILURE
    }

    fn failed(&self) -> Vec<&str> {
        self.done.iter().filter(|step| step.failed).map(|step| step.name.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_stops_nothing_and_is_not_forgotten() {
        let mut steps = Steps::default();
        let mut done = 0;
        steps.step("first", || anyhow::bail!("broken"));
        steps.step("second", || {
            done += 1;
            Ok(())
        });
        assert_eq!(done, 1);
        assert_eq!(steps.failed(), ["first"]);
    }
}
