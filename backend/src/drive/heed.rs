//! What the agent's lines tell about its work: calls that were not allowed, files written outside the workspace.

use std::{
    collections::BTreeMap,
    path::{Component, Path, PathBuf},
};

use api::{
    claude::{self, Block, Reading},
    event::{AgentLine, AgentLineType},
    executor::WORKSPACE,
};
use serde_json::Value;

use crate::store::Work;

/// The tools of the agent that write one file.
const WRITERS: [&str; 4] = ["Write", "Edit", "MultiEdit", "NotebookEdit"];
/// The agent's own folder, where it keeps plans and memories.
const OWN: &str = ".claude";
/// The most calls that are remembered, of each kind.
const MAX: usize = 1_000;

/// Notes what a line of an execution tells.
pub(super) fn heed(work: &mut Work, execution: &str, line: &AgentLine) {
    // A model may use the name of a call again in another execution.
    let key = |call: &str| format!("{execution} {call}");
    match line.r#type {
        AgentLineType::Result | AgentLineType::Other => {
            for denial in claude::denials(&line.raw) {
                note(&mut work.denied, key(&denial.call), denial.tool);
            }
        }
        AgentLineType::ToolUse if WRITERS.iter().any(|tool| line.raw.contains(tool)) => {
            for block in blocks(&line.raw) {
                if let Block::ToolUse { id, name, input } = block
                    && WRITERS.contains(&name.as_str())
                    && let Some(path) = outside(&input)
                {
                    note(&mut work.outside, key(&id), path);
                }
            }
        }
        AgentLineType::ToolResult if !work.outside.is_empty() => {
            for block in blocks(&line.raw) {
                if let Block::ToolResult { id, is_error: true, .. } = block {
                    work.outside.remove(&key(&id));
                }
            }
        }
        _ => {}
    }
}

fn note(known: &mut BTreeMap<String, String>, key: String, value: String) {
    if known.len() < MAX {
        known.insert(key, value);
    }
}

fn blocks(raw: &str) -> Vec<Block> {
    match claude::read(raw) {
        Reading::Line { blocks, .. } => blocks,
        Reading::Partial { .. } | Reading::Live => Vec::new(),
    }
}

/// The file a call writes, when that is outside the workspace.
fn outside(input: &Value) -> Option<String> {
    let named = ["file_path", "notebook_path"].iter().find_map(|key| input[*key].as_str())?;
    let path = normal(&Path::new(WORKSPACE).join(named));
    let is_own = path.components().any(|part| part.as_os_str() == OWN);
    (!path.starts_with(WORKSPACE) && !is_own).then(|| path.display().to_string())
}

/// Without `.` and `..`, as far as the text alone can tell.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                normal.pop();
            }
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => normal.push(part),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(raw: &Value) -> AgentLine {
        let raw = raw.to_string();
        let Reading::Line { r#type, .. } = claude::read(&raw) else { panic!("a line: {raw}") };
        AgentLine { r#type, raw }
    }

    fn call(id: &str, tool: &str, input: &Value) -> AgentLine {
        let block = json!({"type": "tool_use", "id": id, "name": tool, "input": input});
        line(&json!({"type": "assistant", "message": {"content": [block]}}))
    }

    fn answer(id: &str, is_error: bool) -> AgentLine {
        let block = json!({"type": "tool_result", "tool_use_id": id, "is_error": is_error, "content": "x"});
        line(&json!({"type": "user", "message": {"content": [block]}}))
    }

    fn written(tool: &str, input: &Value) -> Vec<String> {
        let mut work = Work::default();
        heed(&mut work, "step-1-attempt-1", &call("a", tool, input));
        work.outside.into_values().collect()
    }

    #[test]
    fn a_file_outside_the_workspace_is_noted_however_its_path_is_written() {
        for (path, expected) in [
            ("/tmp/a.txt", Some("/tmp/a.txt")),
            ("/workspace/../tmp/./a.txt", Some("/tmp/a.txt")),
            ("../a.txt", Some("/a.txt")),
            ("/workspaces/a.txt", Some("/workspaces/a.txt")),
            ("/workspace/a.txt", None),
            ("/tmp/../workspace/a.txt", None),
            ("a.txt", None),
            ("/home/agent/.claude/plans/a.md", None),
        ] {
            let found = written("Write", &json!({"file_path": path, "content": ""}));
            assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{path}");
        }
        assert_eq!(written("NotebookEdit", &json!({"notebook_path": "/tmp/a.ipynb"})), ["/tmp/a.ipynb"]);
        assert_eq!(written("Read", &json!({"file_path": "/tmp/Write"})), [""; 0]);
        assert_eq!(written("Write", &json!({"file_path": 7})), [""; 0]);
    }

    #[test]
    fn a_write_that_failed_wrote_nothing() {
        let mut work = Work::default();
        for id in ["a", "b"] {
            heed(&mut work, "e", &call(id, "Write", &json!({"file_path": format!("/tmp/{id}")})));
        }
        heed(&mut work, "e", &answer("a", true));
        heed(&mut work, "e", &answer("b", false));
        assert_eq!(work.outside.into_values().collect::<Vec<_>>(), ["/tmp/b"]);
    }

    #[test]
    fn a_denial_counts_once_however_often_it_is_told_and_again_in_another_execution() {
        let mut work = Work::default();
        let denied = json!({"tool_name": "Bash", "tool_use_id": "a", "tool_input": {}});
        let now = json!({"type": "system", "subtype": "permission_denied", "tool_name": "Bash", "tool_use_id": "a"});
        let result = json!({"type": "result", "permission_denials": [denied]});
        for execution in ["step-1-attempt-1", "step-1-attempt-2"] {
            for told in [&now, &result, &result] {
                heed(&mut work, execution, &line(told));
            }
        }
        assert_eq!(work.denied_tools(), [api::run::DeniedTool { name: "Bash".to_owned(), count: 2 }]);
    }

    #[test]
    fn no_more_is_remembered_than_there_is_place_for() {
        let mut work = Work::default();
        for n in 0..2 * MAX {
            let input = json!({"file_path": format!("/tmp/{n}")});
            heed(&mut work, "e", &call(&n.to_string(), "Write", &input));
        }
        assert_eq!(work.outside.len(), MAX);
    }
}
