//! How a repository's address becomes a path of the relay; what is no address of a repository becomes none.

use std::fmt;

/// The path below the relay's port at which the broker serves a repository. `https://host/path` is reached as
/// `http://127.0.0.1:RELAY_PORT/git/https/host/path`; `ssh://user@host:22/path` and `user@host:path` as
/// `/git/ssh/user@host:22/path` and `/git/ssh/user@host/path`. `None` for anything else.
#[must_use]
pub fn git_relay_path(repository: &str) -> Option<String> {
    if let Some(remote) = SshRemote::read(repository) {
        return Some(format!("/git/ssh/{}", remote.place()));
    }
    let (scheme, rest) = repository.split_once("://")?;
    matches!(scheme, "http" | "https").then(|| format!("/git/{scheme}/{}", rest.trim_end_matches('/')))
}

/// A repository that is reached over SSH, in either spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshRemote {
    /// The user to log in as, if one is named.
    pub user: Option<String>,
    /// The host: a name, an address, or an IPv6 address in brackets.
    pub host: String,
    /// The port, if one is named.
    pub port: Option<u16>,
    /// The repository's path on the host, without slashes at its ends.
    pub path: String,
}

impl SshRemote {
    /// Reads `ssh://[user@]host[:port]/path` and `[user@]host:path`. `None` for what is neither, for a password,
    /// and for characters that no forge's address holds but options, helpers and shells would make something of.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let (place, port, path) = match text.strip_prefix("ssh://") {
            Some(rest) => {
                let (authority, path) = rest.split_once('/')?;
                let after_user = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
                let colon = after_user.rfind(':').filter(|_| !after_user.ends_with(']'));
                match colon.map(|at| authority.len() - after_user.len() + at) {
                    Some(at) => (&authority[..at], Some(authority[at + 1..].parse().ok()?), path),
                    None => (authority, None, path),
                }
            }
            None if text.contains("://") => return None,
            None => {
                // In `user@[::1]:path` the first colon is within the brackets.
                let after = text.rfind(']').map_or(0, |bracket| bracket + 1);
                let at = after + text[after..].find(':')?;
                (&text[..at], None, &text[at + 1..])
            }
        };
        let (user, host) = match place.split_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, place),
        };
        let path = path.trim_matches('/');
        let fine = user.is_none_or(is_user) && is_host(host) && port != Some(0) && is_path(path);
        let (user, host) = (user.map(str::to_owned), host.to_ascii_lowercase());
        fine.then(|| Self { user, host, port, path: path.to_owned() })
    }

    /// `[user@]host[:port]/path`.
    fn place(&self) -> String {
        let user = self.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{user}{}{port}/{}", self.host, self.path)
    }

    /// `[user@]host:path`; `None` with a port, which that spelling has no place for. A path that begins with `~/`
    /// begins where that spelling's does; where another `~` follows, that one would be taken for it.
    #[must_use]
    pub fn short(&self) -> Option<String> {
        let user = self.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
        let at_home = self.path.strip_prefix("~/").filter(|path| !path.starts_with('~'));
        let path = at_home.unwrap_or(&self.path);
        self.port.is_none().then(|| format!("{user}{}:{path}", self.host))
    }
}

/// As `ssh://[user@]host[:port]/path`.
impl fmt::Display for SshRemote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ssh://{}", self.place())
    }
}

/// Letters, digits, `.`, `-` and `_`: no dash in front, which would make it an option, and no dot, which would
/// make it a way up in a path.
fn is_plain(text: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    !text.is_empty() && !text.starts_with(['-', '.']) && text.bytes().all(fine)
}

/// As a host's name, and with `+`.
fn is_user(user: &str) -> bool {
    is_plain(&user.replace('+', "_"))
}

fn is_host(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    address.map_or_else(|| is_plain(host), |address| address.parse::<std::net::Ipv6Addr>().is_ok())
}

/// No way up, no option, nothing that a URL or a shell reads as something else.
fn is_path(path: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"._-~+@/,=".contains(&byte);
    let part = |part: &str| !matches!(part, "" | "." | "..") && !part.starts_with('-');
    !path.is_empty() && path.bytes().all(fine) && path.split('/').all(part)
}
