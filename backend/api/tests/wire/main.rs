//! What other programs rely on, kept as snapshots: a change here is a change of the contract.

mod execution;
mod objects;
mod params;
mod refused;
mod samples;
mod stream;

use std::fmt::Debug;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// The value as it is on the wire, after a look that it comes back as it was.
fn wire<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) -> Value {
    let text = serde_json::to_string(value).expect("it can be written");
    let back: T = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(&back, value, "it comes back as it was");
    serde_json::from_str(&text).expect("JSON")
}

/// Compares these values with the snapshot of this name: one line each, so that a change shows as one.
fn check_lines<T: Serialize + DeserializeOwned + PartialEq + Debug>(name: &str, values: &[T]) {
    let lines: Vec<String> = values.iter().map(|value| wire(value).to_string()).collect();
    insta::assert_snapshot!(name, lines.join("\n"));
}
