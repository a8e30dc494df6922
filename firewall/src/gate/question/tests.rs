//! Hostile questions, and answers that are too long.

use hickory_proto::rr::{Name as DnsName, rdata::A};
use proptest::prelude::*;

use super::*;

fn ask(labels: &[&[u8]], kind: RecordType) -> Vec<u8> {
    let name = DnsName::from_labels(labels.iter().copied()).unwrap();
    let mut message = Message::new(7, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(name, kind));
    message.to_vec().unwrap()
}

#[test]
fn a_host_is_read_in_its_one_spelling() {
    let question = read(&ask(&[b"WWW", b"Example", b"org"], RecordType::AAAA));
    assert!(
        matches!(question, Question::Host(_, name, Some(Family::V6)) if name.as_str() == "www.example.org")
    );
    let question = read(&ask(&[b"example", b"org"], RecordType::HTTPS));
    assert!(matches!(question, Question::Host(_, _, None)));
}

#[test]
fn a_label_with_a_dot_or_strange_bytes_is_no_host() {
    for labels in [&[&b"a.example"[..], b"org"][..], &[b"\x00\x1b[2J", b"org"], &[b"\xff", b"org"], &[]] {
        let question = read(&ask(labels, RecordType::A));
        assert!(matches!(&question, Question::Nameless(_, shown) if shown.is_ascii()), "{question:?}");
    }
}

#[test]
fn what_is_no_question_is_not_answered() {
    let mut answer = ask(&[b"example"], RecordType::A);
    answer[2] |= 0x80;
    assert!(matches!(read(&answer), Question::Noise));
    assert!(matches!(read(b"short"), Question::Noise));
}

#[test]
fn a_datagram_that_would_be_too_long_is_marked_as_cut() {
    let Question::Host(asker, ..) = read(&ask(&[b"example"], RecordType::A)) else { panic!("a host") };
    let many = vec![RData::A(A([192, 0, 2, 1].into())); 100];
    let short = asker.reply(ResponseCode::NoError, &many, 1, true).unwrap();
    let long = asker.reply(ResponseCode::NoError, &many, 1, false).unwrap();
    assert!(Message::from_vec(&short).unwrap().metadata.truncation && short.len() <= 512);
    assert_eq!(Message::from_vec(&long).unwrap().answers.len(), 100);
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic_and_answered_with_their_id(mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Some(flags) = bytes.get_mut(2) { *flags &= 0x07; }
        let asker = match read(&bytes) {
            Question::Noise => return Ok(()),
            Question::Malformed(asker, _) | Question::Nameless(asker, _) | Question::Host(asker, ..) => asker,
        };
        let reply = asker.reply(ResponseCode::NXDomain, &[], 0, true).unwrap();
        prop_assert_eq!(&reply[..2], &bytes[..2]);
    }
}
