//! The check of named parameters, and the document of all methods.

use api::{
    error::ApiError,
    rpc::{check_params, openrpc},
};
use serde_json::{Value, json};

const ID: &str = "019b7c1e-3a2e-7000-8000-000000000001";

/// The field that a refusal names, and why.
fn refusal(method: &str, params: Value) -> (String, String) {
    match check_params(method, Some(&params.to_string())) {
        Err(ApiError::Invalid { field, why }) => (field, why),
        other => panic!("{method} {params}: {other:?}"),
    }
}

#[test]
fn a_refusal_names_the_field() {
    let step = |step: Value| json!({ "name": "A", "steps": [{ "instructions": "x" }, step] });
    let check = |check: Value| step(json!({ "instructions": "x", "checks": ["true", check] }));
    let cases = [
        ("missing", "tasks.create", json!({ "name": "A" })),
        ("missing, all of it", "runs.byId", json!({})),
        ("unknown", "tasks.list", json!({ "qeury": "x" })),
        ("unknown, of a method without parameters", "system.version", json!({ "verbose": true })),
        ("unknown, in the case of another world", "runs.create", json!({ "task_id": ID })),
        ("wrong type", "tasks.list", json!({ "limit": "10" })),
        ("out of range", "tasks.list", json!({ "limit": -1 })),
        ("no id", "runs.byId", json!({ "id": "7" })),
        ("no such word", "runs.list", json!({ "state": "paused" })),
        ("nested, missing", "tasks.create", step(json!({ "checks": [] }))),
        ("nested, unknown", "tasks.create", step(json!({ "instructions": "x", "run": "y" }))),
        ("nested, wrong type", "tasks.create", step(json!({ "instructions": 7 }))),
        ("a check of another type", "tasks.create", check(json!(7))),
        ("a check without a command", "tasks.create", check(json!({ "timeoutSeconds": 7 }))),
        ("a check with an unknown field", "tasks.create", check(json!({ "run": "x", "timeout": 7 }))),
        ("a check with a wrong field", "tasks.create", check(json!({ "run": "x", "timeoutSeconds": "7" }))),
        (
            "nested in an object",
            "runs.create",
            json!({ "taskId": ID, "repository": "a/b", "overrides": { "modle": "x" } }),
        ),
        ("text that looks like a refusal", "tasks.list", json!({ "limit": "missing field `x`" })),
        ("positional", "runs.byId", json!([ID])),
        ("not an object", "runs.byId", json!("x")),
        ("a subscription's", "runs.onMessage", json!({ "id": ID, "after": 1.5 })),
    ];
    let lines = cases.map(|(case, method, params)| {
        let (field, why) = refusal(method, params);
        format!("{case}\n    {field}: {why}")
    });
    insta::assert_snapshot!("refusals", lines.join("\n"));
}

#[test]
fn what_is_optional_may_be_left_out_or_null() {
    for params in [None, Some("{}"), Some(" {} "), Some("[]"), Some("null"), Some(r#"{"query":null}"#)] {
        assert_eq!(check_params("tasks.list", params), Ok(()), "{params:?}");
    }
    assert_eq!(check_params("runs.onChange", None), Ok(()));
    assert_eq!(check_params("runs.byId", Some(&json!({ "id": ID }).to_string())), Ok(()));
}

#[test]
fn a_method_that_is_not_known_here_passes() {
    assert_eq!(check_params("no.such", Some("[1]")), Ok(()), "the server answers that there is none");
}

#[test]
fn a_field_given_twice_is_refused() {
    let twice = r#"{"query":"a","query":"b"}"#;
    let refused = check_params("tasks.list", Some(twice));
    assert!(matches!(refused, Err(ApiError::Invalid { field, .. }) if field == "query"));
}

#[test]
fn the_document_has_every_method_and_what_it_is_for() {
    let document = openrpc("0.0.0");
    let methods = document["methods"].as_array().expect("methods");
    let names: Vec<&str> = methods.iter().filter_map(|method| method["name"].as_str()).collect();
    let contract = [
        "system.version",
        "system.status",
        "instances.get",
        "instances.list",
        "instances.remove",
        "tasks.create",
        "tasks.update",
        "tasks.byId",
        "tasks.list",
        "tasks.delete",
        "runs.create",
        "runs.byId",
        "runs.list",
        "runs.messages",
        "runs.cancel",
        "runs.retry",
        "runs.onMessage",
        "runs.onChange",
        "rpc.discover",
    ];
    for name in contract {
        assert!(names.contains(&name), "{name} is in API.md");
    }
    for method in methods {
        let summary = method["summary"].as_str().unwrap_or_default();
        assert!(5 < summary.len() && summary.ends_with('.'), "{}: {summary:?}", method["name"]);
    }
    // One line for each method and each type, so that a change shows as one.
    let methods = methods.iter().map(|method| format!("method {method}"));
    let schemas = document["components"]["schemas"].as_object().expect("types");
    let schemas = schemas.iter().map(|(name, schema)| format!("type {name} {schema}"));
    insta::assert_snapshot!("openrpc", methods.chain(schemas).collect::<Vec<_>>().join("\n"));
    assert_eq!((&document["openrpc"], &document["info"]["version"]), (&json!("1.3.2"), &json!("0.0.0")));
}

#[test]
fn every_reference_in_the_document_leads_somewhere() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(object) => {
                found.extend(object.get("$ref").and_then(Value::as_str));
                object.values().for_each(|value| references(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let document = openrpc("0.0.0");
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(20 < found.len(), "there are references: {}", found.len());
    for reference in found {
        let pointer = reference.strip_prefix('#').expect("one of this document");
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}
