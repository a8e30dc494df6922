//! What must hold of everything an SSH server says to the gateway, and of the keys it is known by.

use bytes::Bytes;
use russh::keys::PublicKey;

use super::{
    KnownHosts,
    advertisement::{Advertisement, Version},
};
use crate::broker::git::{fuzz::lines, pkt_line::LONGEST};

/// Keys that are looked for.
const KEYS: [&str; 2] = [
    "AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ",
    "AAAAC3NzaC1lZDI1NTE5AAAAIA6rWI3G1sz07DnfFlrouTcysQlj2P+jpNSOEWD9OJ3X",
];
/// Servers that are looked for, and how they are named in the list.
const SERVERS: [(&str, u16, &str); 4] = [
    ("git.example.org", 22, "git.example.org"),
    ("git.example.org", 2222, "[git.example.org]:2222"),
    ("other.example", 22, "other.example"),
    ("[2001:db8::1]", 22, "2001:db8::1"),
];

/// What was made of the bytes of a server.
#[derive(Debug, PartialEq, Eq)]
struct Heard {
    said: Vec<u8>,
    rest: Vec<u8>,
    has_ended: bool,
    version: Option<Version>,
}

/// What an SSH server says first. The first byte says how large the pieces are that come.
///
/// # Panics
/// When it depends on how it is cut, when a byte is lost or more than a line is held back, or when another reader
/// sees another end or another version.
pub fn ssh_advertisement(bytes: &[u8]) {
    let [size, bytes @ ..] = bytes else { return };
    let heard = hear(bytes, bytes.len().max(1));
    assert_eq!(hear(bytes, usize::from(*size) + 1), heard, "it depends on how it is cut");
    let Some(Heard { said, rest, has_ended, version }) = heard else { return };
    assert!(bytes.starts_with(&said), "what is passed on is not what came");
    if !has_ended {
        assert!(rest.is_empty() && bytes.len() - said.len() < LONGEST);
        return;
    }
    assert_eq!([said.as_slice(), &rest].concat(), bytes, "a byte is lost");
    let lines = lines(&said).expect("no list");
    assert_eq!(lines.iter().map(|line| 4 + line.len()).sum::<usize>() + 4, said.len(), "it ends elsewhere");
    let is_two = |line: &&[u8]| line.trim_ascii_end() == b"version 2";
    assert_eq!(version.map(|version| version == Version::Two), lines.first().map(is_two));
}

/// `None` for what is not git's protocol.
fn hear(bytes: &[u8], size: usize) -> Option<Heard> {
    let (mut advertisement, mut said, mut rest) = (Advertisement::default(), Vec::new(), Vec::new());
    let mut fed = 0;
    for piece in bytes.chunks(size) {
        let read = advertisement.feed(Bytes::copy_from_slice(piece)).ok()?;
        said.extend_from_slice(&read.said);
        rest.extend_from_slice(&read.rest);
        fed += piece.len();
        assert!(fed - said.len() - rest.len() < LONGEST, "more than a line is held back");
    }
    let (has_ended, version) = (advertisement.has_ended(), advertisement.version());
    Some(Heard { said, rest, has_ended, version })
}

/// A list of known hosts.
///
/// # Panics
/// When a key is known that no line has for this server, or one that was revoked.
pub fn known_hosts(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for (host, port, name) in SERVERS {
        let Ok(known) = KnownHosts::parse(&text, host, port) else { continue };
        assert!(!known.algorithms().is_empty(), "no kind of key can be asked for");
        for key in KEYS {
            let shown = PublicKey::from_openssh(&format!("ssh-ed25519 {key}")).expect("a key");
            if !known.knows(&shown) {
                continue;
            }
            let has = text.lines().any(|line| names(line, name, key));
            assert!(has, "{key} is known for {name}");
            let revoked = format!("{text}\n@revoked * ssh-ed25519 {key}\n");
            let known = KnownHosts::parse(&revoked, host, port);
            assert!(!known.is_ok_and(|known| known.knows(&shown)), "{key} is revoked");
        }
    }
}

/// Whether another reader finds this server and this key in the line.
fn names(line: &str, name: &str, key: &str) -> bool {
    // As ssh reads it: a carriage return is a letter like any other.
    let mut words = line.split([' ', '\t']).filter(|word| !word.is_empty());
    let (Some(patterns), Some("ssh-ed25519"), Some(word)) = (words.next(), words.next(), words.next()) else {
        return false;
    };
    let patterns = patterns.to_ascii_lowercase();
    let fits = |pattern: &str| fits(pattern.as_bytes(), name.as_bytes());
    let refused = patterns.split(',').filter_map(|pattern| pattern.strip_prefix('!')).any(fits);
    let named = patterns.starts_with("|1|") || patterns.split(',').any(fits);
    word == key && named && !refused
}

/// OpenSSH's patterns, by a table: which beginnings of the name the pattern so far fits.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let mut fitting = vec![false; name.len() + 1];
    fitting[0] = true;
    for byte in pattern {
        let before = fitting.clone();
        for end in 0..=name.len() {
            let one_more = 0 < end && before[end - 1] && (*byte == b'?' || *byte == name[end - 1]);
            fitting[end] = match byte {
                b'*' => before[end] || 0 < end && fitting[end - 1],
                _ => one_more,
            };
        }
    }
    fitting[name.len()]
}
