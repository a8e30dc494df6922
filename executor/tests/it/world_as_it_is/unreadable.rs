//! What cannot be read is no deletion, and is read all the same where its owner may open it.

use std::os::unix::fs::{MetadataExt, chown};

use super::{run::Run, saved::Saved};

fn mode(run: &Run, path: &str) -> u32 {
    std::fs::symlink_metadata(run.workspace().join(path)).unwrap().mode() & 0o777
}

/// All edits go out, and the modes are as the agent left them.
async fn opened(script: &str, path: &str, closed: u32, changes: &[&str]) {
    let run = Run::after(script).await;
    let out = run.out().await;
    assert_eq!(out.changes(), changes);
    assert_eq!(mode(&run, path), closed);
    assert_eq!(out.not_committed(), [""; 0]);
}

#[tokio::test]
async fn a_closed_folder_deletes_nothing() {
    let script = "echo edited > src/main.rs; chmod 000 docs";
    opened(script, "docs", 0, &["M src/main.rs"]).await;
}

#[tokio::test]
async fn a_closed_folder_with_edits_in_it_brings_them() {
    for mode in [0o000, 0o111, 0o444, 0o200] {
        let script = format!("echo new > docs/new; echo edited > docs/guide.md; chmod {mode:03o} docs");
        opened(&script, "docs", mode, &["M docs/guide.md", "A docs/new"]).await;
    }
}

#[tokio::test]
async fn closed_folders_in_closed_folders_bring_what_is_in_them() {
    let script = "echo edited > docs/deep/page.md; chmod 000 docs/deep/page.md docs/deep docs";
    opened(script, "docs", 0, &["M docs/deep/page.md"]).await;
}

#[tokio::test]
async fn folders_that_are_closed_after_the_base_was_amended_lose_nothing() {
    let script =
        "echo one > one; git add one; git commit -q --amend --no-edit; echo two > src/two; git add -A
                  git commit -qm two; echo three > docs/three; chmod 000 src docs";
    opened(script, "docs", 0, &["A docs/three", "A one", "A src/two"]).await;
}

#[tokio::test]
async fn what_is_left_out_of_a_closed_folder_or_file_is_kept() {
    let run = Run::after("mkdir app; echo KEY=1 > app/.env; echo KEY=2 > .env; chmod 000 app .env").await;
    assert_eq!(run.out().await.not_committed(), [".env", "app/.env"]);
    let saved = Saved::of(&run).await;
    assert_eq!(saved.left_out(".env"), Some(b"KEY=2\n".as_slice()));
    assert_eq!(saved.left_out("app/.env"), Some(b"KEY=1\n".as_slice()));
}

#[tokio::test]
async fn a_closed_workspace_is_opened() {
    opened("echo edited > src/main.rs; chmod 000 .", ".", 0, &["M src/main.rs"]).await;
    let script = "echo mine > mine; git add mine; git commit -qm mine; chmod 000 .";
    opened(script, ".", 0, &["A mine"]).await;
}

#[tokio::test]
async fn a_closed_file_is_no_deletion_and_its_content_goes_out() {
    opened("chmod 000 docs/guide.md; echo edited > src/main.rs", "docs/guide.md", 0, &["M src/main.rs"])
        .await;
    let script = "echo edited > docs/guide.md; chmod 000 docs/guide.md";
    opened(script, "docs/guide.md", 0, &["M docs/guide.md"]).await;
    opened("echo new > new; chmod 200 new", "new", 0o200, &["A new"]).await;
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_read_as_it_is() {
    let script = "echo edited > docs/guide.md; chmod 555 docs docs/deep; chmod 444 docs/guide.md";
    opened(script, "docs", 0o555, &["M docs/guide.md"]).await;
}

#[tokio::test]
async fn what_somebody_else_owns_and_closed_is_named_and_costs_no_other_file() {
    if !nix::unistd::getuid().is_root() {
        eprintln!("needs root to give files to another user; not tested here");
        return;
    }
    let script = "echo edited > src/main.rs; mkdir docs/root; echo x > docs/root/file; echo x > closed
                  chmod 700 docs/root docs/deep; chmod 600 closed docs/guide.md";
    let run = Run::after(script).await;
    for path in ["docs/root", "docs/deep", "closed", "docs/guide.md"] {
        chown(run.workspace().join(path), Some(0), Some(0)).unwrap();
    }
    let out = run.out().await;
    assert_eq!(out.changes(), ["M src/main.rs"]);
    let named = out.not_committed();
    for path in ["docs/root/", "docs/deep/", "closed", "docs/guide.md"] {
        assert!(named.contains(&path), "{path} is not in {named:?}");
    }
    let why = &out.result.not_committed[0].why;
    assert!(why.contains("read"), "{why}");
}

#[tokio::test]
async fn files_of_somebody_else_that_can_be_read_go_out() {
    if !nix::unistd::getuid().is_root() {
        eprintln!("needs root to give files to another user; not tested here");
        return;
    }
    let run = Run::after("mkdir made; echo x > made/file; echo y > docs/guide.md").await;
    for path in ["made", "made/file", "docs/guide.md"] {
        chown(run.workspace().join(path), Some(0), Some(0)).unwrap();
    }
    assert_eq!(run.out().await.changes(), ["M docs/guide.md", "A made/file"]);
    assert!(Saved::of(&run).await.has("x\n"));
}
