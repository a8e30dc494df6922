//! How the broker tells of a failure through git's own protocol: a line that every git shows, and that git's
//! worker in the container reads again.

use std::fmt;

use super::{GitFailure, GitFailureCode};

/// A failure on its way through git's protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What happened.
    pub failure: GitFailure,
    /// How long the server asks to wait, in seconds.
    pub retry_after: Option<u64>,
}

/// How a line with any failure begins.
const MARK: &str = "Caisson";

impl Told {
    /// Reads what [`fmt::Display`] has written; the rest of the line may have been cut. `None` for the words of
    /// anybody else.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(MARK)?;
        let (mark, message) = match rest.strip_prefix(" (") {
            Some(marked) => marked.split_once("): ")?,
            None => ("network", rest.strip_prefix(": ")?),
        };
        let (code, after) = mark.split_once(' ').map_or((mark, None), |(code, after)| (code, Some(after)));
        let code = serde_json::from_value(code.into()).ok()?;
        let message = message.trim_end().to_owned();
        Some(Self {
            failure: GitFailure { code, message },
            retry_after: after.and_then(|it| it.parse().ok()),
        })
    }
}

impl From<GitFailure> for Told {
    fn from(failure: GitFailure) -> Self {
        Self { failure, retry_after: None }
    }
}

/// `Caisson (not_found): there is no such repository`; a plain failure of the network has no mark.
impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { failure: GitFailure { code, message }, retry_after } = self;
        let after = retry_after.map(|seconds| format!(" {seconds}")).unwrap_or_default();
        match code {
            GitFailureCode::Network => write!(f, "{MARK}: {message}"),
            code => write!(f, "{MARK} ({}{after}): {message}", crate::run::wire_name(code)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_nothing_else_is() {
        for (code, retry_after, line) in [
            (GitFailureCode::NotFound, None, "Caisson (not_found): why\nand more"),
            (GitFailureCode::Interrupted, Some(30), "Caisson (interrupted 30): why\nand more"),
            (GitFailureCode::Network, None, "Caisson: why\nand more"),
        ] {
            let told =
                Told { failure: GitFailure { code, message: "why\nand more".to_owned() }, retry_after };
            assert_eq!(told.to_string(), line);
            assert_eq!(Told::read(&format!("{line}\n")), Some(told));
        }
        for other in ["", "no", "Caisson", "Caisson (nonsense): x", "Caisson (other)", "Caissons: x"] {
            assert_eq!(Told::read(other), None, "{other}");
        }
    }
}
