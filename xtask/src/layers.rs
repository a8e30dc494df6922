//! Keeps the layers of the backend as ARCHITECTURE.md draws them: which of its modules use which, and which use the
//! crates that belong to one layer.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The modules of `backend/src`, from the doors down, each with those it may use. To add one here is a decision; a
/// use of a module further up makes a circle. Those there are: app with drive, jobs and metrics; auth with server and
/// with config.
const MAY_USE: [(&str, &str); 31] = [
    ("lib", "app broker config engine jobs keys rest rpc secret server store tasks telemetry"),
    ("main", ""),
    ("cli", "app auth caller config engine secret serve store tasks"),
    ("rest", "app caller metrics server store"),
    ("rpc", "app caller secret store"),
    ("server", "app audit auth caller config metrics room secrets store tasks ui"),
    ("ui", "hex"),
    ("metrics", "app commit store"),
    ("auth", "audit caller config hex secret server store tasks"),
    (
        "app",
        "agent audit auth broker caller commit config drive endpoint engine jobs keys mask metrics secret secrets store \
         tasks",
    ),
    ("jobs", "app budget drive store"),
    ("drive", "agent app broker budget config cut engine jobs mask secret secrets store tasks turn"),
    ("audit", "caller store tasks"),
    ("broker", "room secret tasks"),
    ("agent", "endpoint keys turn"),
    ("engine", "endpoint"),
    ("store", "budget cut hex room secrets tasks turn"),
    ("telemetry", "config"),
    ("config", "auth broker engine secret secrets"),
    ("keys", "hex"),
    ("mask", "hex secret"),
    ("secrets", "hex secret"),
    ("caller", ""),
    ("budget", ""),
    ("cut", ""),
    ("endpoint", ""),
    ("hex", ""),
    ("room", ""),
    ("secret", ""),
    ("tasks", ""),
    ("turn", ""),
];

/// Crates that one module alone may use.
const OWNED: [(&str, &str); 6] = [
    ("bollard", "engine"),
    ("sea_orm", "store"),
    ("git2", "nobody: git is the executor's work"),
    ("russh", "broker"),
    ("ssh_key", "broker"),
    ("prometheus_client", "metrics"),
];

/// The sources of the backend, without its tests and fuzz targets, each with its module.
fn sources(folder: &Path, found: &mut Vec<(String, PathBuf)>, root: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if name == "tests" || name == "fuzz" {
            continue;
        }
        if path.is_dir() {
            sources(&path, found, root);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let first = path.strip_prefix(root).unwrap().components().next().unwrap();
            let module = first.as_os_str().to_string_lossy();
            found.push((module.trim_end_matches(".rs").to_owned(), path));
        }
    }
}

/// What a file holds beside its tests.
fn without_tests(code: &str) -> &str {
    code.split_once("#[cfg(test)]\nmod tests {").map_or(code, |(code, _)| code)
}

/// The modules of its own crate that a file names: in `crate::a::…` and in `crate::{a::…, b}`.
fn modules(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, start) in code.match_indices("crate::") {
        let rest = &code[at + start.len()..];
        let Some(group) = rest.strip_prefix('{') else {
            found.insert(word(rest));
            continue;
        };
        let (mut depth, mut begins) = (0, true);
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => begins = true,
                c if begins && c.is_alphabetic() => {
                    found.insert(word(&group[at..]));
                    begins = false;
                }
                _ => {}
            }
        }
    }
    found
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// What a file of this module must not use.
fn forbidden(module: &str, code: &str) -> Vec<String> {
    let code = without_tests(code);
    let (_, may_use) = MAY_USE.iter().find(|(name, _)| *name == module).unwrap_or(&("", ""));
    let known = |name: &str| MAY_USE.iter().any(|(known, _)| *known == name);
    let mut wrong: Vec<String> = modules(code)
        .into_iter()
        .filter(|used| known(used) && used != module && !may_use.split(' ').any(|may| may == used))
        .collect();
    for (name, owner) in OWNED {
        if owner != module && code.contains(&format!("{name}::")) {
            wrong.push(format!("{name}, which belongs to {owner}"));
        }
    }
    wrong
}

#[test]
fn each_module_of_the_backend_uses_only_what_it_may() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("backend/src");
    let mut files = Vec::new();
    sources(&root, &mut files, &root);
    assert!(files.len() > 100, "they were found");
    let mut wrong = Vec::new();
    for (module, path) in files {
        assert!(MAY_USE.iter().any(|(name, _)| *name == module), "{module} needs a row in {}", file!());
        let code = fs::read_to_string(&path).unwrap();
        for used in forbidden(&module, &code) {
            wrong.push(format!("{} uses {used}", path.strip_prefix(&root).unwrap().display()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_use_of_a_layer_above_is_found() {
    let group = "use crate::{\n    store::{Error, Store},\n    app::{App, drive},\n};\n";
    assert_eq!(modules(group), ["app", "store"].map(str::to_owned).into());
    assert_eq!(forbidden("store", group), ["app"]);
    assert_eq!(forbidden("broker", "fn f() { crate::store::now() }"), ["store"]);
    assert_eq!(forbidden("drive", "use bollard::Docker;"), ["bollard, which belongs to engine"]);
    assert_eq!(forbidden("engine", "use bollard::Docker;\nuse crate::endpoint::Endpoint;"), [""; 0]);
    assert_eq!(forbidden("store", "#[cfg(test)]\nmod tests {\n    use crate::app::App;\n}\n"), [""; 0]);
}
