//! Reads `.gitmodules`, which is hostile: no includes, no continued lines, bounded.

use std::path::{Component, Path};

/// The largest file that is read, in bytes, and the most submodules in it.
pub(super) const LARGEST: usize = 1 << 20;
const MOST: usize = 1000;

/// One submodule, as the file names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) url: String,
}

/// The submodules that have a path and an address; of several values the last counts, as with git.
pub(super) fn read(text: &str) -> Vec<Named> {
    let mut all: Vec<Named> = Vec::new();
    let mut open = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            let name = section(line).filter(|_| all.len() < MOST);
            open = name.is_some();
            all.extend(name.map(|name| Named { name, ..Named::default() }));
        } else if let (true, Some((key, value)), Some(last)) = (open, line.split_once('='), all.last_mut()) {
            match (key.trim().to_ascii_lowercase().as_str(), plain(value)) {
                ("path", Some(value)) => last.path = value,
                ("url", Some(value)) => last.url = value,
                _ => {}
            }
        }
    }
    all.retain(|named| !named.path.is_empty() && !named.url.is_empty());
    all
}

/// The name in `[submodule "name"]`.
fn section(line: &str) -> Option<String> {
    let name = line.strip_prefix("[submodule")?.trim_start().strip_prefix('"')?.strip_suffix("\"]")?;
    (!name.contains(['"', '\\'])).then(|| name.to_owned())
}

/// A value without quotes; `None` for one that needs escapes: no address and no sensible path does.
fn plain(value: &str) -> Option<String> {
    let value = value.trim();
    let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    let odd = |letter: char| letter.is_control() || matches!(letter, '"' | '\\' | ';' | '#');
    (!value.contains(odd)).then(|| value.to_owned())
}

/// Whether a path stays in its repository and out of git's own folder, in any spelling of its name.
pub(super) fn is_safe_path(path: &str) -> bool {
    let fine = |part: Component<'_>| match part {
        Component::Normal(part) => part.to_str().is_some_and(|part| !is_git(part)),
        _ => false,
    };
    let odd = |letter: char| letter.is_control() || matches!(letter, '\\' | ':');
    !path.is_empty()
        && !path.starts_with('-')
        && !path.contains(odd)
        && Path::new(path).components().all(fine)
}

/// `.git` as file systems know it that ignore case, dots and spaces at the end, or characters without width.
fn is_git(part: &str) -> bool {
    let seen: String = part.chars().filter(char::is_ascii).collect();
    let seen = seen.trim_end_matches(['.', ' ']).to_ascii_lowercase();
    seen == ".git" || seen.starts_with("git~")
}

/// Whether a name may stand in git's settings; others are no loss, since no folder is called by it.
pub(super) fn is_safe_name(name: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'/');
    name.bytes().all(fine) && is_safe_path(name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sections_of_submodules_are_read_and_nothing_else() {
        let text = "[core]\n\tpath = no\n\turl = no\n[submodule \"a\"]\n\tpath = lib/a\n\tURL = \"../a.git\"\n\
                    \tupdate = !touch ran\n[include]\n\tpath = /etc/passwd\n[submodule \"b\\\"]\n path = b\n url = b\n\
                    [submodule \"c\"]\n path = c\n[submodule \"d\"]\n path = d ; x\n url = d\n";
        let named = Named { name: "a".to_owned(), path: "lib/a".to_owned(), url: "../a.git".to_owned() };
        assert_eq!(read(text), [named]);
    }

    #[test]
    fn only_paths_inside_and_out_of_git_are_safe() {
        for safe in ["a", "lib/a", "a.git", ".github/x", "a/.gitx"] {
            assert!(is_safe_path(safe), "{safe}");
        }
        for unsafe_path in [
            "",
            "/",
            "/etc",
            "..",
            "../x",
            "a/../../x",
            "a/..",
            "./a",
            ".git",
            ".git/hooks",
            "a/.GIT/x",
            "git~1",
            "a/GIT~2",
            ".git.",
            ".git ",
            ".g\u{200c}it",
            "-u",
            "a\\b",
            "c:/x",
            "a\0b",
            "a\nb",
        ] {
            assert!(!is_safe_path(unsafe_path), "{unsafe_path:?}");
        }
        assert!(is_safe_name("lib/a") && !is_safe_name("../../hooks") && !is_safe_name("a b"));
    }

    proptest! {
        #[test]
        fn any_text_can_be_read(text in "(?s)(\\[submodule \"|\"\\]|path|url| = |\n|\\PC){0,60}") {
            for named in read(&text) {
                prop_assert!(!named.path.is_empty() && !named.url.contains('\n'));
            }
        }

        #[test]
        fn a_safe_path_leads_nowhere_else(path in "[a.~/: git]{0,12}") {
            if is_safe_path(&path) {
                let normal = |part: Component<'_>| matches!(part, Component::Normal(name) if name != ".git");
                prop_assert!(Path::new(&path).components().all(normal));
            }
        }
    }
}
