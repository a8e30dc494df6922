//! What must hold of everything a container says to the git gateway.

use std::net::Ipv4Addr;

use axum::http::{Method, Uri};
use bytes::Bytes;
use futures::{FutureExt, StreamExt, stream};
use url::{Host, Url};

pub use super::ssh::fuzz::{known_hosts, ssh_advertisement};
use super::{
    Pieces,
    push::Head,
    target::Target,
    way::{Named, is_public},
};
use crate::app::repository;

const BRANCH: &str = "caisson/1";
const REPOSITORY: &str = "https://git.example/acme/web.git";

/// The body of a push. The first byte says how large the pieces are that come; the rest is the body.
///
/// # Panics
/// When a push is allowed in which another reader sees anything but updates of the run's own branch, or when
/// a byte of it is lost.
pub fn pack_commands(bytes: &[u8]) {
    let [size, body @ ..] = bytes else { return };
    let mut pieces = pieces(body, usize::from(*size) + 1);
    let read = Head::read(&mut pieces).now_or_never().expect("it waits for what is there");
    let Ok((head, read)) = read else { return };
    assert!(body.starts_with(&read), "what is passed on is not what came");
    let lines = lines(&read).expect("no list of commands");
    let updates = lines.iter().filter(|line| !line.starts_with(b"shallow "));
    assert_eq!(updates.clone().count(), head.updates.len());
    if head.is_allowed(BRANCH) {
        assert!(updates.clone().all(|line| is_own(line)), "{head:?}");
    }
}

fn pieces(body: &[u8], size: usize) -> Pieces {
    let pieces: Vec<_> = body.chunks(size).map(Bytes::copy_from_slice).map(Ok).collect();
    stream::iter(pieces).boxed()
}

/// The packet lines up to the first flush.
pub(super) fn lines(mut bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut lines = Vec::new();
    loop {
        let length = usize::from_str_radix(std::str::from_utf8(bytes.get(..4)?).ok()?, 16).ok()?;
        if length == 0 {
            return Some(lines);
        }
        lines.push(bytes.get(4..length)?);
        bytes = &bytes[length..];
    }
}

/// Whether git would read this as an update of the run's own branch that leaves it there.
fn is_own(line: &[u8]) -> bool {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let command = line.split(|byte| *byte == 0).next().unwrap_or_default();
    let words: Vec<&[u8]> = command.split(|byte| *byte == b' ').collect();
    let [old, new, reference] = *words else { return false };
    let id = |id: &[u8]| [40, 64].contains(&id.len()) && id.iter().all(u8::is_ascii_hexdigit);
    id(old)
        && id(new)
        && new.iter().any(|digit| *digit != b'0')
        && reference == format!("refs/heads/{BRANCH}").as_bytes()
}

/// The address of a git request. The first byte says which method it has.
///
/// # Panics
/// When another repository is taken for the run's own, or one leads to another place.
pub fn git_target(bytes: &[u8]) {
    let [method, address @ ..] = bytes else { return };
    let method = [Method::GET, Method::POST, Method::PUT][usize::from(method % 3)].clone();
    let Ok(uri) = Uri::try_from(address) else { return };
    let Some(target) = Target::read(&method, &uri) else { return };
    let repository = Url::parse(REPOSITORY).expect("a URL");
    if !target.is_in(&repository) {
        return;
    }
    // However it was spelled: nothing of the request gets into the address that is asked.
    let upstream = target.upstream(&repository);
    let part = upstream.as_str().strip_prefix(REPOSITORY).expect("another repository");
    let parts = [
        "/info/refs?service=git-upload-pack",
        "/info/refs?service=git-receive-pack",
        "/git-upload-pack",
        "/git-receive-pack",
    ];
    assert!(parts.contains(&part), "{upstream}");
    // To read and to write are different rights.
    let asked = if method == Method::GET { uri.query().unwrap_or_default() } else { uri.path() };
    let writes = |text: &str| text.ends_with("git-receive-pack");
    assert_eq!(writes(asked), writes(part), "{uri} becomes {upstream}");
}

/// A git server, as the operator names it and as people do: the first reads as it is shown, and of the second none
/// passes for public that is an address of this machine, of a private network or of a metadata service.
///
/// # Panics
/// When it is otherwise.
pub fn git_address(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(named) = text.parse::<Named>() {
        assert_eq!(named.to_string().parse().as_ref(), Ok(&named), "{named} is read otherwise again");
    }
    let Ok(url) = repository::parse(&text) else { return };
    if !is_public(&url) {
        return;
    }
    // As another reader takes it.
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    let Ok(again) = Url::parse(&format!("http://{host}/")) else { return };
    let closed = match again.host() {
        Some(Host::Ipv4(v4)) => is_closed(v4),
        Some(Host::Ipv6(v6)) => {
            v6.is_loopback()
                || v6.is_unicast_link_local()
                || v6.is_unique_local()
                || v6.to_ipv4().is_some_and(is_closed)
        }
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    assert!(!closed, "{url} passes for public");
}

const fn is_closed(address: Ipv4Addr) -> bool {
    address.is_loopback() || address.is_private() || address.is_link_local() || address.is_unspecified()
}

/// Whether a fetch at this path of the relay leads to this repository.
pub(crate) fn leads_to(path: &str, repository: &Url) -> bool {
    let address = format!("{path}/info/refs?service=git-upload-pack");
    let target = Uri::try_from(address).ok().and_then(|uri| Target::read(&Method::GET, &uri));
    target.is_some_and(|target| target.is_in(repository))
}
