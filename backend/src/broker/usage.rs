//! What an answer of the model says it used, field by field as it becomes known.

use api::run::Usage;
use serde_json::Value;

/// The usage of one answer. What was not told is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counted {
    /// Tokens read, not from the cache.
    pub input: Option<i64>,
    /// Tokens written.
    pub output: Option<i64>,
    pub cache_read: Option<i64>,
    /// Tokens written to the cache, for however long.
    pub cache_write: Option<i64>,
    /// Those of them that are kept for an hour.
    pub cache_write_1h: Option<i64>,
    /// Searches that the upstream made for the model.
    pub web_searches: Option<i64>,
    /// `standard`, `fast`.
    pub speed: Option<String>,
    /// Where the model ran, when that was asked for: `us`.
    pub geo: Option<String>,
}

impl Counted {
    /// Takes over what a `usage` object says. Its numbers are totals: the last one counts.
    pub(super) fn update(&mut self, usage: &Value) {
        update_count(&mut self.input, &usage["input_tokens"]);
        update_count(&mut self.output, &usage["output_tokens"]);
        update_count(&mut self.cache_read, &usage["cache_read_input_tokens"]);
        update_count(&mut self.cache_write, &usage["cache_creation_input_tokens"]);
        update_count(&mut self.cache_write_1h, &usage["cache_creation"]["ephemeral_1h_input_tokens"]);
        update_count(&mut self.web_searches, &usage["server_tool_use"]["web_search_requests"]);
        update_word(&mut self.speed, &usage["speed"]);
        update_word(&mut self.geo, &usage["inference_geo"]);
    }

    /// Whether enough is known to say what it cost.
    pub(super) fn is_known(&self) -> bool {
        self.input.is_some() && self.output.is_some()
    }

    /// All tokens that the model read.
    pub(super) fn prompt(&self) -> i64 {
        let parts = [self.input, self.cache_read, self.cache_write];
        parts.into_iter().flatten().fold(0, i64::saturating_add)
    }

    /// The usage as it is stored; what is not known counts as 0.
    pub(super) fn totals(&self) -> Usage {
        Usage {
            input_tokens: self.input.unwrap_or(0),
            output_tokens: self.output.unwrap_or(0),
            cache_read_tokens: self.cache_read.unwrap_or(0),
            cache_creation_tokens: self.cache_write.unwrap_or(0),
        }
    }
}

fn update_count(count: &mut Option<i64>, told: &Value) {
    *count = told.as_i64().filter(|told| 0 <= *told).or(*count);
}

fn update_word(word: &mut Option<String>, told: &Value) {
    if let Some(told) = told.as_str() {
        *word = Some(told.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_last_total_of_each_field_counts() {
        let mut counted = Counted::default();
        assert!(!counted.is_known());
        counted.update(&json!({
            "input_tokens": 7, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 3, "output_tokens": 1,
            "cache_creation": {"ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": 2},
            "speed": "fast", "inference_geo": "us",
        }));
        counted.update(&json!({"input_tokens": null, "output_tokens": 40, "cache_read_input_tokens": 6}));
        counted.update(&json!({"output_tokens": -1, "input_tokens": "8", "speed": null}));
        let usage =
            Usage { input_tokens: 7, output_tokens: 40, cache_read_tokens: 6, cache_creation_tokens: 3 };
        assert_eq!((counted.totals(), counted.prompt(), counted.is_known()), (usage, 16, true));
        assert_eq!(counted.cache_write_1h, Some(2));
        assert_eq!((counted.speed.as_deref(), counted.geo.as_deref()), (Some("fast"), Some("us")));
    }

    #[test]
    fn what_is_no_usage_tells_nothing() {
        let mut counted = Counted::default();
        for nothing in [json!(null), json!([1]), json!("usage"), json!({"input_tokens": 1e300})] {
            counted.update(&nothing);
        }
        assert_eq!(counted, Counted::default());
    }
}
