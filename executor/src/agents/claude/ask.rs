//! What Claude Code asks by its control protocol (`can_use_tool`, CLI 2.1.329), and what it is answered.

use api::agent::{PermissionRequest, Question, QuestionOption, RequestKind};
use serde_json::{Map, Value};

use super::tools;
use crate::agents::room::Room;

/// The tool with which it asks a person something.
const QUESTION_TOOL: &str = "AskUserQuestion";

/// Reads a request, from a line of so many bytes.
pub(super) fn read(line: &Value, bytes: usize) -> PermissionRequest {
    let request = &line["request"];
    let text = |key: &str| request[key].as_str().unwrap_or_default();
    let (tool, input) = (text("tool_name"), &request["input"]);
    let mut room = Room::of_request(bytes);
    let kind = if tool == QUESTION_TOOL { RequestKind::Question } else { RequestKind::Permission };
    // Whole: the agent wants it back.
    let id = room.text(line["request_id"].as_str().unwrap_or_default());
    let (name, call) = (room.name(tool), request["tool_use_id"].as_str().map(|id| room.name(id)));
    let questions = if kind == RequestKind::Question { read_questions(input, &mut room) } else { Vec::new() };
    let text = room.text(&words(tool, input, &questions));
    PermissionRequest { id, kind, text, tool: name, tool_kind: tools::kind(tool), call, questions }
}

fn words(tool: &str, input: &Value, questions: &[Question]) -> String {
    if !questions.is_empty() {
        return questions.iter().map(|question| question.text.as_str()).collect::<Vec<_>>().join("\n");
    }
    let telling = ["command", "file_path", "url", "pattern", "description"];
    match telling.iter().find_map(|key| input[*key].as_str()) {
        Some(telling) => format!("{tool}: {telling}"),
        None => format!("{tool} {input}"),
    }
}

fn read_questions(input: &Value, room: &mut Room) -> Vec<Question> {
    let texts =
        (1..).zip(questions(input)).filter_map(|(id, one)| Some((id, one, one["question"].as_str()?)));
    let question = |(id, one, text): (u32, &Value, &str)| Question {
        id: id.to_string(),
        text: room.text(text),
        header: room.name(one["header"].as_str().unwrap_or_default()),
        options: one["options"].as_array().into_iter().flatten().filter_map(|it| option(it, room)).collect(),
        multiple: one["multiSelect"].as_bool().unwrap_or_default(),
        free_text: true,
    };
    texts.map(question).collect()
}

fn option(option: &Value, room: &mut Room) -> Option<QuestionOption> {
    Some(QuestionOption {
        label: room.text(option["label"].as_str()?),
        description: room.text(option["description"].as_str().unwrap_or_default()),
    })
}

fn questions(input: &Value) -> impl Iterator<Item = &Value> {
    input["questions"].as_array().into_iter().flatten()
}

/// What the tool would be called with, in the line of the request.
pub(super) fn input(raw: &str) -> Value {
    let line = serde_json::from_str::<Value>(raw).unwrap_or_default();
    line["request"]["input"].clone()
}

/// The same with the answers in it; Claude Code wants them by the text of the question.
pub(super) fn answered(raw: &str, answers: &Map<String, Value>) -> Value {
    let input = input(raw);
    let texts: Vec<&str> =
        questions(&input).map(|one| one["question"].as_str().unwrap_or_default()).collect();
    let text = |id: &String| id.parse::<usize>().ok().and_then(|id| texts.get(id.checked_sub(1)?)).copied();
    let answers = answers.iter().map(|(id, answer)| (text(id).unwrap_or(id).to_owned(), answer.clone()));
    let answers = Value::Object(answers.collect());
    // What is no object holds no question, and no answer either.
    let mut input = input.as_object().cloned().unwrap_or_default();
    input.insert("answers".to_owned(), answers);
    Value::Object(input)
}
