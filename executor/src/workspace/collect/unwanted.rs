//! What does not belong on a branch: told by its name, its size and its first bytes.

use std::{fs::File, io::Read, path::Path};

/// The largest file that goes out, in bytes: the large forges refuse more than 100 MB, and warn from here on.
pub(super) const LARGEST: u64 = 50_000_000;
/// How much of a file is looked at: a key may come after a long text.
const HEAD: u64 = 1 << 20;

/// Folders that package managers fill.
const DEPENDENCIES: [&str; 6] =
    ["node_modules", "__pycache__", ".tox", ".gradle", ".terraform", "bower_components"];

/// The part of a path that is a folder of dependencies or build output, if there is one.
pub(super) fn dependencies<'a>(root: &Path, path: &'a Path) -> Option<&'a Path> {
    path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty()).find(|folder| {
        let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let holds = |file: &str| root.join(folder).join(file).is_file();
        DEPENDENCIES.contains(&name)
            || folder.ends_with("vendor/bundle")
            || holds("pyvenv.cfg")
            || holds("CACHEDIR.TAG")
    })
}

/// Why a file does not belong on a branch, by its name alone.
pub(super) fn by_name(path: &Path) -> Option<&'static str> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let example = ["example", "sample", "template", "dist", "defaults"];
    let is_env =
        name == ".env" || name.starts_with(".env.") && !example.iter().any(|end| name.ends_with(end));
    if is_env {
        return Some("it holds settings that are often secret");
    }
    if matches!(
        name,
        "id_rsa" | "id_dsa" | "id_ecdsa" | "id_ed25519" | ".netrc" | ".git-credentials" | ".pgpass"
    ) {
        return Some("it holds credentials");
    }
    let settings = path.ends_with(".claude/settings.local.json") || name == "CLAUDE.local.md";
    settings.then_some("it is the agent's own local settings")
}

/// Why a file does not belong on a branch, by its size.
pub(super) fn by_size(bytes: u64) -> Option<&'static str> {
    (LARGEST < bytes).then_some("it is larger than 50 MB, which forges refuse")
}

/// Why a file does not belong on a branch, by what it begins with.
pub(super) fn by_content(head: &[u8]) -> Option<&'static str> {
    // ELF: the type is at byte 16, 4 is a core dump.
    if head.starts_with(b"\x7fELF") && (head.get(16) == Some(&4) || head.get(17) == Some(&4)) {
        return Some("it is the memory of a process that crashed");
    }
    let text = String::from_utf8_lossy(head);
    let key = text.lines().any(|line| {
        let line = line.trim();
        line.starts_with("-----BEGIN ")
            && (line.ends_with("PRIVATE KEY-----") || line.ends_with("PRIVATE KEY BLOCK-----"))
    });
    key.then_some("it holds a private key")
}

/// Why a file does not belong on a branch: its name, its size, its first bytes.
pub(super) fn why(root: &Path, path: &Path, bytes: u64) -> Option<&'static str> {
    by_size(bytes).or_else(|| by_name(path)).or_else(|| by_content(&head_of(&root.join(path))))
}

/// A file's first bytes; none of what cannot be read.
fn head_of(file: &Path) -> Vec<u8> {
    let mut head = Vec::new();
    if let Ok(file) = File::open(file) {
        // What could not be read is missed when it is to be recorded.
        let _ = file.take(HEAD).read_to_end(&mut head);
    }
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_name_and_examples_are_none() {
        for name in [".env", "app/.env.production", "id_rsa", "home/.netrc", ".claude/settings.local.json"] {
            assert!(by_name(Path::new(name)).is_some(), "{name}");
        }
        for name in
            [".env.example", ".env.sample", "env", ".environment", "id_rsa.pub", ".claude/settings.json"]
        {
            assert!(by_name(Path::new(name)).is_none(), "{name}");
        }
    }

    #[test]
    fn keys_and_core_dumps_are_known_by_what_they_begin_with() {
        assert!(by_content(b"-----BEGIN OPENSSH PRIVATE KEY-----\nabc").is_some());
        assert!(by_content(b"x\n-----BEGIN RSA PRIVATE KEY-----\r\nabc").is_some());
        assert!(by_content(b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nabc").is_some());
        assert!(by_content(b"-----BEGIN CERTIFICATE-----").is_none());
        assert!(by_content(b"a -----BEGIN PRIVATE KEY----- in a sentence").is_none());
        let elf = |kind: u8| [b"\x7fELF".as_slice(), &[2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, kind, 0]].concat();
        assert!(by_content(&elf(4)).is_some() && by_content(&elf(2)).is_none());
    }

    #[test]
    fn dependencies_are_folders_and_the_outermost_need_not_be_named() {
        let root = tempfile::tempdir().unwrap();
        let found = |path: &'static str| dependencies(root.path(), Path::new(path));
        assert!(found("web/node_modules/a/b.js").is_some());
        assert!(found("node_modules").is_none() && found("venv/x").is_none() && found("target/x").is_none());
        std::fs::create_dir(root.path().join("target")).unwrap();
        std::fs::write(root.path().join("target/CACHEDIR.TAG"), "Signature: 8a477f597d28d172").unwrap();
        assert_eq!(found("target/debug/x"), Some(Path::new("target")));
    }
}
