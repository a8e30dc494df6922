//! What is sealed comes back for its own name and key, and for nothing else.

use proptest::prelude::*;
use zeroize::Zeroizing;

use super::*;

fn key(byte: u8) -> Key {
    Key::new(Zeroizing::new([byte; 32]))
}

fn ring(bytes: &[u8]) -> KeyRing {
    let given: Vec<Key> = bytes.iter().copied().map(key).collect();
    KeyRing::new(&given, key(255))
}

#[test]
fn the_same_value_is_never_sealed_the_same_way_twice() {
    let ring = ring(&[1]);
    let (one, two) = (ring.seal("secret A", "a value").unwrap(), ring.seal("secret A", "a value").unwrap());
    assert_ne!(one.bytes, two.bytes);
    assert_ne!(one.bytes[..24], two.bytes[..24], "each has a nonce of its own");
    assert_eq!(ring.open("secret A", &one).unwrap().expose(), "a value");
}

#[test]
fn a_value_that_was_put_in_anothers_place_does_not_open() {
    let ring = ring(&[1, 2]);
    let sealed = ring.seal(&label("A"), "a value").unwrap();
    assert_eq!(ring.open(&label("B"), &sealed), Err(Unopened::Damaged));
    let other_key = Sealed { key_id: key(2).id().to_owned(), ..sealed.clone() };
    assert_eq!(ring.open(&label("A"), &other_key), Err(Unopened::Damaged));
    let short = Sealed { bytes: sealed.bytes[..20].to_vec(), ..sealed };
    assert_eq!(ring.open(&label("A"), &short), Err(Unopened::Damaged));
}

#[test]
fn the_newest_key_seals_and_the_older_ones_still_open() {
    let old = ring(&[1]).seal("x", "a value").unwrap();
    let derived = ring(&[]).seal("x", "a value").unwrap();
    let rotated = ring(&[2, 1]);
    assert_eq!(rotated.open("x", &old).unwrap().expose(), "a value");
    assert_eq!(rotated.open("x", &derived).unwrap().expose(), "a value", "from before any key was given");
    assert!(!rotated.is_newest(&old) && rotated.is_newest(&rotated.seal("x", "y").unwrap()));
    let lost = ring(&[2]).open("x", &old).unwrap_err();
    assert!(lost.to_string().contains("CAISSON_SECRETS_KEY_FILE"), "{lost}");
    assert!(lost.to_string().contains(&old.key_id), "{lost}");
}

#[test]
fn debug_shows_nothing_of_a_key() {
    let ring = ring(&[7]);
    let shown = format!("{ring:?} {:?}", ring.seal("x", "hunter22hunter22").unwrap());
    assert!(!shown.contains("7, 7") && !shown.contains("0707") && !shown.contains("hunter"), "{shown}");
}

#[test]
fn keys_are_read_from_base64_and_hex_newest_first() {
    let hex = "01".repeat(32);
    let text = format!("# of today\nAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=\n\n{hex}\n");
    let keys = read_keys(&text).unwrap();
    assert_eq!(keys.iter().map(Key::id).collect::<Vec<_>>(), [key(2).id(), key(1).id()]);
    assert_eq!(read_keys("_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v4").unwrap().len(), 1, "URL-safe");
    for wrong in ["hunter2", &"01".repeat(31), &"01".repeat(33)] {
        let error = read_keys(&format!("{hex}\n{wrong}")).unwrap_err();
        assert_eq!(error.line, 2);
        assert!(!error.to_string().contains(wrong), "{error}");
    }
}

#[test]
fn a_value_that_cannot_be_is_refused_without_being_repeated() {
    for value in ["hunter2", "hunter22\0", "hunter        ", &"x".repeat(65_537)] {
        let error = check_value(&Secret::new(value)).unwrap_err();
        assert!(matches!(&error, ApiError::Invalid { field, .. } if field == "value"));
        assert!(!error.to_string().contains("hunter") && error.to_string().len() < 100, "{error}");
    }
    assert_eq!(check_value(&Secret::new("x".repeat(65_536))), Ok(()));
    for name in ["", "a b", "ü", "a/b", &"x".repeat(101)] {
        assert!(check_name("name", name).is_err(), "{name}");
    }
    assert_eq!(check_name("name", "NPM_TOKEN.prod-2"), Ok(()));
}

proptest! {
    #[test]
    fn whatever_is_sealed_opens_and_any_flipped_bit_does_not(
        text in ".{0,200}", at in any::<prop::sample::Index>(), bit in 0_u8..8,
    ) {
        let ring = ring(&[3]);
        let mut sealed = ring.seal("a label", &text).unwrap();
        let opened = ring.open("a label", &sealed).unwrap();
        prop_assert_eq!(opened.expose(), text.as_str());
        let at = at.index(sealed.bytes.len());
        sealed.bytes[at] ^= 1 << bit;
        prop_assert_eq!(ring.open("a label", &sealed), Err(Unopened::Damaged));
    }
}
