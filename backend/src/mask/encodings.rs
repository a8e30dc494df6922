//! The encodings of a value that people meet in logs.

use std::collections::BTreeSet;

use base64::{Engine, engine::general_purpose};

use super::SHORTEST;
use crate::hex;

/// How many times a text is put into JSON as text: output of a tool, in a line of the agent, in an event.
const JSON_LEVELS: usize = 3;
/// Where tools that write base64 begin a new line: `base64`, and PEM.
const WRAPPED_AT: [usize; 2] = [76, 64];
/// Of longer values fewer of the ways to write a URL are looked for.
const MANY_URLS: usize = 4096;
/// What is left as it is in a URL, by those who write it: everybody, JavaScript's two functions, Python, forms.
const UNRESERVED: [&str; 5] = ["-._~", "-._~!'()*", "-._~/", "-._*", "-._~!'()*;,/?:@&=+$#"];

/// Every pattern for a value; none for one that is too short.
pub(super) fn of(value: &str) -> BTreeSet<String> {
    let mut patterns = BTreeSet::new();
    add(&mut patterns, value);
    // A file is shown a line at a time, with numbers or other things between the lines.
    if value.contains('\n') {
        value.lines().for_each(|line| add(&mut patterns, line));
    }
    patterns
}

/// All spellings of one text, without the white space around it.
fn add(patterns: &mut BTreeSet<String>, text: &str) {
    let text = text.trim();
    if text.len() < SHORTEST {
        return;
    }
    patterns.insert(text.to_owned());
    add_json(patterns, text);
    add_url(patterns, text);
    add_base64(patterns, text);
    let lower = hex::encode(text.as_bytes());
    patterns.insert(lower.to_uppercase());
    patterns.insert(lower);
}

fn add_json(patterns: &mut BTreeSet<String>, text: &str) {
    for escape in [json, json_ascii, json_slash, json_html] {
        let mut text = text.to_owned();
        for _ in 0..JSON_LEVELS {
            text = escape(&text);
            patterns.insert(text.clone());
        }
    }
}

/// As the inside of a JSON string.
fn json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted.get(1..quoted.len() - 1).unwrap_or_default().to_owned()
}

/// With everything beyond ASCII as an escape, as Python writes it.
fn json_ascii(text: &str) -> String {
    json(text).chars().fold(String::new(), |mut written, c| {
        if c.is_ascii() {
            written.push(c);
        } else {
            let mut units = [0; 2];
            written.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        }
        written
    })
}

/// With slashes escaped, as PHP writes it.
fn json_slash(text: &str) -> String {
    json(text).replace('/', "\\/")
}

/// With what means something in HTML escaped, as Go writes it.
fn json_html(text: &str) -> String {
    json(text).replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

fn add_url(patterns: &mut BTreeSet<String>, text: &str) {
    let ways = if text.len() <= MANY_URLS { &UNRESERVED[..] } else { &UNRESERVED[..1] };
    for kept in ways {
        for space in ["%20", "+"] {
            let (mut upper, mut lower) = (String::new(), String::new());
            for byte in text.bytes() {
                if byte.is_ascii_alphanumeric() || kept.as_bytes().contains(&byte) {
                    upper.push(char::from(byte));
                    lower.push(char::from(byte));
                } else if byte == b' ' {
                    upper.push_str(space);
                    lower.push_str(space);
                } else {
                    upper.push_str(&format!("%{byte:02X}"));
                    lower.push_str(&format!("%{byte:02x}"));
                }
            }
            patterns.insert(upper);
            patterns.insert(lower);
        }
    }
}

/// Wherever the text begins in what was encoded, the characters that depend on nothing but it are the same.
fn add_base64(patterns: &mut BTreeSet<String>, text: &str) {
    for alphabet in [general_purpose::STANDARD, general_purpose::URL_SAFE] {
        for offset in 0..3 {
            let bytes = [&[0; 2][..offset], text.as_bytes()].concat();
            let whole = alphabet.encode(&bytes);
            let core = &whole[(8 * offset).div_ceil(6)..8 * bytes.len() / 6];
            patterns.insert(core.to_owned());
            if offset == 0 {
                for width in WRAPPED_AT.into_iter().filter(|width| *width < core.len()) {
                    let lines = core.as_bytes().chunks(width).map(String::from_utf8_lossy);
                    patterns.extend(lines.filter(|line| SHORTEST <= line.len()).map(String::from));
                }
                // On its own, so that not even its last bits are left.
                patterns.insert(whole.trim_end_matches('=').to_owned());
                patterns.insert(whole);
            }
        }
    }
}
