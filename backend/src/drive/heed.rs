//! What the agent's lines tell about its work: calls that were not allowed, files written outside the workspace.

use std::{
    collections::BTreeMap,
    path::{Component, Path, PathBuf},
};

use api::{
    agent::{AgentLine, ToolCall, ToolKind},
    executor::WORKSPACE,
};

use crate::store::Work;

/// The agent's own folder, where it keeps plans and memories.
const OWN: &str = ".claude";
/// The most calls that are remembered, of each kind.
const MAX: usize = 1_000;

/// Notes what a line of an execution tells.
pub(super) fn heed(work: &mut Work, execution: &str, line: &AgentLine) {
    // A model may use the name of a call again in another execution.
    let key = |call: &str| format!("{execution} {call}");
    for event in line.events() {
        for denied in &event.denied {
            note(&mut work.denied, key(&denied.id), denied.name.clone());
        }
        if let Some(call) = &event.tool
            && let Some(path) = outside(call)
        {
            note(&mut work.outside, key(&call.id), path);
        }
        if let Some(result) = event.result.as_ref().filter(|result| !result.ok) {
            work.outside.remove(&key(&result.id));
        }
    }
}

fn note(known: &mut BTreeMap<String, String>, key: String, value: String) {
    if known.len() < MAX {
        known.insert(key, value);
    }
}

/// The file a call writes, when that is outside the workspace.
fn outside(call: &ToolCall) -> Option<String> {
    if call.kind != ToolKind::Edit {
        return None;
    }
    call.locations.iter().find_map(|location| {
        let path = normal(&Path::new(WORKSPACE).join(&location.path));
        let is_own = path.components().any(|part| part.as_os_str() == OWN);
        (!path.starts_with(WORKSPACE) && !is_own).then(|| path.display().to_string())
    })
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
    use api::agent::{AgentEvent, AgentLineType, DeniedCall, Location, ToolResult};

    use super::*;

    fn line(event: AgentEvent) -> AgentLine {
        AgentLine::new(event, String::new())
    }

    fn call(id: &str, kind: ToolKind, path: &str) -> AgentLine {
        let locations = vec![Location { path: path.to_owned(), line: None, lines: None }];
        let tool = ToolCall { id: id.to_owned(), kind, locations, ..ToolCall::default() };
        line(AgentEvent { tool: Some(tool), ..AgentEvent::new(AgentLineType::ToolUse) })
    }

    fn answer(id: &str, ok: bool) -> AgentLine {
        let result = ToolResult { id: id.to_owned(), ok, ..ToolResult::default() };
        line(AgentEvent { result: Some(result), ..AgentEvent::new(AgentLineType::ToolResult) })
    }

    fn written(kind: ToolKind, path: &str) -> Vec<String> {
        let mut work = Work::default();
        heed(&mut work, "step-1-attempt-1", &call("a", kind, path));
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
            let found = written(ToolKind::Edit, path);
            assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{path}");
        }
        assert_eq!(written(ToolKind::Read, "/tmp/a.txt"), [""; 0], "it only reads");
    }

    #[test]
    fn a_write_that_failed_wrote_nothing() {
        let mut work = Work::default();
        for id in ["a", "b"] {
            heed(&mut work, "e", &call(id, ToolKind::Edit, &format!("/tmp/{id}")));
        }
        heed(&mut work, "e", &answer("a", false));
        heed(&mut work, "e", &answer("b", true));
        assert_eq!(work.outside.into_values().collect::<Vec<_>>(), ["/tmp/b"]);
    }

    #[test]
    fn a_denial_counts_once_however_often_it_is_told_and_again_in_another_execution() {
        let mut work = Work::default();
        let denied = vec![DeniedCall { id: "a".to_owned(), name: "Bash".to_owned() }];
        let told = line(AgentEvent { denied, ..AgentEvent::default() });
        for execution in ["step-1-attempt-1", "step-1-attempt-2"] {
            // Where it happens, and again at the end of the turn.
            for _ in 0..2 {
                heed(&mut work, execution, &told);
            }
        }
        assert_eq!(work.denied_tools(), [api::run::DeniedTool { name: "Bash".to_owned(), count: 2 }]);
    }

    #[test]
    fn no_more_is_remembered_than_there_is_place_for() {
        let mut work = Work::default();
        for n in 0..2 * MAX {
            heed(&mut work, "e", &call(&n.to_string(), ToolKind::Edit, &format!("/tmp/{n}")));
        }
        assert_eq!(work.outside.len(), MAX);
    }
}
