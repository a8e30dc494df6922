//! What git's server says first, on SSH without being asked: told apart from what follows it. Pure.

use bytes::{Buf, Bytes, BytesMut};

use super::Error;
use crate::broker::git::pkt_line::{self, Line};

/// Reads up to the flush that ends the advertisement, however it is cut.
#[derive(Default)]
pub(super) struct Advertisement {
    held: BytesMut,
    has_ended: bool,
    version: Option<Version>,
}

/// The protocol that the server has chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// Version 0 or 1: it begins with a reference.
    Zero,
    /// It begins with `version 2`.
    Two,
}

/// What the bytes so far were.
pub(super) struct Read {
    /// Whole lines of the advertisement.
    pub(super) said: Bytes,
    /// What follows the advertisement.
    pub(super) rest: Bytes,
}

impl Advertisement {
    /// Reads the next bytes. At most one line is held back.
    pub(super) fn feed(&mut self, bytes: Bytes) -> Result<Read, Error> {
        if self.has_ended {
            return Ok(Read { said: Bytes::new(), rest: bytes });
        }
        self.held.extend_from_slice(&bytes);
        let mut at = 0;
        while let Some((line, length)) =
            pkt_line::first(&self.held[at..]).map_err(|_| Error::Malformed("what the SSH server says"))?
        {
            at += length;
            if line == Line::Flush {
                self.has_ended = true;
                break;
            }
            self.version.get_or_insert_with(|| match line {
                Line::Data(data) if data.trim_ascii_end() == b"version 2" => Version::Two,
                _ => Version::Zero,
            });
        }
        let said = self.held.split_to(at).freeze();
        let mut rest = Bytes::new();
        if self.has_ended {
            let left = self.held.remaining();
            rest = self.held.split_to(left).freeze();
        }
        Ok(Read { said, rest })
    }

    pub(super) const fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Known from the first line on.
    pub(super) const fn version(&self) -> Option<Version> {
        self.version
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], size: usize) -> (Vec<u8>, Vec<u8>, Advertisement) {
        let (mut advertisement, mut said, mut rest) = (Advertisement::default(), Vec::new(), Vec::new());
        for piece in bytes.chunks(size) {
            let read = advertisement.feed(Bytes::copy_from_slice(piece)).unwrap();
            said.extend_from_slice(&read.said);
            rest.extend_from_slice(&read.rest);
        }
        (said, rest, advertisement)
    }

    #[test]
    fn it_ends_at_its_flush_however_it_is_cut() {
        let bytes = b"000eversion 2\n000cls-refs\n0000000aNAK..PACK";
        for size in [1, 3, 7, bytes.len()] {
            let (said, rest, advertisement) = read(bytes, size);
            assert_eq!(said, b"000eversion 2\n000cls-refs\n0000");
            assert_eq!(rest, b"000aNAK..PACK");
            assert_eq!((advertisement.has_ended(), advertisement.version()), (true, Some(Version::Two)));
        }
    }

    #[test]
    fn the_version_is_that_of_the_server_and_not_what_was_asked() {
        let (_, _, advertisement) = read(b"000dsomething\n", 5);
        assert!(!advertisement.has_ended());
        assert_eq!(read(b"0009abcde", 9).2.version(), Some(Version::Zero));
    }

    #[test]
    fn what_is_no_packet_line_is_refused() {
        let mut advertisement = Advertisement::default();
        assert!(advertisement.feed(Bytes::from_static(b"Welcome to this server!\n")).is_err());
    }
}
