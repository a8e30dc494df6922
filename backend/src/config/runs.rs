//! Settings of how much work the server takes on.

use std::time::Duration;

use clap::Args;

use super::{Error, Size, within};

/// How much work the server takes on, as typed.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Runs")]
pub struct RunsArgs {
    /// Runs that work at once (1 to 10000); the others wait in the queue. A run that waits for a person
    /// gives its place to another one, and goes on when it is answered even if all places are taken then
    #[arg(long, env = "CAISSON_SLOTS", value_name = "COUNT", default_value_t = 4)]
    pub slots: u32,
    /// Runs that work at once on one repository (0 to 10000); 0 is no limit
    #[arg(long, env = "CAISSON_SLOTS_PER_REPOSITORY", value_name = "COUNT", default_value_t = 0)]
    pub slots_per_repository: u32,
    /// Runs that may wait (1 to 1000000); more are refused
    #[arg(long, env = "CAISSON_QUEUE", value_name = "COUNT", default_value_t = 10_000)]
    pub queue: u32,
    /// How often a failed check goes back to the agent before the run fails (0 to 100)
    #[arg(long, env = "CAISSON_CHECK_ATTEMPTS", value_name = "COUNT", default_value_t = 2)]
    pub check_attempts: u32,
    /// Seconds a container may take to become ready (5 to 3600)
    #[arg(long, env = "CAISSON_START_TIMEOUT", value_name = "SECONDS", default_value_t = 120)]
    pub start_timeout: u64,
    /// Seconds without a word of the agent until the log says what is known of it (10 to 86400); nothing is killed
    #[arg(long, env = "CAISSON_SILENCE_NOTICE", value_name = "SECONDS", default_value_t = 300)]
    pub silence_notice: u64,
    /// How often an agent tries a call to the model again before it gives up (0 to 100)
    #[arg(long, env = "CAISSON_MODEL_RETRIES", value_name = "COUNT", default_value_t = 10)]
    pub model_retries: u32,
    /// How often a run is retried automatically when its container or the engine failed (0 to 10)
    #[arg(long, env = "CAISSON_AUTO_RETRIES", value_name = "COUNT", default_value_t = 1)]
    pub auto_retries: u32,
    /// How much the log of one run may take (1m to 64g); a run that says more ends `log_full`, its work saved
    #[arg(long, env = "CAISSON_LOG_BYTES", value_name = "SIZE", default_value = "256m")]
    pub log_bytes: Size,
}

/// How much work the server takes on, checked.
#[derive(Clone, Debug)]
pub struct Runs {
    /// Runs that work at once.
    pub slots: u32,
    /// Runs that work at once on one repository; 0 is no limit.
    pub slots_per_repository: u32,
    /// Runs that may wait.
    pub queue: u32,
    /// How often a failed check goes back to the agent.
    pub check_attempts: u32,
    /// How long a container may take to become ready.
    pub start_timeout: Duration,
    /// How long an agent may say nothing until the log says so.
    pub silence_notice: Duration,
    /// How often an agent tries a call to the model again.
    pub model_retries: u32,
    /// How often a run is retried automatically when its container or the engine failed.
    pub auto_retries: u32,
    /// How many bytes the log of one run may take.
    pub log_bytes: u64,
}

impl RunsArgs {
    pub(super) fn validate(self) -> Result<Runs, Error> {
        let seconds =
            within("--start-timeout", self.start_timeout, 5, 3600, "seconds until a container is ready")?;
        let silence =
            within("--silence-notice", self.silence_notice, 10, 86_400, "seconds of silence until a notice")?;
        Ok(Runs {
            slots: within("--slots", self.slots, 1, 10_000, "runs that work at once")?,
            slots_per_repository: within(
                "--slots-per-repository",
                self.slots_per_repository,
                0,
                10_000,
                "runs that work at once on one repository",
            )?,
            queue: within("--queue", self.queue, 1, 1_000_000, "runs that may wait")?,
            check_attempts: within(
                "--check-attempts",
                self.check_attempts,
                0,
                100,
                "attempts to mend a check",
            )?,
            start_timeout: Duration::from_secs(seconds),
            silence_notice: Duration::from_secs(silence),
            model_retries: within(
                "--model-retries",
                self.model_retries,
                0,
                100,
                "tries of a call to the model",
            )?,
            auto_retries: within("--auto-retries", self.auto_retries, 0, 10, "automatic retries of a run")?,
            log_bytes: within("--log-bytes", self.log_bytes, Size(1 << 20), Size(64 << 30), "of one log")?.0,
        })
    }
}
