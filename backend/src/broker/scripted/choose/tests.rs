use serde_json::json;

use super::*;

fn script(script: &Value) -> Script {
    serde_json::from_value(script.clone()).unwrap()
}

/// What the script says to this prompt after so many turns, and from where.
fn answer(script: &Script, prompt: &str, turns: usize) -> (Place, String) {
    let call = json!({"role": "assistant", "content": [{"type": "tool_use"}]});
    let result = json!({"role": "user", "content": [{"type": "tool_result"}]});
    let mut messages = vec![json!({"role": "user", "content": prompt})];
    messages.extend([call, result].into_iter().cycle().take(turns * 2));
    ask(script, &json!({"tools": [{"name": "Bash"}], "messages": messages}))
}

fn ask(script: &Script, body: &Value) -> (Place, String) {
    let choice = choose(script, &Request::read(body));
    (choice.place, choice.turn.text.clone().unwrap_or_default())
}

#[test]
fn conversations_are_tried_in_order_before_the_main_one() {
    let script = script(&json!({
        "conversations": [
            {"match": {"prompt": "special"}, "turns": [{"text": "s0"}, {"text": "s1"}]},
            {"match": {"prompt": "spec"}, "turns": [{"text": "other"}]},
        ],
        "turns": [{"text": "m0"}],
        "default": {"text": "over"},
    }));
    let place = |conversation, turn| Place::Turn { conversation, turn };
    assert_eq!(answer(&script, "special", 0), (place(0, 0), "s0".to_owned()));
    assert_eq!(answer(&script, "special", 1), (place(0, 1), "s1".to_owned()));
    assert_eq!(answer(&script, "special", 2), (place(0, 2), "over".to_owned()));
    assert_eq!(answer(&script, "spec", 0), (place(1, 0), "other".to_owned()));
    assert_eq!(answer(&script, "hello", 0), (place(2, 0), "m0".to_owned()));
    assert_eq!(answer(&script, "hello", 1), (place(2, 1), "over".to_owned()));
}

#[test]
fn a_conversation_counted_from_the_prompt_answers_it_again() {
    let turns = json!([{"text": "0"}, {"text": "1"}]);
    let history = json!({"tools": [{}], "messages": [
        {"role": "user", "content": "again"}, {"role": "assistant", "content": "0"},
        {"role": "user", "content": "again"},
    ]});
    let from = |count_from| script(&json!({"conversations": [{"count_from": count_from, "turns": turns}]}));
    assert_eq!(ask(&from("start"), &history).1, "1");
    assert_eq!(ask(&from("prompt"), &history).1, "0");
}

#[test]
fn requests_without_tools_are_answered_aside() {
    let script = script(&json!({
        "turns": [{"text": "main"}],
        "side": [{"match": {"prompt": "title"}, "text": "A title"}],
    }));
    let aside = |prompt: &str| ask(&script, &json!({"messages": [{"role": "user", "content": prompt}]}));
    assert_eq!(aside("a title, please"), (Place::Side, "A title".to_owned()));
    assert_eq!(aside("hello"), (Place::Side, "Scripted work".to_owned()));
    let schema = json!({"type": "object", "properties": {"title": {"type": "string"}}});
    let body = json!({"messages": [], "output_config": {"format": {"schema": schema}}});
    assert_eq!(ask(&script, &body).1, r#"{"title":"Scripted"}"#);
}

#[test]
fn a_compaction_gets_a_summary_or_what_the_script_says() {
    let prompt = "CRITICAL: Respond with TEXT ONLY. Summarise.";
    let (place, text) = answer(&script(&json!({"turns": [{"text": "main"}]})), prompt, 0);
    assert_eq!(place, Place::Compaction);
    assert!(text.starts_with("<summary>"));
    let own = script(&json!({"side": [{"match": {"prompt": "Summarise"}, "text": "mine"}]}));
    assert_eq!(answer(&own, prompt, 0), (Place::Side, "mine".to_owned()));
}

#[test]
fn errors_come_first_and_as_often_as_they_say() {
    let script = script(
        &json!({"turns": [{"errors": [{"status": 529, "times": 2}, {"status": 500, "times": 0}, {"status": 429}]}]}),
    );
    let at = |attempt| error_at(&script.turns[0].errors, attempt).map(|error| error.status.as_u16());
    assert_eq!([0, 1, 2, 3, u32::MAX].map(at), [Some(529), Some(529), Some(429), None, None]);
}

#[test]
fn a_schema_gets_a_smallest_value() {
    for (schema, value) in [
        (json!({"const": 7, "type": "string"}), json!(7)),
        (json!({"default": "q"}), json!("q")),
        (json!({"enum": ["x", "y"]}), json!("x")),
        (json!({"anyOf": [{"type": "boolean"}, {"type": "string"}]}), json!(false)),
        (json!({"type": ["integer", "null"]}), json!(0)),
        (json!({"type": "array", "items": {}}), json!([])),
        (json!({"type": "null"}), json!(null)),
        (json!({}), json!({})),
        (json!({"properties": {"a": {"type": "number"}, "b": {}}}), json!({"a": 0, "b": {}})),
        (
            json!({"properties": {"a": {}, "b": {"type": "string"}}, "required": ["b", "c"]}),
            json!({"b": "Scripted", "c": "Scripted"}),
        ),
    ] {
        assert_eq!(instance_of(&schema), value, "{schema}");
    }
}

#[test]
fn a_property_that_is_required_over_and_over_is_visited_once() {
    let nest = |inner, _| json!({"properties": {"a": inner}, "required": ["a", "a"]});
    // Two visits at each of 100 levels would not end before the sun does.
    let value = instance_of(&(0..100).fold(json!({"type": "boolean"}), nest));
    assert!(value["a"]["a"].is_object());
}
