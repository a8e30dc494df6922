//! Pure: the server name in a TLS `ClientHello`, which may span records. Strict, because what we misread the
//! server may read otherwise.

use crate::policy::Name;

/// The most bytes of records that are looked at.
pub const LONGEST: usize = 64 * 1024;
/// What one record may hold, and a little for old ways of padding.
const LONGEST_RECORD: usize = 16 * 1024 + 256;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;
/// The encrypted client hello, and the draft before it.
const ENCRYPTED: [u16; 2] = [0xfe0d, 0xffce];

/// What a `ClientHello` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hello {
    /// It is not complete.
    More,
    /// It asks for this server.
    For(Name),
    /// It names no server.
    Nameless,
    /// It holds an encrypted hello: who is really asked for cannot be seen.
    Encrypted,
    /// It is none.
    Malformed,
}

/// Reads the records that a client sent so far.
#[must_use]
pub fn parse(bytes: &[u8]) -> Hello {
    measure(bytes).0
}

/// The same, and how many bytes the records of a complete hello take.
#[must_use]
pub fn measure(bytes: &[u8]) -> (Hello, usize) {
    let mut handshake = Vec::new();
    let mut rest = bytes;
    loop {
        if let Some(length) = length(&handshake) {
            match length {
                // A second message in the same record would pass unseen.
                Ok(length) if length == handshake.len() => {
                    let hello = hello(Reader(&handshake[4..])).unwrap_or(Hello::Malformed);
                    return (hello, bytes.len() - rest.len());
                }
                Ok(length) if handshake.len() < length => {}
                _ => return (Hello::Malformed, 0),
            }
        }
        let (kind, major) = (rest.first(), rest.get(1));
        if kind.is_some_and(|kind| *kind != HANDSHAKE) || major.is_some_and(|major| *major != 3) {
            return (Hello::Malformed, 0);
        }
        let Some((&[_, _, _, high, low], body)) = rest.split_first_chunk() else {
            return (more(bytes), 0);
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length == 0 || LONGEST_RECORD < length {
            return (Hello::Malformed, 0);
        }
        let Some((record, after)) = body.split_at_checked(length) else { return (more(bytes), 0) };
        handshake.extend_from_slice(record);
        rest = after;
    }
}

const fn more(bytes: &[u8]) -> Hello {
    if bytes.len() < LONGEST { Hello::More } else { Hello::Malformed }
}

/// The length of the first handshake message with its header, once that is there.
fn length(handshake: &[u8]) -> Option<Result<usize, ()>> {
    if handshake.first().is_some_and(|kind| *kind != CLIENT_HELLO) {
        return Some(Err(()));
    }
    let &[_, a, b, c] = handshake.first_chunk()?;
    let length = u32::from_be_bytes([0, a, b, c]) as usize + 4;
    Some(if LONGEST < length { Err(()) } else { Ok(length) })
}

/// The body of the message. None: malformed.
fn hello(mut reader: Reader<'_>) -> Option<Hello> {
    // Version and random, session, cipher suites, compression.
    reader.take(2 + 32)?;
    reader.short_block()?;
    reader.block()?;
    reader.short_block()?;
    if reader.0.is_empty() {
        return Some(Hello::Nameless);
    }
    let mut extensions = Reader(reader.block()?);
    reader.end()?;
    let (mut seen, mut found, mut encrypted) = (Vec::new(), None, false);
    while !extensions.0.is_empty() {
        let (kind, body) = (extensions.number()?, extensions.block()?);
        // Twice the same: which one counts depends on who reads.
        if seen.contains(&kind) {
            return None;
        }
        seen.push(kind);
        encrypted |= ENCRYPTED.contains(&kind);
        if kind == SERVER_NAME {
            found = Some(server_name(Reader(body))?);
        }
    }
    Some(match found {
        _ if encrypted => Hello::Encrypted,
        Some(name) => Hello::For(name),
        None => Hello::Nameless,
    })
}

/// Exactly one name, of the one kind there is.
fn server_name(mut reader: Reader<'_>) -> Option<Name> {
    let mut list = Reader(reader.block()?);
    reader.end()?;
    let kind = list.take(1)?;
    let name = list.block()?;
    list.end()?;
    let text = std::str::from_utf8(name).ok()?;
    (kind == [0] && !text.ends_with('.')).then(|| Name::ascii(text).ok())?
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u16> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u16::from_be_bytes(*bytes))
    }

    fn short_block(&mut self) -> Option<&'a [u8]> {
        let length = self.take(1)?[0];
        self.take(length.into())
    }

    fn block(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.take(length.into())
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

#[cfg(test)]
mod tests;
