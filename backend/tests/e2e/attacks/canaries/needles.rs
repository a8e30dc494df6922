//! The canaries in every spelling that is looked for, and the search of this side.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine, engine::general_purpose};

/// Spellings of canaries, each with the name of its canary and of how it is written.
#[derive(Default)]
pub(super) struct Needles(BTreeMap<String, String>);

impl Needles {
    /// Adds a canary as it is, in base64 wherever it begins in what was encoded, in hex and percent-encoded.
    pub(super) fn add(&mut self, name: &str, value: &str) {
        let mut add = |how: &str, spelling: String| {
            assert!(!spelling.contains(['\'', '\n']) && 12 < spelling.len(), "{name} {how}");
            self.0.entry(spelling).or_insert_with(|| format!("{name}:{how}"));
        };
        add("exact", value.to_owned());
        for alphabet in [general_purpose::STANDARD, general_purpose::URL_SAFE] {
            for offset in 0..3 {
                let bytes = [&[0; 2][..offset], value.as_bytes()].concat();
                let whole = alphabet.encode(&bytes);
                // Only the characters that depend on nothing but the value.
                add("base64", whole[(8 * offset).div_ceil(6)..8 * bytes.len() / 6].to_owned());
            }
        }
        let hex: String = value.bytes().map(|byte| format!("{byte:02x}")).collect();
        add("hex", hex.to_uppercase());
        add("hex", hex);
        for kept in ["-._~", "-._~/"] {
            let escaped = |byte: u8| match byte.is_ascii_alphanumeric() || kept.as_bytes().contains(&byte) {
                true => char::from(byte).to_string(),
                false => format!("%{byte:02X}"),
            };
            let percent: String = value.bytes().map(escaped).collect();
            add("percent", percent.to_lowercase());
            add("percent", percent);
        }
    }

    /// What of it is in these bytes.
    pub(super) fn found_in(&self, bytes: &[u8]) -> BTreeSet<&str> {
        let all = aho_corasick::AhoCorasick::new(self.0.keys()).unwrap();
        let names: Vec<&str> = self.0.values().map(String::as_str).collect();
        all.find_overlapping_iter(bytes).map(|found| names[found.pattern().as_usize()]).collect()
    }

    /// As lines of the search inside. Nothing there holds a needle in one piece but the memory of the search, so
    /// that it does not find itself.
    pub(super) fn lines(&self) -> String {
        let line = |(spelling, name): (&String, &String)| {
            let (first, second) = spelling.split_at(spelling.len() / 2);
            format!("needle '{name}' '{first}' '{second}'\n")
        };
        self.0.iter().map(line).collect()
    }
}
