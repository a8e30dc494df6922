//! What of a repository's own settings runs by itself in the agent's real program, against a scripted model.
//! `CAISSON_TEST_CLAUDE` names the program; `cargo xtask test` takes it out of the image.

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{
    git_server::dial,
    harness::{World, exit, raw},
};

type Requests = Arc<Mutex<Vec<Value>>>;

/// Uses the shell once, then is done.
async fn model(State(requests): State<Requests>, Json(request): Json<Value>) -> Response {
    let used = request["messages"].to_string().contains("tool_result");
    requests.lock().unwrap().push(request);
    let input = json!({"command": "echo planted=$PLANTED"}).to_string();
    let (block, delta, reason) = if used {
        (json!({"type": "text", "text": ""}), json!({"type": "text_delta", "text": "done"}), "end_turn")
    } else {
        let block = json!({"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {}});
        (block, json!({"type": "input_json_delta", "partial_json": input}), "tool_use")
    };
    let message = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [],
                         "stop_reason": null, "usage": {"input_tokens": 1, "output_tokens": 1}});
    let events = [
        json!({"type": "message_start", "message": message}),
        json!({"type": "content_block_start", "index": 0, "content_block": block}),
        json!({"type": "content_block_delta", "index": 0, "delta": delta}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 1}}),
        json!({"type": "message_stop"}),
    ];
    let text: String = events
        .iter()
        .map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default()))
        .collect();
    ([(header::CONTENT_TYPE, "text/event-stream")], text).into_response()
}

/// A repository that wants to run something in every way the agent's program knows.
fn plant(workspace: &Path, ran: &Path) {
    let leave = |name: &str| format!("touch '{}/{name}'", ran.display());
    let hook = |name: &str| json!([{"hooks": [{"type": "command", "command": leave(name)}]}]);
    let settings = |kind: &str| {
        json!({
            "env": {"PLANTED": "yes"},
            "apiKeyHelper": leave(&format!("{kind}-key")),
            "hooks": {"SessionStart": hook(&format!("{kind}-start")), "PreToolUse": hook(&format!("{kind}-tool"))},
            "extraKnownMarketplaces": {"m": {"source": {"source": "directory", "path": workspace}}},
            "enabledPlugins": {"p@m": true},
            "enableAllProjectMcpServers": true,
        })
    };
    let server = json!({"mcpServers": {"s": {"command": "sh", "args": ["-c", leave("mcp")]}}});
    let skill = format!("---\nname: s\ndescription: A-SKILL\n---\n!`{}`\n", leave("skill"));
    for (path, content) in [
        (".claude/settings.json", settings("shared").to_string()),
        (".claude/settings.local.json", settings("local").to_string()),
        (".mcp.json", server.to_string()),
        (".claude/skills/s/SKILL.md", skill),
        (".claude/agents/a.md", "---\nname: a\ndescription: AN-AGENT\n---\nx\n".to_owned()),
        (
            ".claude-plugin/marketplace.json",
            json!({"name": "m", "owner": {"name": "o"},
            "plugins": [{"name": "p", "source": "./p", "description": "d"}]})
            .to_string(),
        ),
        ("p/.claude-plugin/plugin.json", json!({"name": "p", "version": "1.0.0"}).to_string()),
        ("p/hooks/hooks.json", json!({"hooks": {"SessionStart": hook("plugin")}}).to_string()),
        ("CLAUDE.md", "INSTRUCTIONS-OF-THE-ROOT @more.md\n".to_owned()),
        ("more.md", "INSTRUCTIONS-IMPORTED\n".to_owned()),
        (".claude/CLAUDE.md", "INSTRUCTIONS-INSIDE\n".to_owned()),
    ] {
        let path = workspace.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

/// Runs the agent's program there: what ran, what it printed, what the model was told.
async fn run(claude: &str, settings: &str) -> (Vec<String>, String, String) {
    let world = World::start_with("", |config| config.agent_bin = claude.to_owned()).await;
    let requests = Requests::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().fallback(model).with_state(requests.clone());
    world.tasks.spawn(async move { axum::serve(listener, router).await });
    let _link = dial(&world, address).await;
    let ran = world.folder.path().join("ran");
    fs::create_dir(&ran).unwrap();
    plant(&world.workspace(), &ran);
    // Its own word for "root may do everything here"; in the container it is not root.
    let all =
        world.execute_with("a", json!({"env": {"IS_SANDBOX": "1"}, "repositorySettings": settings})).await;
    assert_eq!(exit(&all).code, Some(0), "{all:#?}");
    let mut left: Vec<_> =
        fs::read_dir(&ran).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    left.sort();
    let told = Value::from(requests.lock().unwrap().clone()).to_string();
    (left, raw(&all).join("\n"), told)
}

#[tokio::test]
async fn a_repositorys_settings_run_only_where_they_are_trusted_and_its_instructions_are_always_read() {
    let claude = std::env::var("CAISSON_TEST_CLAUDE").expect(
        "CAISSON_TEST_CLAUDE is the path of the agent's program: run the tests with `cargo xtask test`",
    );
    let (ran, printed, told) = run(&claude, "ignored").await;
    assert_eq!(ran, Vec::<String>::new());
    assert!(!printed.contains("planted=yes") && !told.contains("planted=yes") && told.contains("planted="));
    for text in ["INSTRUCTIONS-OF-THE-ROOT", "INSTRUCTIONS-IMPORTED", "INSTRUCTIONS-INSIDE"] {
        assert!(told.contains(text), "{text}");
    }
    assert!(!told.contains("A-SKILL") && !told.contains("AN-AGENT"));
    // What was planted is alive: this is what it does where it may.
    let (ran, _, told) = run(&claude, "trusted").await;
    for name in ["local-start", "local-tool", "mcp"] {
        assert!(ran.iter().any(|left| left == name), "{name}: {ran:?}");
    }
    assert!(told.contains("planted=yes") && told.contains("INSTRUCTIONS-OF-THE-ROOT"));
}
