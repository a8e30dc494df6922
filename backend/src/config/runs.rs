//! Settings of how much work the server takes on.

use std::time::Duration;

use clap::Args;

use super::{Error, within};

/// How much work the server takes on, as typed.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Runs")]
pub struct RunsArgs {
    /// Runs that work at once (1 to 10000); the others wait in the queue
    #[arg(long, env = "CAISSON_SLOTS", value_name = "COUNT", default_value_t = 4)]
    pub slots: u32,
    /// Runs that may wait (1 to 1000000); more are refused
    #[arg(long, env = "CAISSON_QUEUE", value_name = "COUNT", default_value_t = 10_000)]
    pub queue: u32,
    /// How often a failed check goes back to the agent before the run fails (0 to 100)
    #[arg(long, env = "CAISSON_CHECK_ATTEMPTS", value_name = "COUNT", default_value_t = 2)]
    pub check_attempts: u32,
    /// Seconds a container may take to become ready (5 to 3600)
    #[arg(long, env = "CAISSON_START_TIMEOUT", value_name = "SECONDS", default_value_t = 120)]
    pub start_timeout: u64,
}

/// How much work the server takes on, checked.
#[derive(Clone, Debug)]
pub struct Runs {
    /// Runs that work at once.
    pub slots: u32,
    /// Runs that may wait.
    pub queue: u32,
    /// How often a failed check goes back to the agent.
    pub check_attempts: u32,
    /// How long a container may take to become ready.
    pub start_timeout: Duration,
}

impl RunsArgs {
    pub(super) fn validate(self) -> Result<Runs, Error> {
        let seconds =
            within("--start-timeout", self.start_timeout, 5, 3600, "seconds until a container is ready")?;
        Ok(Runs {
            slots: within("--slots", self.slots, 1, 10_000, "runs that work at once")?,
            queue: within("--queue", self.queue, 1, 1_000_000, "runs that may wait")?,
            check_attempts: within(
                "--check-attempts",
                self.check_attempts,
                0,
                100,
                "attempts to mend a check",
            )?,
            start_timeout: Duration::from_secs(seconds),
        })
    }
}
