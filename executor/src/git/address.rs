//! Addresses of repositories: where one is reached through the relay, and when two are the same.

use std::net::SocketAddr;

use api::executor::{GitFailure, SshRemote, git_relay_path};
use url::Url;

use super::failed;

/// Where a repository is reached through the relay.
///
/// # Errors
/// For what is no HTTP or SSH address, or holds a credential.
pub(crate) fn relay_url(relay: SocketAddr, repository: &str) -> Result<String, GitFailure> {
    let url = Url::parse(repository).ok();
    let web = url.as_ref().filter(|url| matches!(url.scheme(), "http" | "https"));
    let password = url.as_ref().is_some_and(|url| url.password().is_some());
    if password || web.is_some_and(|url| !url.username().is_empty()) {
        return Err(failed("the repository's URL must not hold a credential".to_owned()));
    }
    let path = git_relay_path(repository).filter(|_| web.is_some() || SshRemote::read(repository).is_some());
    path.map(|path| format!("http://{relay}{path}")).ok_or_else(|| {
        failed("the repository's URL must be https://…, http://…, ssh://… or user@host:path".to_owned())
    })
}

/// How git may be told this address: as it was written, and in SSH's other spelling.
pub(crate) fn spellings(repository: &str) -> Vec<String> {
    let mut all = vec![repository.trim_end_matches('/').to_owned()];
    if let Some(remote) = SshRemote::read(repository) {
        all.push(remote.to_string());
        all.extend(remote.short());
    }
    let first = all[0].clone();
    let mut place = 0;
    all.retain(|spelling| {
        place += 1;
        place == 1 || *spelling != first
    });
    all
}

/// Whether two addresses are those of one repository: a slash or `.git` at the end makes no difference,
/// nor does the port that goes without saying, nor which spelling of SSH it is.
pub(crate) fn same(one: &str, other: &str) -> bool {
    identity(one).is_some_and(|one| Some(one) == identity(other))
}

/// Scheme, user, host, port and path; `None` for what the relay cannot reach.
fn identity(repository: &str) -> Option<(String, Option<String>, String, u16, String)> {
    let bare = |path: &str| {
        let path = path.trim_matches('/');
        path.strip_suffix(".git").unwrap_or(path).to_owned()
    };
    if let Some(SshRemote { user, host, port, path }) = SshRemote::read(repository) {
        // `user@host:path` begins where the server puts the user; on forges that is where the others begin.
        let path = path.strip_prefix("~/").unwrap_or(&path);
        return Some(("ssh".to_owned(), user, host, port.unwrap_or(22), bare(path)));
    }
    let url = Url::parse(repository).ok()?;
    let plain = url.username().is_empty() && url.password().is_none();
    let plain = plain && url.query().is_none() && url.fragment().is_none();
    let web = matches!(url.scheme(), "http" | "https");
    let (host, port) = (url.host_str()?.to_owned(), url.port_or_known_default()?);
    (plain && web).then(|| (url.scheme().to_owned(), None, host, port, bare(url.path())))
}

/// The address that a `.gitmodules` names: absolute, or relative to the repository it is in, as git reads it.
/// `None` when it leads out of the host.
pub(crate) fn resolve(repository: &str, address: &str) -> Option<String> {
    if !address.starts_with("./") && !address.starts_with("../") {
        return Some(address.to_owned());
    }
    let repository = repository.trim_end_matches('/');
    // What comes before the path stays: `https://host/`, `user@host:`.
    let root = match repository.split_once("://") {
        Some((scheme, rest)) => scheme.len() + 3 + rest.find('/')? + 1,
        None => repository.rfind(':')? + 1,
    };
    let (root, path) = repository.split_at(root);
    let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    for part in address.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(format!("{root}{}", parts.join("/")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_an_address_of_plain_characters_or_none(
            text in "(ssh://|https://|git@|host|:|/|\\[|\\]|::1|\\.\\.|-u|22|\\PC){0,9}",
        ) {
            let relay = "127.0.0.1:7336".parse().unwrap();
            if SshRemote::read(&text).is_some() {
                let url = relay_url(relay, &text).unwrap();
                prop_assert!(url.bytes().all(|byte| byte.is_ascii_graphic()), "{url}");
                prop_assert!(!url.split('/').skip(4).any(|part| part == ".." || part.starts_with('-')), "{url}");
                prop_assert!(spellings(&text).iter().all(|spelling| same(spelling, &text)));
            }
            for base in ["https://git.example/a/b", "git@git.example:a/b"] {
                if let Some(url) = resolve(base, &format!("../{text}")) {
                    prop_assert!(url.starts_with(&base[..base.len() - 3]), "{url}");
                }
            }
        }
    }

    #[test]
    fn one_repository_has_many_addresses() {
        for (one, other) in [
            ("https://git.example/a/b", "https://GIT.example:443/a/b.git/"),
            ("http://git.example:80/a", "http://git.example/a"),
            ("git@git.example:a/b.git", "ssh://git@git.example/a/b"),
            ("ssh://git@git.example:22/a", "git@Git.Example:/a"),
            ("ssh://git@git.example/~/a/b", "git@git.example:a/b.git"),
        ] {
            assert!(same(one, other), "{one} {other}");
        }
        for (one, other) in [
            ("https://git.example/a", "http://git.example/a"),
            ("https://git.example/a", "https://git.example:8443/a"),
            ("https://git.example/a", "https://git.example/A"),
            ("https://git.example/a", "https://git.example/a/b"),
            ("https://git.example/a", "https://user:pw@git.example/a"),
            ("https://git.example/a", "https://git.example/x/../../other"),
            ("https://git.example/a", "https://git.example/a?x"),
            ("git@git.example:a", "root@git.example:a"),
            ("ssh://git@git.example/~a/b", "git@git.example:a/b"),
            ("file:///a", "file:///a"),
            ("ext::sh", "ext::sh"),
        ] {
            assert!(!same(one, other), "{one} {other}");
        }
    }

    #[test]
    fn relative_addresses_are_beside_the_repository_and_never_above_its_host() {
        let resolved = |base, relative| resolve(base, relative).unwrap_or_else(|| "none".to_owned());
        assert_eq!(resolved("https://git.example/a/b.git/", "../c.git"), "https://git.example/a/c.git");
        assert_eq!(resolved("https://git.example/a/b.git", "./c"), "https://git.example/a/b.git/c");
        assert_eq!(resolved("git@git.example:a/b.git", "../../x/c.git"), "git@git.example:x/c.git");
        assert_eq!(resolved("ssh://git@git.example:22/a", "../c"), "ssh://git@git.example:22/c");
        assert_eq!(resolved("https://git.example/a", "https://other.example/b"), "https://other.example/b");
        for (base, relative) in [("https://git.example/a", "../../b"), ("git@git.example:a", "../../b")] {
            assert_eq!(resolve(base, relative), None);
        }
    }

    #[test]
    fn an_ssh_address_is_known_in_both_spellings() {
        let short = ["git@git.example:a/b.git", "ssh://git@git.example/a/b.git"];
        assert_eq!(spellings("git@git.example:a/b.git"), short);
        let own = ["ssh://git@git.example/~/a/b.git", "git@git.example:a/b.git"];
        assert_eq!(spellings("ssh://git@git.example/~/a/b.git"), own);
        assert_eq!(spellings("ssh://git.example:2222/a"), ["ssh://git.example:2222/a"]);
        assert_eq!(spellings("ssh://git.example/~/a"), ["ssh://git.example/~/a", "git.example:a"]);
        assert_eq!(spellings("ssh://git.example/~/~/a"), ["ssh://git.example/~/~/a", "git.example:~/~/a"]);
        assert_eq!(spellings("https://git.example/a/"), ["https://git.example/a"]);
    }
}
