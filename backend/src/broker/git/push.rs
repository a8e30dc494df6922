//! What a push wants to change: the commands at the head of a `git-receive-pack` body, read before
//! anything of it is passed on. Hostile input; see git's `gitprotocol-pack`, "Reference Update Request".

use bytes::{Bytes, BytesMut};
use futures::StreamExt;

use super::{
    Pieces,
    pkt_line::{self, Line, Malformed},
};

/// The most bytes of commands that are read. A run has one branch to push; this is thousands.
const LONGEST_HEAD: usize = 256 << 10;
/// The most bytes of a refused push that are taken in before it is answered.
const MOST_DISCARDED: usize = 512 << 20;
/// What a client may ask of the server beside its updates. Not among them: options, which on some servers
/// open and merge requests (`merge_request.merge_when_pipeline_succeeds`), and signatures, whose
/// certificate holds the updates once more.
const CAPABILITIES: [&str; 10] = [
    "agent",
    "atomic",
    "delete-refs",
    "object-format",
    "ofs-delta",
    "quiet",
    "report-status",
    "report-status-v2",
    "session-id",
    "side-band-64k",
];

/// The commands of a push.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub updates: Vec<Update>,
    /// What the client understands.
    pub capabilities: Vec<String>,
    /// What it asks for beside that no run may have.
    pub forbidden: Option<String>,
}

/// One reference to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Update {
    /// `refs/heads/…`
    pub reference: String,
    /// Whether it is to be removed.
    pub deletes: bool,
}

/// A push that is not read to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("the push cannot be read: {0}")]
    Malformed(#[from] Malformed),
    #[error("the push changes too many branches at once")]
    TooLong,
    #[error("signed pushes cannot pass the git gateway")]
    Signed,
    #[error("the push broke off")]
    BrokenOff,
}

impl Head {
    /// Reads as far as the commands go. Answers them, and every byte read so far.
    pub(super) async fn read(body: &mut Pieces) -> Result<(Self, Bytes), Error> {
        let (mut read, mut at) = (BytesMut::new(), 0);
        loop {
            while let Some((line, length)) = pkt_line::first(&read[at..])? {
                at += length;
                if line == Line::Flush {
                    return Ok((Self::parse(&read[..at])?, read.freeze()));
                }
            }
            if LONGEST_HEAD < read.len() {
                return Err(Error::TooLong);
            }
            let more = body.next().await.and_then(Result::ok).ok_or(Error::BrokenOff)?;
            read.extend_from_slice(&more);
        }
    }

    /// Reads commands up to the flush that ends them.
    pub(super) fn parse(mut bytes: &[u8]) -> Result<Self, Error> {
        let mut head = Self::default();
        while let Some((Line::Data(line), length)) = pkt_line::first(bytes)? {
            head.add(line)?;
            bytes = &bytes[length..];
        }
        Ok(head)
    }

    fn add(&mut self, line: &[u8]) -> Result<(), Error> {
        let line = std::str::from_utf8(line).map_err(|_| Malformed)?;
        let line = line.strip_suffix('\n').unwrap_or(line);
        // As git itself does, capabilities are looked for on every line.
        let (command, capabilities) = line.split_once('\0').unwrap_or((line, ""));
        for capability in capabilities.split(|c: char| c.is_whitespace() || c == '\0') {
            self.ask_for(capability);
        }
        if command.starts_with("push-cert") {
            return Err(Error::Signed);
        }
        if let Some(commit) = command.strip_prefix("shallow ") {
            return if is_id(commit) { Ok(()) } else { Err(Malformed.into()) };
        }
        let mut words = command.splitn(3, ' ');
        let (Some(old), Some(new), Some(reference)) = (words.next(), words.next(), words.next()) else {
            return Err(Malformed.into());
        };
        if !is_id(old) || !is_id(new) {
            return Err(Malformed.into());
        }
        let deletes = new.bytes().all(|digit| digit == b'0');
        self.updates.push(Update { reference: reference.to_owned(), deletes });
        Ok(())
    }

    fn ask_for(&mut self, capability: &str) {
        let name = capability.split('=').next().unwrap_or_default();
        if CAPABILITIES.contains(&name) {
            self.capabilities.push(capability.to_owned());
        } else if !capability.is_empty() {
            let told = name.chars().filter(char::is_ascii_graphic).take(60);
            self.forbidden.get_or_insert_with(|| told.collect());
        }
    }

    /// Whether all of it is allowed for a run with this branch. No update at all is how git asks
    /// whether it may push, before a large one.
    pub(super) fn is_allowed(&self, branch: &str) -> bool {
        self.forbidden.is_none() && self.updates.iter().all(|update| update.is_allowed(branch))
    }
}

impl Update {
    pub(super) fn is_allowed(&self, branch: &str) -> bool {
        !self.deletes && self.reference.strip_prefix("refs/heads/") == Some(branch)
    }
}

/// An object id of SHA-1 or SHA-256.
fn is_id(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|digit| digit.is_ascii_hexdigit())
}

/// Takes in the rest of a refused push, up to a limit: a client that is still sending would not read the answer.
pub(super) async fn discard(body: &mut Pieces) {
    let mut left = MOST_DISCARDED;
    while let Some(Ok(bytes)) = body.next().await {
        match left.checked_sub(bytes.len()) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}

#[cfg(test)]
mod tests;
