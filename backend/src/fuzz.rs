//! What the fuzz targets call, and the tests, which replay what they found: what must hold of everything hostile
//! that the backend reads.

use api::executor::{SshRemote, git_relay_path};
use url::Url;

pub use crate::{
    agent::fuzz::ndjson,
    broker::fuzz::{git_address, git_target, known_hosts, pack_commands, ssh_advertisement},
    cli::fuzz::terminal,
};
use crate::{app::repository, broker::fuzz::leads_to};

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

/// Repositories behind SSH, as the executor reads them in a container: what is accepted leads through the relay to
/// this repository, holds nothing that a program or a shell makes something of, and is read the same again. What the
/// backend accepts the executor accepts too.
///
/// # Panics
/// When one of that does not hold.
pub fn ssh_remote(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(url) = repository::parse(&text)
        && url.scheme() == "ssh"
    {
        let path = SshRemote::read(url.as_str()).and_then(|_| git_relay_path(url.as_str()));
        assert!(path.is_some_and(|path| leads_to(&path, &url)), "the executor does not find {url}");
    }
    let Some(remote) = SshRemote::read(&text) else { return };
    let shown = remote.to_string();
    assert_eq!(SshRemote::read(&shown).as_ref(), Some(&remote), "it is read otherwise again");
    let path = git_relay_path(&text).expect("a path");
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-~+@/,=:[]".contains(&byte);
    assert!(path.starts_with("/git/ssh/") && path.bytes().all(plain), "{path}");
    let harmless = |part: &str| !matches!(part, "" | "." | "..") && !part.starts_with('-');
    assert!(path.split('/').skip(1).all(harmless), "{path}");
    let url = Url::parse(&shown).expect("a URL");
    assert!(leads_to(&path, &url), "{path} does not lead to {url}");
    if let Some(short) = remote.short().and_then(|short| SshRemote::read(&short)) {
        let own = |path: &str| path.strip_prefix("~/").unwrap_or(path).to_owned();
        assert_eq!((&short.user, &short.host), (&remote.user, &remote.host));
        assert_eq!(own(&short.path), own(&remote.path), "{text}");
    }
}

#[cfg(test)]
mod tests {
    use testkit::replay;

    use super::*;

    #[test]
    fn what_the_fuzzer_kept_of_the_agents_side_is_judged() {
        replay::each("ndjson", ndjson);
        replay::each("git_address", git_address);
        replay::each("git_target", git_target);
        replay::each("pack_commands", pack_commands);
        replay::each("ssh_advertisement", ssh_advertisement);
        replay::each("known_hosts", known_hosts);
    }

    #[test]
    fn what_the_fuzzer_kept_of_repositories_and_output_is_harmless() {
        replay::each("repository_url", repository_url);
        replay::each("ssh_remote", ssh_remote);
        replay::each("terminal", terminal);
    }
}
