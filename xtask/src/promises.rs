//! Keeps `docs/promises.md` true: every test that it names exists.

use std::{fs, path::Path};

/// The tests that the table names: a file of the workspace and a function in it.
fn named(table: &str) -> impl Iterator<Item = (&str, &str)> {
    table.split('`').skip(1).step_by(2).filter_map(|word| word.split_once("::"))
}

#[test]
fn every_test_that_guards_a_promise_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let table = fs::read_to_string(root.join("docs/promises.md")).unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| ")).skip(1);
    let mut missing = Vec::new();
    for row in rows {
        let guards: Vec<_> = named(row).collect();
        let exists = |(file, test): &(&str, &str)| {
            let code = fs::read_to_string(root.join(file)).unwrap_or_default();
            code.contains(&format!("fn {test}("))
        };
        if guards.is_empty() || !guards.iter().all(exists) {
            missing.push(row.to_owned());
        }
    }
    assert!(missing.is_empty(), "no such test: {missing:#?}");
}
