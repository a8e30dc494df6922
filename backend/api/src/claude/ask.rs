//! What the agent asks before it goes on: may it use a tool, or what does a person want.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{run::GateKind, task::PermissionProfile};

/// The tool with which the agent asks a person something.
const QUESTION_TOOL: &str = "AskUserQuestion";

/// A request of the agent's control protocol (`can_use_tool`, CLI 2.1.329).
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    /// What the answer names.
    pub request_id: String,
    /// The tool it wants to use.
    pub tool: String,
    /// What it would call the tool with.
    pub input: Value,
    /// The tool call it belongs to.
    pub tool_use_id: Option<String>,
}

/// What the agent is answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "behavior", rename_all = "snake_case", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Decision {
    /// Do it, with this input.
    Allow {
        /// The tool's input; a question's answers are in it.
        updated_input: Value,
    },
    /// Do not.
    Deny {
        /// Why not: the agent reads it.
        message: String,
    },
}

impl Ask {
    /// The gate a person has to answer; `None` when the profile answers for them (see `Ask::refusal`).
    #[must_use]
    pub fn gate(&self, profile: PermissionProfile) -> Option<GateKind> {
        match profile {
            _ if self.tool == QUESTION_TOOL => Some(GateKind::Question),
            PermissionProfile::Ask => Some(GateKind::Approval),
            PermissionProfile::Full | PermissionProfile::Edit | PermissionProfile::ReadOnly => None,
        }
    }

    /// What is answered when the profile does not let a person be asked: no.
    #[must_use]
    pub fn refusal(&self) -> Decision {
        Decision::Deny { message: format!("This run may not use {}: its task does not allow it.", self.tool) }
    }

    /// The question in words: for a question its text, for an approval the tool and what it would do.
    #[must_use]
    pub fn text(&self) -> String {
        let questions: Vec<&str> = self.questions().filter_map(|one| one["question"].as_str()).collect();
        if self.tool == QUESTION_TOOL && !questions.is_empty() {
            return questions.join("\n");
        }
        let what = ["command", "file_path", "url", "pattern", "description"];
        match what.iter().find_map(|key| self.input[*key].as_str()) {
            Some(what) => format!("{}: {what}", self.tool),
            None => format!("{} {}", self.tool, self.input),
        }
    }

    /// The answers the agent suggests to its question.
    #[must_use]
    pub fn options(&self) -> Vec<String> {
        let options = self.questions().flat_map(|one| one["options"].as_array().into_iter().flatten());
        options.filter_map(|option| option["label"].as_str().map(str::to_owned)).collect()
    }

    /// What a person's words mean for the agent. Of an approval `allow` and `yes` allow, anything else
    /// denies and is told to the agent; to a question every answer is one (several questions: a JSON
    /// object of question and answer, or the same answer to each).
    #[must_use]
    pub fn decide(&self, answer: &str) -> Decision {
        let answer = answer.trim();
        if self.tool == QUESTION_TOOL {
            // What is no object holds no question, and no answer either.
            let mut input = self.input.as_object().cloned().unwrap_or_default();
            input.insert("answers".to_owned(), Value::Object(self.answers(answer)));
            return Decision::Allow { updated_input: Value::Object(input) };
        }
        match answer.to_lowercase().as_str() {
            "allow" | "yes" => Decision::Allow { updated_input: self.input.clone() },
            "deny" | "no" => Decision::Deny { message: "A person said no.".to_owned() },
            _ => Decision::Deny { message: answer.to_owned() },
        }
    }

    fn answers(&self, answer: &str) -> Map<String, Value> {
        if let Ok(Value::Object(answers)) = serde_json::from_str(answer) {
            return answers;
        }
        self.questions()
            .filter_map(|one| one["question"].as_str())
            .map(|question| (question.to_owned(), json!(answer)))
            .collect()
    }

    fn questions(&self) -> impl Iterator<Item = &Value> {
        self.input["questions"].as_array().into_iter().flatten()
    }
}

pub(super) fn read(line: &Value) -> Ask {
    let request = &line["request"];
    Ask {
        request_id: line["request_id"].as_str().unwrap_or_default().to_owned(),
        tool: request["tool_name"].as_str().unwrap_or_default().to_owned(),
        input: request["input"].clone(),
        tool_use_id: request["tool_use_id"].as_str().map(str::to_owned),
    }
}
