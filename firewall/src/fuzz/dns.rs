//! The DNS gate's questions and answers.

use hickory_proto::{
    op::{Message, MessageType, ResponseCode},
    rr::{RData, rdata::A},
};

use crate::{
    gate::question::{self, Asker, Question},
    policy::Name,
};

/// The largest datagram the gate may send.
const MOST_DATAGRAM: usize = 1232;
/// What one answer may hold; see `gate::answer`.
const MOST_ADDRESSES: usize = 64;

/// A question: every answer to it can be read, and is one to this question.
///
/// # Panics
/// When one cannot, or when a name was accepted that is none.
pub fn dns(bytes: &[u8]) {
    match question::read(bytes) {
        Question::Noise => assert!(bytes.len() < 12 || bytes[2] & 0x80 != 0, "a question was not answered"),
        Question::Malformed(asker, code) => {
            assert_ne!(code, ResponseCode::NoError);
            is_answered(&asker, code, &[], bytes, None);
        }
        Question::Nameless(asker, shown) => {
            assert!(
                shown.len() <= 253 && shown.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
                "{shown:?}"
            );
            is_answered(&asker, ResponseCode::NXDomain, &[], bytes, None);
        }
        Question::Host(asker, name, family) => {
            is_name(&name);
            let addresses = vec![RData::A(A([192, 0, 2, 1].into())); MOST_ADDRESSES];
            let addresses = if family.is_some() { &*addresses } else { &[] };
            is_answered(&asker, ResponseCode::NoError, addresses, bytes, Some(&name));
        }
    }
}

/// A name in its one spelling, that no resolver takes for an address.
fn is_name(name: &Name) {
    let text = name.as_str();
    assert!(!text.is_empty() && text.len() <= 253, "{text:?}");
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    assert!(
        text.bytes().all(plain) && text.split('.').all(|label| (1..64).contains(&label.len())),
        "{text:?}"
    );
    assert!(text.parse::<std::net::Ipv4Addr>().is_err());
    assert_eq!(Name::parse(text).as_ref(), Ok(name));
}

fn is_answered(asker: &Asker, code: ResponseCode, addresses: &[RData], asked: &[u8], name: Option<&Name>) {
    for datagram in [true, false] {
        let reply = asker.reply(code, addresses, 60, datagram).expect("no answer");
        assert!(!datagram || reply.len() <= MOST_DATAGRAM, "a datagram of {} bytes", reply.len());
        let read = Message::from_vec(&reply).expect("an answer that cannot be read");
        assert_eq!(reply[..2], asked[..2], "an answer to another question");
        assert_eq!((read.metadata.message_type, read.metadata.response_code), (MessageType::Response, code));
        assert!(read.metadata.truncation || read.answers.len() == addresses.len(), "addresses are missing");
        if let Some(name) = name {
            let [query] = &*read.queries else { panic!("the question is missing") };
            let labels: Vec<&[u8]> = query.name().iter().collect();
            assert_eq!(labels.join(&b'.').to_ascii_lowercase(), name.as_str().as_bytes());
        }
    }
}
