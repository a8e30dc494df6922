//! The programs and packages in what was set aside: who misses one is told where it is.

use std::{fs, path::Path};

/// Folders of programs and of packages.
const FOLDERS: [&str; 3] = ["bin", "site-packages", "node_modules"];
/// How deep they are, how many folders are looked into, and how many names are found.
const DEPTH: usize = 5;
const MOST: usize = 500;

/// Finds them in what was moved to `place` from this path.
pub(super) fn find(place: &Path, path: &Path, found: &mut Vec<String>) {
    let within = path.components().count();
    look(place, path, DEPTH.saturating_sub(within), &mut MOST.clone(), found);
}

fn look(place: &Path, path: &Path, depth: usize, folders: &mut usize, found: &mut Vec<String>) {
    let holds = path.file_name().is_some_and(|name| FOLDERS.iter().any(|folder| name == *folder));
    let is_in =
        path.parent().and_then(Path::file_name).is_some_and(|name| FOLDERS.iter().any(|it| name == *it));
    if is_in && let Some(name) = path.file_name().and_then(|name| name.to_str()) {
        found.extend((found.len() < MOST).then(|| name.to_owned()));
    }
    let known = fs::symlink_metadata(place);
    if *folders == 0 || is_in || !(holds || 0 < depth) || !known.is_ok_and(|known| known.is_dir()) {
        return;
    }
    *folders -= 1;
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        look(&entry.path(), &path.join(entry.file_name()), depth.saturating_sub(1), folders, found);
    }
}

/// A name of these that a line of the output says is missing.
pub(super) fn missed<'a>(programs: &'a [String], output: &str) -> Option<&'a str> {
    const MISSING: [&str; 4] = ["not found", "No such file", "No module named", "Cannot find module"];
    let lines = output.lines().filter(|line| MISSING.iter().any(|words| line.contains(words)));
    let is_part = |letter: char| letter.is_alphanumeric() || "._+-".contains(letter);
    let mut words = lines.flat_map(|line| line.split(move |letter| !is_part(letter)));
    words.find_map(|word| programs.iter().find(|program| *program == word)).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_and_packages_are_found_and_named_when_they_are_missed() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["lib/python3/site-packages/wheel", "bin", "share/very/deep/er/bin"] {
            fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        for name in ["bin/ruff", "share/very/deep/er/bin/hidden", "lib/other"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let mut found = Vec::new();
        find(folder.path(), Path::new(".local"), &mut found);
        found.sort();
        assert_eq!(found, ["ruff", "wheel"]);
        assert_eq!(missed(&found, "bash: line 1: ruff: command not found\n"), Some("ruff"));
        assert_eq!(missed(&found, "ModuleNotFoundError: No module named 'wheel'"), Some("wheel"));
        assert_eq!(missed(&found, "ruff is fine\nbash: line 1: cargo: command not found"), None);
    }
}
