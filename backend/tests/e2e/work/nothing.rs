//! "Nothing had to be changed" is said only when nothing was.

use api::run::Reason;

use super::script::{done, work, world};
use crate::harness::World;

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_only_looked_changed_nothing() {
    let done = work("cat README.md", &[]).await;
    done.ended(Reason::NoChanges);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_could_not_reach_a_host_did_not_find_that_nothing_had_to_be_changed() {
    let done = work("curl -sS --max-time 5 http://needed.example/ || true", &[]).await;
    let detail = done.ended(Reason::AgentStopped);
    assert!(detail.contains("needed.example was refused"), "{detail}");
    assert_eq!(done.run.denied.hosts[0].host, "needed.example");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_written_outside_is_named() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("script.json");
    let input = serde_json::json!({ "file_path": "/tmp/report.md", "content": "all well" });
    let turns = serde_json::json!([{ "tools": [{ "name": "Write", "input": input }] }, { "text": "Done." }]);
    let script = serde_json::json!({ "conversations": [{ "match": { "prompt": "." }, "turns": turns }] });
    std::fs::write(&file, script.to_string()).unwrap();
    let done = done(World::start(&[&format!("--model=scripted:{}", file.display())]).await, &[]).await;
    let detail = done.ended(Reason::AgentStopped);
    assert!(detail.contains("/tmp/report.md was written outside the repository"), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_git_ignores_are_no_change() {
    let done =
        done(world("mkdir -p out && date > out/x", "true", &[]).await, &[(".gitignore", "out/\n")]).await;
    done.ended(Reason::NoChanges);
}
