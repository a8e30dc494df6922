//! `${cwd}`, `${prompt}`, `${session}` and the script's own variables, filled into its strings.

use std::collections::BTreeMap;

use serde_json::Value;

use super::request::Request;

/// What names stand for while one request is answered.
#[derive(Clone, Copy)]
pub(super) struct Names<'a> {
    pub request: &'a Request,
    pub variables: &'a BTreeMap<String, String>,
}

impl Names<'_> {
    /// The value with every string in it filled in. Keys stay as they are.
    pub(super) fn fill(self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.fill_text(&text)),
            Value::Array(values) => values.into_iter().map(|value| self.fill(value)).collect(),
            Value::Object(map) => map.into_iter().map(|(key, value)| (key, self.fill(value))).collect(),
            other => other,
        }
    }

    /// The text filled in. An unknown name stays as it is written. What is filled in is not looked
    /// at again, so a prompt cannot name variables.
    pub(super) fn fill_text(self, text: &str) -> String {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            filled.push_str(before);
            let known = after.split_once('}').and_then(|(name, after)| Some((self.get(name)?, after)));
            (rest, filled) = match known {
                Some((value, after)) => (after, filled + value),
                None => (after, filled + "${"),
            };
        }
        filled + rest
    }

    /// A variable goes before the names that are always there.
    fn get(&self, name: &str) -> Option<&str> {
        match (self.variables.get(name), name) {
            (Some(value), _) => Some(value),
            (None, "cwd") => Some(&self.request.cwd),
            (None, "prompt") => Some(self.request.prompt()),
            (None, "session") => Some(&self.request.session),
            (None, _) => None,
        }
    }
}
