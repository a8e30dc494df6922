//! What a request may not hold: a field that nobody knows is a mistake that should be heard of.

use api::{
    executor::{Ack, Checks, Commit, Execute, GitClone, InitGit, Input, Push},
    run::{Overrides, Run},
    task::{Check, Step},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::samples::queued;

/// Reads the value, which must work, and then with one more field, which must not.
fn refuses_more<T: DeserializeOwned>(value: Value) {
    let name = std::any::type_name::<T>();
    serde_json::from_value::<T>(value.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut more = value;
    more["surplus"] = json!(1);
    let error = serde_json::from_value::<T>(more).err().unwrap_or_else(|| panic!("{name} takes anything"));
    assert!(error.to_string().starts_with("unknown field `surplus`"), "{name}: {error}");
}

#[test]
fn a_request_with_an_unknown_field_is_refused() {
    refuses_more::<Step>(json!({ "instructions": "Say hello." }));
    refuses_more::<Check>(json!({ "run": "make" }));
    refuses_more::<Overrides>(json!({}));
    refuses_more::<InitGit>(json!({ "githubUsername": "Robin", "email": "robin@example.org" }));
    refuses_more::<GitClone>(json!({ "repositoryUrl": "https://git.example/a" }));
    refuses_more::<Execute>(json!({
        "executionId": "1", "prompt": "x", "model": "m", "timeoutSeconds": 1, "modelToken": "t",
    }));
    refuses_more::<Ack>(json!({ "n": 1 }));
    refuses_more::<Input>(json!({ "type": "message", "id": "1", "text": "x" }));
    refuses_more::<Checks>(json!({ "checks": [], "attempt": 1 }));
    refuses_more::<Commit>(json!({ "message": "x" }));
    refuses_more::<Push>(json!({ "branch": "b", "baseCommit": "c", "stallSeconds": 1 }));
}

#[test]
fn an_answer_may_say_more_than_an_older_reader_knows() {
    let mut newer = serde_json::to_value(queued()).expect("JSON");
    newer["invented"] = json!({ "later": true });
    assert_eq!(serde_json::from_value::<Run>(newer).expect("it can be read"), queued());
}

#[test]
fn a_word_that_is_not_in_its_list_is_refused() {
    let mut run = serde_json::to_value(queued()).expect("JSON");
    run["state"] = json!("paused");
    let error = serde_json::from_value::<Run>(run).expect_err("no such state").to_string();
    assert!(error.contains("`paused`") && error.contains("`queued`"), "{error}");
}
