//! What a script needs to know about one request body. Hostile input: whatever is missing or of
//! another type counts as empty.

use api::executor::WORKSPACE;
use serde_json::Value;

use super::{
    reminders,
    script::{CountFrom, Match},
};

/// What the agent inserts after an interruption; not a turn of the model.
const STUB: &str = "No response requested.";
/// How the agent's request for a summary of a full context begins.
const COMPACTION: &str = "CRITICAL: Respond with TEXT ONLY";

/// A `/v1/messages` body, read.
#[derive(Debug)]
pub(super) struct Request {
    pub model: String,
    pub system: String,
    pub has_tools: bool,
    pub stream: bool,
    /// Of a structured side request.
    pub schema: Option<Value>,
    /// The agent's session id.
    pub session: String,
    /// Where the agent works.
    pub cwd: String,
    /// Roughly how many tokens the body is.
    pub tokens: usize,
    /// Whether a message is the model's, in order; stubs left out.
    roles: Vec<(usize, bool)>,
    /// Position and text of each human prompt, reminders left out.
    prompts: Vec<(usize, String)>,
}

impl Request {
    pub(super) fn read(body: &Value) -> Self {
        let all = body["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
        let system = texts(&body["system"]).join("\n");
        let cwd = find_cwd(&system, all);
        let messages = all.iter().filter(|message| message["role"] != "system").enumerate();
        let mut request = Self {
            model: body["model"].as_str().unwrap_or("scripted").to_owned(),
            system,
            has_tools: body["tools"].as_array().is_some_and(|tools| !tools.is_empty()),
            stream: body["stream"] == true,
            schema: Some(&body["output_config"]["format"]["schema"])
                .filter(|schema| schema.is_object())
                .cloned(),
            session: find_session(body["metadata"]["user_id"].as_str().unwrap_or_default()),
            cwd,
            tokens: estimate_tokens(["system", "messages", "tools"].map(|key| &body[key])),
            roles: Vec::new(),
            prompts: Vec::new(),
        };
        for (at, message) in messages {
            let texts = texts(&message["content"]);
            let is_model = message["role"] == "assistant";
            if message["role"] == "user" {
                let texts = texts.iter().map(|text| reminders::strip(text));
                let text = texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n");
                if !text.is_empty() {
                    request.prompts.push((at, text));
                }
            }
            if texts != [STUB] {
                request.roles.push((at, is_model));
            }
        }
        request
    }

    /// The last human prompt.
    pub(super) fn prompt(&self) -> &str {
        self.prompts.last().map_or("", |(_, text)| text)
    }

    /// The first human prompt.
    pub(super) fn first_prompt(&self) -> &str {
        self.prompts.first().map_or("", |(_, text)| text)
    }

    /// Whether the agent wants a summary of its full context.
    pub(super) fn is_compaction(&self) -> bool {
        self.prompt().starts_with(COMPACTION)
    }

    /// How often the model has answered so far. Messages of the model in a row are one answer.
    pub(super) fn turns_so_far(&self, count_from: CountFrom) -> usize {
        let start = match count_from {
            CountFrom::Start => 0,
            CountFrom::Prompt => self.prompts.last().map_or(0, |(at, _)| *at),
        };
        let roles = self.roles.iter().filter(|(at, _)| start <= *at).map(|(_, is_model)| *is_model);
        let mut before = false;
        let mut turns = 0;
        for is_model in roles {
            turns += usize::from(is_model && !before);
            before = is_model;
        }
        turns
    }

    pub(super) fn matches(&self, wanted: &Match) -> bool {
        let pairs = [
            (&wanted.prompt, self.prompt()),
            (&wanted.first_prompt, self.first_prompt()),
            (&wanted.system, &self.system),
            (&wanted.model, &self.model),
        ];
        pairs.iter().all(|(pattern, text)| pattern.as_ref().is_none_or(|pattern| pattern.matches(text)))
    }
}

/// Roughly the tokens of these values: four bytes each.
pub(super) fn estimate_tokens<'a>(values: impl IntoIterator<Item = &'a Value>) -> usize {
    let bytes = values.into_iter().map(|value| value.to_string().len()).sum::<usize>();
    (bytes / 4).max(1)
}

/// The plain texts of a message's or system prompt's content.
fn texts(content: &Value) -> Vec<&str> {
    match content {
        Value::String(text) => vec![text],
        Value::Array(blocks) => {
            let blocks = blocks.iter().filter(|block| block["type"] == "text");
            blocks.map(|block| block["text"].as_str().unwrap_or_default()).collect()
        }
        _ => Vec::new(),
    }
}

/// The agent sends its session id inside `metadata.user_id`: as JSON, or after `session_`.
fn find_session(user_id: &str) -> String {
    let found = user_id.match_indices("session_").find_map(|(at, marker)| {
        let rest = &user_id[at + marker.len()..];
        let rest =
            rest.strip_prefix("id").map_or(rest, |rest| rest.trim_start_matches(['"', ':', ' ', '\\']));
        rest.get(..36).filter(|id| id.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit()))
    });
    found.unwrap_or_default().to_owned()
}

/// The agent names its working directory in the system prompt, or in a message of the role `system`.
fn find_cwd(system: &str, messages: &[Value]) -> String {
    let texts = messages.iter().flat_map(|message| texts(&message["content"]));
    let mut texts = std::iter::once(system).chain(texts);
    texts.find_map(named_directory).unwrap_or(WORKSPACE).to_owned()
}

fn named_directory(text: &str) -> Option<&str> {
    text.match_indices("orking directory:").find_map(|(at, marker)| {
        let named = text[..at].ends_with(['W', 'w']);
        let rest = text[at + marker.len()..].trim_start_matches(' ');
        let path = rest.split(char::is_whitespace).next().unwrap_or_default();
        (named && !path.is_empty()).then_some(path)
    })
}

#[cfg(test)]
mod tests;
