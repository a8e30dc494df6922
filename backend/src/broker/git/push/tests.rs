use futures::stream;
use proptest::prelude::*;

use super::*;

const OLD: &str = "1111111111111111111111111111111111111111";
const NEW: &str = "2222222222222222222222222222222222222222";
const NONE: &str = "0000000000000000000000000000000000000000";

/// The head of a push with these lines, and a pack behind it.
fn head(lines: &[String]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in lines {
        pkt_line::write(&mut bytes, line.as_bytes());
    }
    pkt_line::write_flush(&mut bytes);
    bytes.extend_from_slice(b"PACK\0\0\0\x02");
    bytes
}

fn is_allowed(lines: &[String]) -> bool {
    Head::parse(&head(lines)).unwrap().is_allowed("caisson/1")
}

fn update(new: &str, reference: &str) -> String {
    format!("{OLD} {new} {reference}")
}

/// Reads a body that comes in pieces of this size.
async fn read(bytes: &[u8], size: usize) -> Result<(Head, Bytes), Error> {
    let pieces = bytes.chunks(size).map(|piece| Ok(Bytes::copy_from_slice(piece)));
    let pieces = pieces.collect::<Vec<_>>();
    Head::read(&mut stream::iter(pieces).boxed()).await
}

#[test]
fn only_the_runs_own_branch_may_be_updated() {
    assert!(is_allowed(&[update(NEW, "refs/heads/caisson/1")]));
    assert!(is_allowed(&[update(NEW, "refs/heads/caisson/1\0 report-status side-band-64k\n")]));
    for reference in [
        "refs/heads/main",
        "refs/heads/caisson/12",
        "refs/heads/caisson",
        "refs/heads/refs/heads/caisson/1",
        "refs/tags/caisson/1",
        "refs/heads/caisson/1 ",
        " refs/heads/caisson/1",
        "refs/heads/caisson/1\n",
        "refs/heads/../heads/caisson/1",
        "caisson/1",
        "HEAD",
        "",
    ] {
        let line = format!("{}\n", update(NEW, reference));
        assert!(!is_allowed(&[line]), "{reference:?}");
    }
}

#[test]
fn a_deletion_and_a_second_branch_are_not_allowed() {
    assert!(!is_allowed(&[update(NONE, "refs/heads/caisson/1")]));
    assert!(!is_allowed(&[update(&"0".repeat(64), "refs/heads/caisson/1").replace(OLD, &"1".repeat(64))]));
    assert!(!is_allowed(&[update(NEW, "refs/heads/caisson/1"), update(NEW, "refs/heads/main")]));
}

#[test]
fn a_push_without_updates_only_asks_whether_it_may() {
    assert!(is_allowed(&[]));
    assert!(is_allowed(&[format!("shallow {OLD}"), update(NEW, "refs/heads/caisson/1")]));
}

#[test]
fn capabilities_are_read_from_the_line_they_come_on() {
    let line = update(NEW, "refs/heads/x\0report-status side-band-64k agent=git/2\n");
    let head = Head::parse(&head(&[line])).unwrap();
    assert_eq!(head.updates, [Update { reference: "refs/heads/x".to_owned(), deletes: false }]);
    assert_eq!(head.capabilities, ["report-status", "side-band-64k", "agent=git/2"]);
}

#[test]
fn what_is_not_a_list_of_updates_is_refused() {
    for line in [
        "".to_owned(),
        "push".to_owned(),
        format!("{OLD} {NEW}"),
        format!("{OLD}  {NEW} refs/heads/caisson/1"),
        format!("{} {NEW} refs/heads/caisson/1", &OLD[1..]),
        format!("{OLD} {} refs/heads/caisson/1", NEW.replace('2', "g")),
        "shallow x".to_owned(),
        "push-options".to_owned(),
    ] {
        assert!(matches!(Head::parse(&head(&[line])), Err(Error::Malformed(_))));
    }
    let signed = Head::parse(&head(&["push-cert\0report-status".to_owned()]));
    assert!(matches!(signed, Err(Error::Signed)));
}

#[test]
fn what_could_do_more_than_update_a_branch_is_not_asked_of_the_server() {
    let with =
        |capabilities: &str| is_allowed(&[update(NEW, &format!("refs/heads/caisson/1\0{capabilities}"))]);
    assert!(with(" report-status atomic object-format=sha1 agent=git/2.47 session-id=x"));
    for more in [
        "push-options",
        "push-options=1",
        "push-cert=nonce",
        "x\0push-options",
        "report-status\tpush-options",
        "Atomic",
        "new",
    ] {
        assert!(!with(more), "{more}");
    }
    // On a later line too, where git looks for them as well; and when it only asks.
    let later = update(NEW, "refs/heads/caisson/1\0push-options");
    assert!(!is_allowed(&[update(NEW, "refs/heads/caisson/1\0atomic"), later]));
    assert!(!is_allowed(&[format!("shallow {OLD}\0push-options")]));
}

#[test]
fn only_the_very_name_is_the_runs_branch() {
    for reference in [
        "refs/heads/Caisson/1",
        "refs/heads/caisson/1/",
        "refs/heads//caisson/1",
        "refs/heads/./caisson/1",
        "refs/heads/caisson/1.lock",
        "refs/heads/caisson/\u{ff11}",
        "refs/heads/caisson/1\u{200b}",
        "refs/heads/caisson/1\r",
        "refs/heads/caisson/1 refs/heads/main",
        "REFS/HEADS/caisson/1",
        "refs/heads/caisson/1^{}",
        "refs/remotes/origin/caisson/1",
        "refs/for/caisson/1",
        "refs/pull/1/head",
        "HEAD",
        "@",
    ] {
        assert!(!is_allowed(&[update(NEW, reference)]), "{reference:?}");
    }
    // What stands behind a zero byte is no part of the name, for git neither.
    assert!(!is_allowed(&[update(NEW, "refs/heads/main\0atomic")]));
    assert!(!is_allowed(&[update(NEW, "refs/heads/caisson/1\0refs/heads/main")]));
}

#[tokio::test]
async fn a_head_is_read_however_it_is_cut_and_nothing_is_lost() {
    let bytes = head(&[update(NEW, "refs/heads/a\0report-status"), update(NEW, "refs/heads/b")]);
    for size in [1, 3, 50, bytes.len()] {
        let (head, read) = read(&bytes, size).await.unwrap();
        assert_eq!(head.updates.len(), 2);
        assert!(bytes.starts_with(&read));
        // At least the commands; what came along of the pack is kept too.
        assert!(bytes.len() - 8 <= read.len());
    }
}

#[tokio::test]
async fn a_head_without_end_or_too_long_is_refused() {
    assert!(matches!(read(b"", 1).await, Err(Error::BrokenOff)));
    assert!(matches!(read(b"0006a", 1).await, Err(Error::BrokenOff)));
    assert!(matches!(read(b"PACK", 4).await, Err(Error::Malformed(_))));
    let endless = b"0006a\n".repeat(LONGEST_HEAD / 6 + 100);
    assert!(matches!(read(&endless, 4096).await, Err(Error::TooLong)));
}

proptest! {
    #[test]
    fn no_head_makes_it_panic_or_allows_what_it_must_not(
        lines in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..120), 0..5),
        tail in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        let mut bytes = Vec::new();
        lines.iter().for_each(|line| pkt_line::write(&mut bytes, line));
        bytes.extend_from_slice(&tail);
        if let Ok(head) = Head::parse(&bytes) {
            let only_own = head.forbidden.is_none() && head.updates.iter().all(|update| update.reference == "refs/heads/work" && !update.deletes);
            prop_assert_eq!(head.is_allowed("work"), only_own);
        }
    }
}
