use serde_json::json;

use super::*;
use crate::broker::json_file::Error;

fn read(script: &Value) -> Result<Script, Error> {
    json_file::parse(Path::new("script.json"), &script.to_string())
}

fn parse(script: &Value) -> Script {
    read(script).unwrap()
}

/// The key and the reason a script is refused for.
fn refused(script: &Value) -> (String, String) {
    match read(script) {
        Err(Error::Wrong { key, source, .. }) => (key, source.to_string()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_empty_script_has_the_documented_defaults() {
    let script = parse(&json!({}));
    assert_eq!((script.chunk.get(), script.delay_ms), (16, 5));
    assert_eq!(script.default.text.as_deref(), Some("Done."));
}

#[test]
fn every_documented_key_is_taken() {
    let turn = json!({
        "thinking": "t", "text": "t", "tools": [{"name": "Bash", "input": {"command": "ls"}, "id": "toolu_1"}],
        "blocks": [{"type": "text", "text": "t"}], "stop_reason": "max_tokens", "usage": {"input_tokens": 10},
        "model": "m", "headers": {"x": "y"}, "before_ms": 0, "delay_ms": 5, "chunk": 16,
        "errors": [{"status": 529, "times": 2, "type": "t", "message": "m", "headers": {"retry-after": "1"}}],
        "hang": "silent", "cut": true, "stream_error": "overloaded_error",
    });
    let wanted = json!({"prompt": "p", "first_prompt": "f", "system": "s", "model": "m"});
    let script = parse(&json!({
        "chunk": 3, "delay_ms": 0, "turns": [turn], "default": turn, "variables": {"NAME": "value"},
        "conversations": [{"match": wanted, "count_from": "prompt", "turns": [turn]}],
        "side": [{"match": wanted, "text": "t"}],
    }));
    assert_eq!(script.conversations[0].count_from, CountFrom::Prompt);
    let turn = &script.conversations[0].turns[0];
    assert_eq!((turn.hang, turn.cut, turn.errors[0].times), (Hang::Silent, true, 2));
    assert_eq!(turn.tools[0].input["command"], "ls");
}

#[test]
fn an_unknown_key_is_refused_and_named() {
    for (script, key) in [
        (json!({"turn": []}), "turn"),
        (json!({"turns": [{}, {"txt": ""}]}), "turns[1].txt"),
        (json!({"conversations": [{"match": {"promt": ""}}]}), "conversations[0].match.promt"),
        (json!({"conversations": [{"turns": [{"tools": [{"name": "a", "args": {}}]}]}]}), "args"),
        (json!({"turns": [{"errors": [{"code": 1}]}]}), "turns[0].errors[0].code"),
        (json!({"side": [{"text": "", "usage": {}}]}), "side[0].usage"),
    ] {
        let (path, why) = refused(&script);
        assert!(path.ends_with(key), "{path} does not end with {key}");
        assert!(why.starts_with("unknown field"), "{why}");
    }
}

#[test]
fn a_wrong_value_is_refused_and_named() {
    for (script, key, words) in [
        (json!({"chunk": 0}), "chunk", "nonzero"),
        (json!({"turns": [{"hang": "yes"}]}), "turns[0].hang", "\"silent\""),
        (json!({"turns": [{"errors": [{"status": 200}]}]}), "turns[0].errors[0].status", "400 to 599"),
        (json!({"turns": [{"blocks": [{"text": ""}]}]}), "turns[0].blocks[0]", "needs a `type`"),
        (json!({"turns": [{"blocks": [{"type": "text"}]}]}), "turns[0].blocks[0]", "needs a string `text`"),
        (
            json!({"side": [{"match": {"system": "(?=a)"}, "text": ""}]}),
            "side[0].match.system",
            "look-around",
        ),
        (json!({"conversations": [{"count_from": "end"}]}), "conversations[0].count_from", "unknown variant"),
    ] {
        let (path, why) = refused(&script);
        assert_eq!(path, key);
        assert!(why.contains(words), "{why}");
    }
}

#[test]
fn a_dot_matches_a_line_end() {
    let script = parse(&json!({"conversations": [{"match": {"prompt": "a.b"}}]}));
    let pattern = script.conversations[0].r#match.prompt.as_ref().unwrap();
    assert!(pattern.matches("xa\nbx"));
    assert!(!pattern.matches("ab"));
}

#[test]
fn an_error_names_the_file_and_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("script.json");
    let missing = Script::load(&file).unwrap_err().to_string();
    assert!(missing.contains("script.json"), "{missing}");
    std::fs::write(&file, r#"{"turns": [{"hang": 3}]}"#).unwrap();
    let wrong = Script::load(&file).unwrap_err().to_string();
    assert!(wrong.ends_with("script.json: turns[0].hang"), "{wrong}");
}
