//! What an agent waits for: may it use a tool, or what does a person want.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::ToolKind;
use crate::{run::GateKind, task::PermissionProfile};

/// Something the agent waits for. Unlike other parts of an event its text is not cut, because a person who allows
/// something has to see all of it. Only that of a request which is denied for its length is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PermissionRequest {
    /// What the decision names.
    pub id: String,
    /// What is asked.
    pub kind: RequestKind,
    /// The question in words: for a question its text, for a permission the tool and what it would do.
    pub text: String,
    /// The tool it is about.
    pub tool: String,
    /// What kind of tool that is.
    pub tool_kind: ToolKind,
    /// The tool call it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// The questions, of a request of kind `question`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub questions: Vec<Question>,
}

impl PermissionRequest {
    /// The longest line with a request that a person is asked about, in bytes; with it comes a tool's whole input. A
    /// longer one is denied.
    pub const LONGEST: usize = 2 << 20;
}

/// The kinds of requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RequestKind {
    /// May it use a tool.
    #[default]
    Permission,
    /// What does a person want.
    Question,
}

/// A question to a person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Question {
    /// What its answer names, unique in the request.
    pub id: String,
    /// The question.
    pub text: String,
    /// A word or two that stand for it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub header: String,
    /// Answers the agent suggests.
    #[serde(default)]
    pub options: Vec<QuestionOption>,
    /// Whether several options may be chosen.
    #[serde(default)]
    pub multiple: bool,
    /// Whether any words are an answer.
    #[serde(default)]
    pub free_text: bool,
}

/// An answer that is suggested.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub struct QuestionOption {
    /// The answer.
    pub label: String,
    /// What it means.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
}

/// What was decided about a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Decision {
    /// Do it.
    Allow,
    /// Do not.
    Deny {
        /// Why not: the agent reads it.
        message: String,
    },
    /// The answers to its questions.
    Answer {
        /// By the question's id, or by its text.
        answers: Map<String, Value>,
    },
}

impl PermissionRequest {
    /// The gate a person has to answer; `None` when the profile answers for them (see [`Self::refusal`]).
    #[must_use]
    pub const fn gate(&self, profile: PermissionProfile) -> Option<GateKind> {
        match (self.kind, profile) {
            (RequestKind::Question, _) => Some(GateKind::Question),
            (RequestKind::Permission, PermissionProfile::Ask) => Some(GateKind::Approval),
            (
                RequestKind::Permission,
                PermissionProfile::Full | PermissionProfile::Edit | PermissionProfile::ReadOnly,
            ) => None,
        }
    }

    /// The decision where the profile does not let a person be asked: no.
    #[must_use]
    pub fn refusal(&self) -> Decision {
        Decision::Deny { message: format!("This run may not use {}: its task does not allow it.", self.tool) }
    }

    /// The answers the agent suggests to its questions.
    #[must_use]
    pub fn options(&self) -> Vec<String> {
        let options = self.questions.iter().flat_map(|question| &question.options);
        options.map(|option| option.label.clone()).collect()
    }

    /// What a person's words mean for the agent. Of a permission `allow` and `yes` allow, anything else denies and
    /// is told to the agent; to a question every answer is one (several questions: a JSON object of question and
    /// answer, or the same answer to each).
    #[must_use]
    pub fn decide(&self, answer: &str) -> Decision {
        let answer = answer.trim();
        match self.kind {
            RequestKind::Question => Decision::Answer { answers: self.answers(answer) },
            RequestKind::Permission => match answer.to_lowercase().as_str() {
                "allow" | "yes" => Decision::Allow,
                "deny" | "no" => Decision::Deny { message: "A person said no.".to_owned() },
                _ => Decision::Deny { message: answer.to_owned() },
            },
        }
    }

    fn answers(&self, answer: &str) -> Map<String, Value> {
        if let Ok(Value::Object(answers)) = serde_json::from_str(answer) {
            return answers;
        }
        self.questions.iter().map(|question| (question.id.clone(), Value::from(answer))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question() -> PermissionRequest {
        let one = |id: &str, text: &str| Question {
            id: id.to_owned(),
            text: text.to_owned(),
            options: vec![QuestionOption { label: "Blue".to_owned(), description: String::new() }],
            ..Question::default()
        };
        let questions = vec![one("1", "Which colour?"), one("2", "And then?")];
        PermissionRequest { kind: RequestKind::Question, questions, ..PermissionRequest::default() }
    }

    #[test]
    fn an_answer_is_for_each_question_unless_it_names_them() {
        let Decision::Answer { answers } = question().decide(" Blue ") else { panic!("an answer") };
        assert_eq!(Value::Object(answers), serde_json::json!({"1": "Blue", "2": "Blue"}));
        let Decision::Answer { answers } = question().decide(r#"{"2": "Red"}"#) else { panic!("an answer") };
        assert_eq!(Value::Object(answers), serde_json::json!({"2": "Red"}));
        assert_eq!(question().options(), ["Blue", "Blue"]);
    }

    #[test]
    fn only_a_yes_allows() {
        let request = PermissionRequest { tool: "Bash".to_owned(), ..PermissionRequest::default() };
        for (answer, allowed) in
            [("yes", true), ("ALLOW", true), ("no", false), ("", false), ("yes but", false)]
        {
            assert_eq!(request.decide(answer) == Decision::Allow, allowed, "{answer}");
        }
        assert_eq!(request.gate(PermissionProfile::Full), None);
        assert_eq!(request.gate(PermissionProfile::Ask), Some(GateKind::Approval));
        assert_eq!(question().gate(PermissionProfile::Full), Some(GateKind::Question));
    }
}
