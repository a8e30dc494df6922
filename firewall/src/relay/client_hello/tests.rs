//! Hellos as clients send them, and as nobody should.

use proptest::prelude::*;

use super::*;

fn block(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
    [kind.to_be_bytes().to_vec(), block(body)].concat()
}

fn sni(name: &str) -> Vec<u8> {
    extension(SERVER_NAME, &block(&[vec![0], block(name.as_bytes())].concat()))
}

/// The handshake message.
fn message(extensions: &[Vec<u8>]) -> Vec<u8> {
    let mut body = [&[3, 3][..], &[7; 32], &[0], &block(&[0x13, 0x01]), &[1, 0]].concat();
    body.extend(block(&extensions.concat()));
    [&[CLIENT_HELLO, 0][..], &block(&body)].concat()
}

fn records(message: &[u8], size: usize) -> Vec<u8> {
    message.chunks(size).flat_map(|chunk| [&[HANDSHAKE, 3, 1][..], &block(chunk)].concat()).collect()
}

fn read(extensions: &[Vec<u8>]) -> Hello {
    parse(&records(&message(extensions), 16_000))
}

fn name(text: &str) -> Hello {
    Hello::For(Name::ascii(text).unwrap())
}

#[test]
fn the_name_is_found_among_other_extensions() {
    let other = || extension(43, &[2, 3, 4]);
    assert_eq!(read(&[other(), sni("Example.ORG")]), name("example.org"));
    assert_eq!(read(&[other()]), Hello::Nameless);
}

#[test]
fn an_encrypted_hello_is_seen_whatever_name_is_outside() {
    for kind in ENCRYPTED {
        assert_eq!(read(&[sni("example.org"), extension(kind, &[0; 20])]), Hello::Encrypted);
    }
}

#[test]
fn what_servers_could_read_differently_is_refused() {
    let two_names = block(&[vec![0], block(b"a.example"), vec![0], block(b"b.example")].concat());
    let zero = sni("a.example\0.b.example");
    for extensions in [
        vec![sni("a.example"), sni("b.example")],
        vec![extension(SERVER_NAME, &two_names)],
        vec![extension(SERVER_NAME, &block(&[vec![1], block(b"a.example")].concat()))],
        vec![extension(SERVER_NAME, &[])],
        vec![zero],
        vec![sni("192.0.2.1")],
        vec![sni("a.example.")],
        vec![sni("")],
    ] {
        assert_eq!(read(&extensions), Hello::Malformed, "{extensions:?}");
    }
    let whole = records(&message(&[sni("a.example")]), 16_000);
    for (at, byte) in [(0, 23), (1, 2), (5, 2), (3, 0xff)] {
        let mut broken = whole.clone();
        broken[at] = byte;
        assert_eq!(parse(&broken), Hello::Malformed, "{at}");
    }
}

#[test]
fn a_hello_without_end_is_not_waited_for() {
    assert_eq!(
        parse(&records(&[&[1, 0, 0xff, 0xff][..], &vec![0; LONGEST]].concat(), 16_000)),
        Hello::Malformed
    );
}

proptest! {
    #[test]
    fn any_cut_into_records_and_segments_reads_the_same(size in 1usize..300, cut in 0usize..1000) {
        let bytes = records(&message(&[sni("a.example"), extension(43, &[2, 3, 4])]), size);
        prop_assert_eq!(parse(&bytes), name("a.example"));
        let cut = cut % bytes.len();
        prop_assert!([Hello::More, name("a.example")].contains(&parse(&bytes[..cut])));
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&bytes);
        let _ = parse(&records(&[&[1, 0, 0, 200][..], &bytes].concat(), 100));
    }
}
