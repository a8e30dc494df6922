//! Room: how much of a line its events may repeat. A line may have 32 MiB; its raw text is kept whole anyway.

use api::agent::PermissionRequest;
use serde_json::Value;

/// The texts of one line's events, in bytes: no screen shows more of it.
const LINE: usize = 64 << 10;
/// A request that a person has to see whole: each of its texts is in it twice at most.
const REQUEST: usize = 2 * PermissionRequest::LONGEST;
/// What is only a name or a path.
const NAME: usize = 1 << 10;
/// A longer word may be cut.
const WORD: usize = 1 << 10;
/// What a value takes beside its text.
const VALUE: usize = 16;

/// What is left for the texts of a line.
pub(super) struct Room(usize);

impl Room {
    pub(super) const fn of_line() -> Self {
        Self(LINE)
    }

    /// For a request in a line of so many bytes. One that is too long is denied, so nobody has to see it whole.
    pub(super) const fn of_request(bytes: usize) -> Self {
        Self(if bytes <= PermissionRequest::LONGEST { REQUEST } else { LINE })
    }

    /// As much of a text as there is room for.
    pub(super) fn text(&mut self, text: &str) -> String {
        self.at_most(text, self.0)
    }

    /// As much of a name, a title or a path as is sensible.
    pub(super) fn name(&mut self, name: &str) -> String {
        self.at_most(name, NAME)
    }

    /// The value with its long texts cut; `null` when there is no room even so.
    pub(super) fn value(&mut self, value: &Value) -> Value {
        self.copy(value).unwrap_or_default()
    }

    fn at_most(&mut self, text: &str, most: usize) -> String {
        let most = most.min(self.0);
        if text.len() <= most {
            self.0 -= text.len();
            return text.to_owned();
        }
        self.0 -= most;
        format!("{}… ({} bytes)", &text[..end_of_word(text, most)], text.len())
    }

    fn copy(&mut self, value: &Value) -> Option<Value> {
        self.take(VALUE)?;
        Some(match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
            // Half of the rest each: a second long text is shown as well.
            Value::String(text) => Value::String(self.at_most(text, self.0 / 2)),
            Value::Array(values) => values.iter().map(|value| self.copy(value)).collect::<Option<_>>()?,
            Value::Object(fields) => {
                let field = |(key, value): (&String, &Value)| {
                    self.take(key.len())?;
                    Some((key.clone(), self.copy(value)?))
                };
                Value::Object(fields.iter().map(field).collect::<Option<_>>()?)
            }
        })
    }

    fn take(&mut self, bytes: usize) -> Option<()> {
        self.0 = self.0.checked_sub(bytes)?;
        Some(())
    }
}

/// Where to cut: between two words, so that no half of a secret is left, which nobody would find.
fn end_of_word(text: &str, most: usize) -> usize {
    let end = text.floor_char_boundary(most);
    let near = text.floor_char_boundary(end.saturating_sub(WORD));
    text[near..end].rfind(char::is_whitespace).map_or(end, |space| near + space)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_short_stays_and_what_is_long_says_how_long_it_is() {
        let mut room = Room(10);
        assert_eq!(room.text("abc"), "abc");
        assert_eq!(room.text("ääääää"), "äää… (12 bytes)");
        assert_eq!(room.text("x"), "… (1 bytes)");
        assert_eq!(Room(10).text("a secret that is cut"), "a secret… (20 bytes)");
        assert_eq!(Room(10).text("the secret"), "the secret");
    }

    #[test]
    fn an_input_keeps_its_shape_or_is_left_out() {
        let input = json!({"file_path": "a", "content": "x".repeat(1 << 20), "edits": [1, true, null]});
        let cut = Room::of_line().value(&input);
        assert_eq!((&cut["file_path"], &cut["edits"]), (&input["file_path"], &input["edits"]));
        let content = cut["content"].as_str().unwrap();
        assert!(content.len() < LINE && content.ends_with("… (1048576 bytes)"));
        assert_eq!(Room::of_line().value(&json!(vec![0; LINE])), Value::Null);
    }
}
