//! Whatever is around a secret, however it is spelled and wherever it is cut: it never comes out.

use base64::{Engine, engine::general_purpose};
use proptest::prelude::*;

use super::*;
use crate::hex;

fn mask(values: &[(&str, &str)]) -> Mask {
    let values: Vec<(&str, Secret)> =
        values.iter().map(|(name, value)| (*name, Secret::new(*value))).collect();
    Mask::new(values.iter().map(|(name, value)| (*name, value)))
}

/// As `encodeURIComponent` writes it, or as a form does.
fn url(text: &str, is_form: bool) -> String {
    let kept: &[u8] = if is_form { b"-_.*" } else { b"-_.!~*'()" };
    let written = text.bytes().map(|byte| match byte {
        b' ' if is_form => "+".to_owned(),
        byte if byte.is_ascii_alphanumeric() || kept.contains(&byte) => char::from(byte).to_string(),
        byte if is_form => format!("%{byte:02x}"),
        byte => format!("%{byte:02X}"),
    });
    written.collect()
}

fn json(text: &str) -> String {
    let quoted = serde_json::to_string(text).unwrap();
    quoted[1..quoted.len() - 1].to_owned()
}

/// One of the spellings that are promised, with something before and after.
fn spelled(way: usize, before: &str, value: &str, after: &str) -> String {
    let around = |value: &str| format!("{before}{value}{after}");
    match way {
        0 => around(value),
        1 => around(&json(value)),
        2 => around(&json(&json(value))),
        3 => around(&url(value, false)),
        4 => around(&url(value, true)),
        5 => general_purpose::STANDARD.encode(around(value)),
        6 => general_purpose::URL_SAFE_NO_PAD.encode(around(value)),
        7 => around(&hex::encode(value.as_bytes())),
        8 => around(&hex::encode(value.as_bytes()).to_uppercase()),
        _ => around(&general_purpose::STANDARD.encode(value)),
    }
}

/// A DFA over the same patterns takes 1 MB, and the server keeps a mask for every live run.
#[test]
fn the_mask_of_a_live_run_is_small() {
    let [model, instance] = [0x3c, 0xa5].map(|byte| hex::encode(&[byte; 32]));
    let key = format!("sk-ant-api03-{}", "aB3-dE6_".repeat(12));
    let mask = mask(&[("model token", &model), ("instance token", &instance), ("CAISSON_API_KEY", &key)]);
    let bytes = mask.search.as_ref().unwrap().memory_usage();
    assert!(bytes < 100_000, "{bytes} bytes");
}

#[test]
fn each_spelling_becomes_the_name() {
    let value = "p@ss \"wörd\"/\\1\n2nd line+end";
    let mask = mask(&[("DB.pass-1", value)]);
    for way in [0, 1, 2, 3, 4, 7, 8, 9] {
        let text = spelled(way, "a: ", value, ", b");
        assert_eq!(mask.text(&text), "a: [secret DB.pass-1], b", "{text}");
    }
    assert_eq!(mask.text("  2nd+line%2bend"), "  [secret DB.pass-1]", "a line of it alone");
    let python = r#"p@ss \"w\u00f6rd\"/\\1\n2nd line+end"#;
    assert_eq!(mask.text(python), "[secret DB.pass-1]");
}

#[test]
fn letters_that_need_no_escape_and_have_one_are_found() {
    let mask = mask(&[("A", "hunter2-hunter2")]);
    let escaped = |every: usize, slashes: &str, upper: bool| {
        let letters = "hunter2-hunter2".chars().enumerate().map(|(n, letter)| {
            let code = u32::from(letter);
            match (n % every == 0, upper) {
                (false, _) => letter.to_string(),
                (true, false) => format!("{slashes}u{code:04x}"),
                (true, true) => format!("{slashes}u{code:04X}"),
            }
        });
        letters.collect::<String>()
    };
    for every in 1..6 {
        for slashes in [r"\", r"\\", r"\\\\"] {
            for upper in [false, true] {
                let spelled = escaped(every, slashes, upper);
                let line = format!(r#"{{"text":"a {spelled} b","n":1}}"#);
                assert_eq!(mask.json(&line), r#"{"text":"a [secret A] b","n":1}"#, "{line}");
                assert_eq!(mask.text(&spelled), "[secret A]");
                assert_eq!(&*mask.bytes(spelled.as_bytes()), b"[secret A]");
            }
        }
    }
    let innocent = r#"{"text":"a \u0068unter2 b \\u0041"}"#;
    assert_eq!(mask.json(innocent), innocent, "nothing else is changed");
}

#[test]
fn base64_is_found_wherever_it_begins() {
    let value = "correct horse battery";
    let mask = mask(&[("A", value)]);
    for before in ["", "x", "xy", "xyz", "user:", "token "] {
        for after in ["", "\n", "yz", "more"] {
            let text = general_purpose::STANDARD.encode(format!("{before}{value}{after}"));
            let masked = mask.text(&text);
            assert!(masked.contains("[secret A]"), "{before:?} {after:?}: {masked}");
            assert!(
                masked.len() < "[secret A]".len() + 4 * (before.len() + after.len()).div_ceil(3) + 9,
                "{masked}"
            );
        }
    }
}

#[test]
fn base64_over_several_lines_is_found() {
    let value: String = (0..150_u8).map(|n| char::from(b'a' + n.wrapping_mul(7) % 26)).collect();
    let mask = mask(&[("A", &value)]);
    let encoded = general_purpose::STANDARD.encode(format!("{value}\n"));
    let lines: Vec<&str> =
        encoded.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let masked = mask.text(&lines.join("\n")).into_owned();
    for line in lines {
        assert!(!masked.contains(&line[..line.len() - 4]), "{masked}");
    }
}

#[test]
fn each_line_of_a_value_is_a_secret_of_its_own() {
    let mask = mask(&[("KEY", "-----BEGIN-----\nAAAABBBBCCCC\r\nshort\nDDDDEEEEFFFF\n")]);
    assert_eq!(
        mask.text("1\tAAAABBBBCCCC\n2\tshort\n3\tDDDDEEEEFFFF"),
        "1\t[secret KEY]\n2\tshort\n3\t[secret KEY]"
    );
}

#[test]
fn what_holds_no_secret_is_not_copied() {
    let mask = mask(&[("A", "a secret value")]);
    assert!(matches!(mask.text("nothing to see here"), Cow::Borrowed(_)));
    assert!(matches!(mask.json(r#"{"type":"text"}"#), Cow::Borrowed(_)));
    assert!(matches!(mask.bytes(b"\xff\xfe a patch"), Cow::Borrowed(_)));
    assert!(matches!(Mask::default().text("a secret value"), Cow::Borrowed(_)));
    assert_eq!(mask.bytes(b"\xff a secret value \xfe").as_ref(), b"\xff [secret A] \xfe");
}

#[test]
fn of_two_secrets_the_longer_one_is_named() {
    let mask = mask(&[("SHORT", "abcdefgh"), ("LONG", "abcdefghijkl")]);
    assert_eq!(mask.text("abcdefghijkl abcdefgh"), "[secret LONG] [secret SHORT]");
}

#[test]
fn a_short_value_is_not_masked_and_debug_shows_nothing() {
    let short = mask(&[("A", "1234567")]);
    assert_eq!(short.text("1234567"), "1234567");
    assert!(!format!("{:?}", mask(&[("A", "hunter22hunter22")])).contains("hunter"));
}

#[test]
fn json_stays_json_when_a_secret_begins_or_ends_inside_an_escape() {
    for (value, line) in [
        ("test1234", r#"{"a":"x\test1234"}"#),
        ("e9abcdef12", r#"{"a":"\u00e9abcdef12"}"#),
        ("abcdefg\\", r#"{"a":"abcdefg\\","b":1}"#),
        ("abcdef12\\u00", r#"{"a":"abcdef12\u00e9","b":"\\"}"#),
        ("\",\"b\":\"12345", r#"{"a":"x","b":"12345"}"#),
        ("u0041bcdef", r#"{"a":"\\u0041bcdef \u0041bcdef"}"#),
    ] {
        let masked = mask(&[("A", value)]).json(line).into_owned();
        assert!(serde_json::from_str::<serde_json::Value>(&masked).is_ok(), "{value}: {masked}");
        assert!(masked.contains("[secret A]") && !masked.contains(value), "{value}: {masked}");
    }
}

#[test]
fn pieces_come_at_once_unless_they_could_be_the_beginning() {
    let mask = mask(&[("A", "a secret value")]);
    let mut tail = Tail::default();
    assert_eq!(tail.push(&mask, "Hello, "), "Hello, ");
    assert_eq!(tail.push(&mask, "this is a"), "this is ");
    assert_eq!(tail.push(&mask, "n apple, and a secr"), "an apple, and ");
    assert_eq!(tail.push(&mask, "et value"), "[secret A]");
    assert_eq!(tail.push(&mask, " a sec"), " ");
    assert_eq!(tail.flush(&mask), "a sec");
    assert_eq!(tail.flush(&mask), "");
}

fn value() -> impl Strategy<Value = String> {
    "[ -~äé🦀\n]{8,60}"
        .prop_filter("long enough", |value| SHORTEST <= value.trim().len() && value == value.trim())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_value_never_comes_out(
        value in value(), before in ".{0,20}", after in ".{0,20}", way in 0_usize..10,
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let mask = mask(&[("A", &value), ("B", "another one of them")]);
        let text = spelled(way, &before, &value, &after);
        let core = match way {
            // Of a longer text in base64 the value itself is what must not be read.
            5 | 6 => None,
            way => Some(spelled(way, "", &value, "")),
        };
        let holds = |masked: &str| core.as_ref().is_some_and(|core| masked.contains(core.as_str()));
        // A name in its place may not by chance make another of it.
        prop_assume!(!"[secret A] [secret B]".contains(value.as_str()));
        let masked = mask.text(&text).into_owned();
        prop_assert!(!holds(&masked), "{text:?} became {masked:?}");
        prop_assert!(masked.contains("[secret A]"), "{text:?} became {masked:?}");

        // Cut anywhere, it is the same.
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        places.retain(|place| text.is_char_boundary(*place));
        places.extend([0, text.len()]);
        places.sort_unstable();
        let (mut tail, mut shown) = (Tail::default(), String::new());
        for pair in places.windows(2) {
            shown += &tail.push(&mask, &text[pair[0]..pair[1]]);
            prop_assert!(tail.held.len() < mask.longest.max(1));
        }
        shown += &tail.flush(&mask);
        prop_assert_eq!(shown, masked);
    }

    #[test]
    fn a_line_of_json_stays_one(value in value(), before in ".{0,20}", after in ".{0,20}", levels in 1_usize..3) {
        let mask = mask(&[("A", &value)]);
        let mut text = format!("{before}{value}{after}");
        for _ in 0..levels {
            text = serde_json::to_string(&serde_json::json!({ "text": text })).unwrap();
        }
        let masked = mask.json(&text).into_owned();
        prop_assert!(serde_json::from_str::<serde_json::Value>(&masked).is_ok(), "{masked}");
        prop_assert!(masked.contains("[secret A]"), "{masked}");
        let mut read = masked.clone();
        while let Ok(serde_json::Value::Object(line)) = serde_json::from_str(&read) {
            read = line["text"].as_str().unwrap().to_owned();
            prop_assert!(!read.contains(&value), "{masked}");
        }
    }
}

#[test]
fn a_long_text_is_searched_in_pieces_and_nothing_between_them_is_missed() {
    let secret = Secret::new("hunter2-and-more");
    let mask = Mask::new([("PASSWORD", &secret)]);
    let escaped: String =
        secret.expose().chars().map(|letter| format!("\\u{:04X}", u32::from(letter))).collect();
    for value in [secret.expose(), escaped.as_str()] {
        for at in [WINDOW - 150, WINDOW - 7, WINDOW, WINDOW + 1, 2 * WINDOW + 3] {
            let text = format!("{}{value}{}", "é".repeat(at / 2), "y".repeat(WINDOW));
            let masked = mask.text(&text);
            assert_eq!(masked.matches("[secret PASSWORD]").count(), 1, "{at}");
            assert_eq!(masked.len(), text.len() - value.len() + "[secret PASSWORD]".len(), "{at}");
        }
    }
}

#[test]
fn a_text_of_nothing_but_secrets_does_not_grow_without_end() {
    let secret = Secret::new("eight..8");
    let mask = Mask::new([("A_NAME_THAT_IS_MUCH_LONGER_THAN_ITS_VALUE", &secret)]);
    let text = secret.expose().repeat(1 << 18);
    assert!(mask.text(&text).len() < text.len());
    assert!(!mask.text(&text).contains(secret.expose()));
}
