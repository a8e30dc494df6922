//! Settings of the log. They are read by `telemetry`, before everything else.

use clap::{Args, ValueEnum};

/// What is logged and how it looks.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Log")]
pub struct LogArgs {
    /// What is logged: `error`, `warn`, `info`, `debug`, `trace`, or by module: `info,backend::store=debug`
    #[arg(long = "log", env = "CAISSON_LOG", value_name = "FILTER", default_value = "info")]
    pub filter: String,
    /// How a line of the log looks
    #[arg(long = "log-format", env = "CAISSON_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    pub format: LogFormat,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}
