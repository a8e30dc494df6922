//! Pure: the bytes of a question → what is asked. Nothing here trusts a byte.

use hickory_proto::{
    op::{Edns, Message, MessageType, OpCode, Query, ResponseCode},
    rr::{DNSClass, RData, Record, RecordType},
};

use super::Family;
use crate::policy::{Name, printable};

/// What a datagram carries where the asker says nothing else, and the most we send to one that does.
const DATAGRAM: u16 = 512;
const MOST_DATAGRAM: u16 = 1232;
/// The longest name that is shown, in characters.
const LONGEST_SHOWN: usize = 253;

/// What was asked.
#[derive(Debug)]
pub enum Question {
    /// Not even worth an answer: too short, or itself an answer.
    Noise,
    /// It is answered with this code at once and is no look-up of a host.
    Malformed(Asker, ResponseCode),
    /// Something that is no host name.
    Nameless(Asker, String),
    /// A host name and what is wanted of it; no family means something else than addresses.
    Host(Asker, Name, Option<Family>),
}

/// What is needed to answer.
#[derive(Debug)]
pub struct Asker {
    id: u16,
    query: Option<Query>,
    recursion: bool,
    payload: Option<u16>,
}

/// Reads one question.
#[must_use]
pub fn read(bytes: &[u8]) -> Question {
    let Some([high, low, flags, ..]) = bytes.first_chunk::<12>() else { return Question::Noise };
    if flags & 0x80 != 0 {
        return Question::Noise;
    }
    let unknown = |code| {
        let id = u16::from_be_bytes([*high, *low]);
        Question::Malformed(Asker { id, query: None, recursion: false, payload: None }, code)
    };
    let Ok(mut message) = Message::from_vec(bytes) else { return unknown(ResponseCode::FormErr) };
    if message.metadata.op_code != OpCode::Query {
        return unknown(ResponseCode::NotImp);
    }
    let (Some(query), true) = (message.queries.pop(), message.queries.is_empty()) else {
        return unknown(ResponseCode::FormErr);
    };
    let asker = Asker {
        id: message.metadata.id,
        query: Some(query.clone()),
        recursion: message.metadata.recursion_desired,
        payload: message.edns.as_ref().map(Edns::max_payload),
    };
    if query.query_class() != DNSClass::IN {
        return Question::Malformed(asker, ResponseCode::Refused);
    }
    match text(&query) {
        Ok(name) => Question::Host(asker, name, family(query.query_type())),
        Err(shown) => Question::Nameless(asker, shown),
    }
}

/// The name in its one spelling; otherwise what to show of it.
fn text(query: &Query) -> Result<Name, String> {
    // Labels may hold any byte, a dot too: two names that look the same must not be the same to us.
    let labels: Vec<&[u8]> = query.name().iter().collect();
    let text = labels.iter().map(|label| String::from_utf8_lossy(label)).collect::<Vec<_>>().join(".");
    let shown = || if text.is_empty() { ".".to_owned() } else { printable(&text, LONGEST_SHOWN) };
    if labels.iter().any(|label| label.contains(&b'.') || !label.is_ascii()) {
        return Err(shown());
    }
    Name::ascii(&text).map_err(|_| shown())
}

const fn family(kind: RecordType) -> Option<Family> {
    match kind {
        RecordType::A => Some(Family::V4),
        RecordType::AAAA => Some(Family::V6),
        _ => None,
    }
}

impl Asker {
    /// The bytes of an answer with these addresses, owned by the name of the question.
    /// A datagram that would be too long says so instead, and the asker comes again over TCP.
    #[must_use]
    pub fn reply(
        &self,
        code: ResponseCode,
        addresses: &[RData],
        ttl: u32,
        datagram: bool,
    ) -> Option<Vec<u8>> {
        let mut message = Message::new(self.id, MessageType::Response, OpCode::Query);
        message.metadata.response_code = code;
        message.metadata.recursion_desired = self.recursion;
        message.metadata.recursion_available = true;
        if let Some(query) = &self.query {
            let owner = query.name();
            let records = addresses.iter().map(|data| Record::from_rdata(owner.clone(), ttl, data.clone()));
            message.add_answers(records);
            message.add_query(query.clone());
        }
        if self.payload.is_some() {
            let mut edns = Edns::new();
            edns.set_max_payload(MOST_DATAGRAM);
            message.set_edns(edns);
        }
        let bytes = message.to_vec().ok()?;
        let most = self.payload.unwrap_or(DATAGRAM).clamp(DATAGRAM, MOST_DATAGRAM);
        if datagram && usize::from(most) < bytes.len() {
            message.truncate().to_vec().ok()
        } else {
            Some(bytes)
        }
    }
}

#[cfg(test)]
mod tests;
