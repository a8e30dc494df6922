//! Which calls of the agent were not allowed.

use serde_json::Value;

/// A call that was not allowed, by the agent's permissions or by a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// The call: the same in every line that tells it.
    pub call: String,
    /// The tool.
    pub tool: String,
}

/// The denials that a line tells. A result repeats those of its turn.
#[must_use]
pub fn denials(raw: &str) -> Vec<Denial> {
    // Most lines tell none, and reading one is not free.
    if !raw.contains("\"permission_deni") {
        return Vec::new();
    }
    let Ok(line) = serde_json::from_str::<Value>(raw) else { return Vec::new() };
    match (line["type"].as_str(), line["subtype"].as_str()) {
        (Some("system"), Some("permission_denied")) => read(&line).into_iter().collect(),
        (Some("result"), _) => {
            line["permission_denials"].as_array().into_iter().flatten().filter_map(read).collect()
        }
        _ => Vec::new(),
    }
}

fn read(denial: &Value) -> Option<Denial> {
    let text = |key: &str| denial[key].as_str().map(str::to_owned);
    Some(Denial { call: text("tool_use_id")?, tool: text("tool_name")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_is_read_where_it_happens_and_again_in_the_result() {
        let bash = || vec![Denial { call: "a".to_owned(), tool: "Bash".to_owned() }];
        let now = r#"{"type":"system","subtype":"permission_denied","tool_name":"Bash","tool_use_id":"a"}"#;
        assert_eq!(denials(now), bash());
        let result = r#"{"type":"result","permission_denials":[{"tool_name":"Bash","tool_use_id":"a"},{}]}"#;
        assert_eq!(denials(result), bash());
    }

    #[test]
    fn what_an_agent_only_talks_about_is_no_denial() {
        for line in [
            r#"{"type":"assistant","text":"\"permission_denials\"","permission_denials":[{"tool_name":"a"}]}"#,
            r#"{"type":"result","permission_denials":[]}"#,
            r#"{"type":"result","permission_denials":"none"}"#,
            r#"{"type":"result","permission_denials""#,
        ] {
            assert_eq!(denials(line), [], "{line}");
        }
    }
}
