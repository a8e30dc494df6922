//! The file of git credentials, as the operator writes it. Nothing of it may get into an error.

use std::{
    fs::{File, Permissions},
    io::{self, Read},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::Deserialize;

use super::{Basic, Credentials, Entry, How};
use crate::broker::{
    git::ssh::{Identity, KnownHosts},
    json_file,
};

/// More is no list of credentials, no key and no token.
const LARGEST: u64 = 1 << 20;

/// Git credentials that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be used.
    #[error("{}: {why}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What is wrong with it, and what would be right.
        why: String,
    },
    /// An entry cannot be used.
    #[error("{}: credentials[{at}] ({host}): {why}", file.display())]
    Entry {
        /// The file.
        file: PathBuf,
        /// Its place in the list, from 0.
        at: usize,
        /// The host it is for, as written.
        host: String,
        /// What is wrong with it, and what would be right.
        why: String,
    },
    /// There are two for github.com.
    #[error("GITHUB_TOKEN is set and the git credentials have one for github.com too: keep one of them")]
    GithubTwice,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    credentials: Vec<WrittenEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WrittenEntry {
    host: String,
    token: Option<String>,
    token_file: Option<PathBuf>,
    username: Option<String>,
    password: Option<String>,
    password_file: Option<PathBuf>,
    ssh_key: Option<String>,
    ssh_key_file: Option<PathBuf>,
    user: Option<String>,
    known_hosts: Option<String>,
    known_hosts_file: Option<PathBuf>,
}

/// Reads the file and everything it names.
pub(super) fn load(file: &Path) -> Result<Credentials, Error> {
    let wrong = |why: String| Error::File { file: file.to_owned(), why };
    let text = read(file, 0o077).map_err(wrong)?;
    let written: Written = json_file::parse(file, &text).map_err(|error| match error {
        // What serde says can repeat what is written there.
        json_file::Error::Wrong { key, source, .. } => {
            let (line, column) = (source.line(), source.column());
            wrong(format!("{key} is wrong at line {line}, column {column}"))
        }
        json_file::Error::Unreadable { source, .. } => wrong(source.to_string()),
    })?;
    let folder = file.parent().unwrap_or_else(|| Path::new("."));
    let mut all = Credentials::default();
    for (at, written) in written.credentials.into_iter().enumerate() {
        let host = written.host.clone();
        let added = written.entry(folder).and_then(|entry| all.add(entry).map_err(str::to_owned));
        added.map_err(|why| Error::Entry { file: file.to_owned(), at, host, why })?;
    }
    Ok(all)
}

impl WrittenEntry {
    fn entry(self, folder: &Path) -> Result<Entry, String> {
        let (host, port) = place(&self.host)?;
        let token = given("token", self.token, self.token_file, folder)?;
        let password = given("password", self.password, self.password_file, folder)?;
        let key = given("sshKey", self.ssh_key, self.ssh_key_file, folder)?;
        let ssh_only = self.user.is_some() || self.known_hosts.is_some() || self.known_hosts_file.is_some();
        if key.is_none() && ssh_only {
            return Err("`user` and `knownHosts` go with an `sshKey` or `sshKeyFile`".to_owned());
        }
        let how = match (token, self.username, password, key) {
            (Some(token), None, None, None) => How::Https(basic(Basic::of_token(&token))?),
            (None, Some(name), Some(password), None) => {
                How::Https(basic(Basic::new(&name, &password).filter(|_| !name.contains(':')))?)
            }
            (None, None, None, Some(key)) => {
                let hosts = match (self.known_hosts, self.known_hosts_file) {
                    (Some(text), None) => text,
                    // It is no secret, but who can change it can pretend to be the host.
                    (None, Some(file)) => read(&folder.join(file), 0o022)?,
                    _ => return Err("an SSH key needs `knownHosts` or `knownHostsFile`: the host's own keys, from `ssh-keyscan` and checked".to_owned()),
                };
                let hosts = KnownHosts::parse(&hosts, &host, port.unwrap_or(22))?;
                How::Ssh(Arc::new(Identity::new(&key, self.user, hosts)?))
            }
            _ => {
                return Err("give one of `token`, `username` with `password`, or `sshKey`; each but `username` also as a file: `tokenFile`, `passwordFile`, `sshKeyFile`".to_owned());
            }
        };
        let port = port.unwrap_or_else(|| how.default_port());
        Ok(Entry { host, port, how })
    }
}

fn basic(basic: Option<Basic>) -> Result<Basic, String> {
    basic.ok_or_else(|| "contains characters that a credential cannot have".to_owned())
}

/// A value from the entry itself or from a file; never both, never empty.
fn given(
    name: &str,
    value: Option<String>,
    file: Option<PathBuf>,
    folder: &Path,
) -> Result<Option<String>, String> {
    let text = match (value, file) {
        (Some(_), Some(_)) => return Err(format!("has both `{name}` and `{name}File`")),
        (Some(text), None) => text,
        (None, Some(file)) => read(&folder.join(file), 0o077)?,
        (None, None) => return Ok(None),
    };
    // Keys have several lines; tokens and passwords have one.
    let text = text.trim();
    if text.is_empty() || (name != "sshKey" && text.chars().any(char::is_control)) {
        return Err(format!("`{name}` is empty or has characters that it cannot have"));
    }
    Ok(Some(text.to_owned()))
}

/// Reads a file that nobody else may read or change.
fn read(file: &Path, closed: u32) -> Result<String, String> {
    let failed = |error: io::Error| format!("cannot read {}: {error}", file.display());
    let opened = File::open(file).map_err(failed)?;
    let about = opened.metadata().map_err(failed)?;
    if !about.is_file() || LARGEST < about.len() {
        return Err(format!("{} is not a file of at most {LARGEST} bytes", file.display()));
    }
    let open_to = Permissions::mode(&about.permissions()) & closed;
    if open_to != 0 {
        let remedy = if closed & 0o044 == 0 { "go-w" } else { "600" };
        return Err(format!("{} is open to others: `chmod {remedy}` it", file.display()));
    }
    let mut text = String::new();
    opened.take(LARGEST).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

/// `host`, `host:port`, `[address]:port`.
fn place(text: &str) -> Result<(String, Option<u16>), String> {
    let wrong = || "`host` is a name or an address, with `:port` if that is not the usual one".to_owned();
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !text.ends_with(']') => (host, Some(port.parse().map_err(|_| wrong())?)),
        _ => (text, None),
    };
    let host = host.to_ascii_lowercase();
    let named =
        !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
    let numbered = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let numbered = numbered.is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok());
    if host.starts_with('-') || port == Some(0) || !(named || numbered) {
        return Err(wrong());
    }
    Ok((host, port))
}
