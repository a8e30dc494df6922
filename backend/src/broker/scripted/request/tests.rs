use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::broker::scripted::script::Script;

fn read(messages: Value) -> Request {
    Request::read(&json!({"model": "m", "messages": messages}))
}

fn user(text: &str) -> Value {
    json!({"role": "user", "content": text})
}

fn model(text: &str) -> Value {
    json!({"role": "assistant", "content": [{"type": "text", "text": text}]})
}

fn tool_result() -> Value {
    json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "ok"}]})
}

#[test]
fn prompts_are_what_the_human_said() {
    let reminder = "<system-reminder>note</system-reminder>";
    let request = read(json!([
        {"role": "system", "content": "not a prompt"},
        {"role": "user", "content": [{"type": "text", "text": reminder}, {"type": "text", "text": "one"}, {"type": "text", "text": "line"}]},
        model("yes"),
        tool_result(),
        user("two"),
        model("yes"),
        {"role": "user", "content": [{"type": "tool_result", "content": ""}, {"type": "text", "text": reminder}]},
    ]));
    assert_eq!((request.first_prompt(), request.prompt()), ("one\nline", "two"));
}

#[test]
fn turns_count_answers_and_not_messages() {
    let request =
        read(json!([user("a"), model("1"), model("1"), tool_result(), model("2"), user("b"), model("3")]));
    assert_eq!(request.turns_so_far(CountFrom::Start), 3);
    assert_eq!(request.turns_so_far(CountFrom::Prompt), 1);
}

#[test]
fn the_stub_after_an_interruption_is_no_turn() {
    let request = read(json!([user("a"), model("1"), tool_result(), model(STUB), user("b")]));
    assert_eq!(request.turns_so_far(CountFrom::Start), 1);
    assert_eq!(request.turns_so_far(CountFrom::Prompt), 0);
}

#[test]
fn the_working_directory_is_read_from_wherever_it_is_named() {
    let named = |system: &str, message: &str| {
        let messages = json!([{"role": "system", "content": message}]);
        Request::read(&json!({"system": [{"type": "text", "text": system}], "messages": messages})).cwd
    };
    assert_eq!(named("x\nPrimary working directory: /a\nmore", ""), "/a");
    assert_eq!(named("", "- Working directory:   /b c"), "/b");
    assert_eq!(named("networking directory:", ""), WORKSPACE);
    assert_eq!(named("Forking directory: /x", ""), WORKSPACE);
}

#[test]
fn the_session_is_read_from_the_metadata() {
    let id = "0190aaaa-bbbb-7ccc-8ddd-eeeeffff0001";
    let session = |user: Value| Request::read(&json!({"metadata": {"user_id": user}})).session;
    assert_eq!(session(json!({"device_id": "x", "session_id": id}).to_string().into()), id);
    assert_eq!(session(format!("user_1_account__session_{id}").into()), id);
    assert_eq!(session(json!("session_short")), "");
    assert_eq!(session(json!(7)), "");
}

#[test]
fn every_pattern_of_a_match_must_be_found() {
    let body =
        json!({"model": "opus", "system": "you are", "messages": [user("first"), model(""), user("last")]});
    let request = Request::read(&body);
    for (wanted, matches) in [
        (json!({}), true),
        (json!({"prompt": "^last$", "first_prompt": "first", "system": "are", "model": "opus"}), true),
        (json!({"prompt": "first"}), false),
        (json!({"first_prompt": "last"}), false),
        (json!({"prompt": "last", "system": "were"}), false),
        (json!({"prompt": "last", "model": "haiku"}), false),
    ] {
        let script = json!({"conversations": [{"match": wanted}]}).to_string();
        let script = serde_json::from_str::<Script>(&script).unwrap();
        assert_eq!(request.matches(&script.conversations[0].r#match), matches, "{wanted}");
    }
}

/// JSON of any shape, with the keys a request has.
fn json_of_any_shape() -> impl Strategy<Value = Value> {
    let key = proptest::sample::select(vec![
        "messages",
        "role",
        "content",
        "type",
        "text",
        "system",
        "tools",
        "metadata",
        "user_id",
        "output_config",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        Just(json!("user")),
        Just(json!("text")),
        Just(json!("<system-reminder>é</system-reminder>working directory: é session_id é")),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec((key.clone(), inner), 0..6)
                .prop_map(|pairs| pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
        ]
    })
}

proptest! {
    #[test]
    fn no_body_makes_it_panic(body in json_of_any_shape()) {
        let request = Request::read(&body);
        prop_assert!(1 <= request.tokens);
        prop_assert!(request.turns_so_far(CountFrom::Prompt) <= request.turns_so_far(CountFrom::Start));
    }
}
