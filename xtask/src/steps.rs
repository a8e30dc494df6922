//! A list of things to do of which each is done, whatever became of those before it.

use std::{process::ExitCode, time::Instant};

use anyhow::Result;

/// What has been done so far, and what of it failed.
#[derive(Default)]
pub(crate) struct Steps {
    failed: Vec<String>,
}

impl Steps {
    /// Does one thing, between a line that names it and, if it fails, the error.
    pub(crate) fn step(&mut self, name: &str, step: impl FnOnce() -> Result<()>) {
        println!("── {name}");
        let started = Instant::now();
        if let Err(error) = step() {
            eprintln!("{name} failed after {} s: {error:#}", started.elapsed().as_secs());
            self.failed.push(name.to_owned());
        }
    }

    /// The exit code of the whole, after a line that names what failed; no line when nothing did.
    pub(crate) fn finish(self) -> ExitCode {
        if self.failed.is_empty() {
            return ExitCode::SUCCESS;
        }
        println!("failed: {}", self.failed.join(", "));
        ExitCode::FAILURE
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
        assert_eq!(steps.failed, ["first"]);
    }
}
