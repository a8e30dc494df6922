//! The log: what is written to standard error, and in which form.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::{LogArgs, LogFormat};

/// What these crates log at `debug` and `trace` has headers and bodies in it, so tokens and prompts.
/// Only a filter that names them can turn that on.
const QUIET: &str = "h2=info,hyper=info,hyper_util=info,jsonrpsee=info,jsonrpsee-client=info,\
                     jsonrpsee-server=info,reqwest=info,rustls=info,soketto=info,sqlx=warn,sea_orm=info,sea_orm_migration=warn";

/// Why the log could not be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The filter does not parse.
    #[error("--log: `{filter}` is not a filter; write `info`, or `info,backend::store=debug`")]
    Filter {
        /// What was given.
        filter: String,
        /// What is wrong with it.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// The process already has a log.
    #[error("the log was started twice")]
    Started(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Starts the log of this process.
///
/// # Errors
/// When the filter does not parse, or a log was started before.
pub fn init(log: &LogArgs) -> Result<(), Error> {
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter(&log.filter)?)
        .with_writer(std::io::stderr)
        // A line that cannot be written is lost. To say so on standard error would fail as well, with a panic in
        // whoever logs: on a full disk in every task.
        .log_internal_errors(false);
    let started = match log.format {
        LogFormat::Text => subscriber.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => subscriber.json().flatten_event(true).try_init(),
    };
    started.map_err(Error::Started)
}

fn filter(text: &str) -> Result<EnvFilter, Error> {
    // Of two directives for one target the last wins, so the user's come last.
    EnvFilter::try_new(format!("{QUIET},{text}"))
        .map_err(|source| Error::Filter { filter: text.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_says_everything_still_hides_what_carries_tokens() {
        let shown = filter("trace").unwrap().to_string();
        assert!(shown.contains("jsonrpsee-server=info") && shown.contains("trace"), "{shown}");
        let asked_for = filter("jsonrpsee-server=trace").unwrap().to_string();
        assert!(asked_for.contains("jsonrpsee-server=trace"), "{asked_for}");
        assert!(!asked_for.contains("jsonrpsee-server=info"), "{asked_for}");
    }

    #[test]
    fn a_filter_that_does_not_parse_is_refused_by_the_name_of_its_flag() {
        let refused = filter("backend=loud").err().unwrap().to_string();
        assert!(refused.starts_with("--log: `backend=loud`"), "{refused}");
    }
}
