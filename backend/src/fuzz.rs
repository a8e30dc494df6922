//! What the fuzz targets call, and the tests, which replay what they found: what must hold of everything hostile
//! that the backend reads.

use crate::app::repository;
pub use crate::{
    agent::fuzz::ndjson,
    broker::fuzz::{git_target, pack_commands},
    cli::fuzz::terminal,
};

/// What people and tasks give as a repository: an accepted one is a web address or one of SSH, is no option of
/// a program, and is read the same again.
///
/// # Panics
/// When it is not.
pub fn repository_url(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if repository::check_ref(&text).is_ok() {
        let control = text.chars().any(|c| c.is_control() || c.is_whitespace());
        assert!(!control && !text.starts_with('-') && !text.contains([':', '*', '^']), "{text:?}");
    }
    let Ok(url) = repository::parse(&text) else { return };
    let shown = url.as_str();
    assert!(matches!(url.scheme(), "http" | "https" | "ssh"), "{shown}");
    assert!(url.password().is_none() && (url.username().is_empty() || url.scheme() == "ssh"), "{shown}");
    assert!(shown.bytes().all(|byte| byte.is_ascii_graphic()) && shown.len() <= 2_000, "{shown:?}");
    let host = url.host_str().unwrap_or_default();
    let options = [url.username(), host].iter().any(|part| part.starts_with('-'));
    assert!(!host.is_empty() && !options, "{shown}");
    assert!(!["--upload-pack", "--receive-pack"].iter().any(|option| shown.contains(option)), "{shown}");
    assert!(url.query().is_none() && url.fragment().is_none(), "{shown}");
    assert_eq!(repository::parse(shown).as_ref(), Ok(&url), "it is read otherwise again");
}

#[cfg(test)]
#[path = "../fuzz/replay.rs"]
mod replay;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_fuzzer_kept_of_the_agents_side_is_judged() {
        replay::each("ndjson", ndjson);
        replay::each("git_target", git_target);
        replay::each("pack_commands", pack_commands);
    }

    #[test]
    fn what_the_fuzzer_kept_of_repositories_and_output_is_harmless() {
        replay::each("repository_url", repository_url);
        replay::each("terminal", terminal);
    }
}
