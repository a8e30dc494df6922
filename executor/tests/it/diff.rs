//! The diff: what `git apply` makes of it is what the workspace holds, and nothing was written.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use api::executor::DiffResult;
use serde_json::{Value, json};

use crate::{
    git::cloned,
    git_server::git,
    harness::{World, read_until},
};

async fn diff(world: &World, base: Option<&str>, most: u64) -> DiffResult {
    let answer = world.call("/diff", json!({"baseCommit": base, "maxBytes": most})).await;
    serde_json::from_value(answer).unwrap()
}

/// Path, status, additions and deletions of each file.
fn files(result: &DiffResult) -> Vec<(&str, &str, u64, u64)> {
    let files = result.files.iter();
    files.map(|file| (file.path.as_str(), file.status.as_str(), file.additions, file.deletions)).collect()
}

/// Applies a patch to this commit in a folder of its own.
fn apply(world: &World, commit: &str, result: &DiffResult, folder: &Path) {
    let workspace = world.workspace();
    git(&workspace, &["clone", "-q", workspace.to_str().unwrap(), folder.to_str().unwrap()]);
    git(folder, &["checkout", "-q", commit]);
    let script = "base64 -d | git apply --binary --index";
    let mut child = Command::new("bash")
        .args(["-c", script])
        .current_dir(folder)
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), result.patch.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

fn change_everything(workspace: &Path) {
    fs::write(workspace.join("README.md"), "# Demo 3\nand more\n").unwrap();
    fs::write(workspace.join("new.txt"), "one\ntwo").unwrap();
    fs::create_dir_all(workspace.join("deep/er")).unwrap();
    fs::write(workspace.join("deep/er/binary"), (0..=255).cycle().take(5000).collect::<Vec<u8>>()).unwrap();
    fs::rename(workspace.join("file-2"), workspace.join("moved")).unwrap();
    fs::remove_file(workspace.join("file-1")).unwrap();
    fs::write(workspace.join(".gitignore"), "secret\n").unwrap();
    fs::write(workspace.join("secret"), "hidden\n").unwrap();
    fs::write(workspace.join("run.sh"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(workspace.join("run.sh"), PermissionsExt::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn the_patch_holds_everything_that_differs_and_nothing_is_written() {
    let (world, _server, base) = cloned().await;
    let workspace = world.workspace();
    fs::write(workspace.join("committed"), "mine alone\n").unwrap();
    git(&workspace, &["add", "committed"]);
    git(&workspace, &["commit", "-q", "-m", "mine"]);
    change_everything(&workspace);
    let index = fs::read(workspace.join(".git/index")).unwrap();
    let objects = git(&workspace, &["count-objects", "-v"]);
    for (commit, own) in [(Some(base.as_str()), true), (None, false)] {
        let result = diff(&world, commit, 1 << 20).await;
        assert_eq!(result.left_out, 0);
        let files = files(&result);
        assert!(files.contains(&("README.md", "modified", 1, 0)), "{files:?}");
        assert!(files.contains(&("new.txt", "added", 2, 0)), "{files:?}");
        assert!(files.contains(&("deep/er/binary", "added", 0, 0)), "{files:?}");
        assert_eq!(files.contains(&("committed", "added", 1, 0)), own);
        assert!(!files.iter().any(|(path, ..)| *path == "secret"));
        assert_eq!(fs::read(workspace.join(".git/index")).unwrap(), index);
        assert_eq!(git(&workspace, &["count-objects", "-v"]), objects);
        let copy = world.folder.path().join(format!("copy-{own}"));
        apply(&world, commit.unwrap_or("HEAD"), &result, &copy);
        let script = format!("diff -r --exclude .git --exclude secret '{}' .", workspace.display());
        let same = Command::new("bash").args(["-c", &script]).current_dir(&copy).output().unwrap();
        assert!(same.status.success(), "{}", String::from_utf8_lossy(&same.stdout));
        assert_eq!(fs::metadata(copy.join("run.sh")).unwrap().permissions().mode() & 0o111, 0o111);
    }
}

#[tokio::test]
async fn a_file_that_does_not_fit_is_left_out_whole_and_counted() {
    let (world, _server, base) = cloned().await;
    fs::write(world.workspace().join("large"), "line\n".repeat(1000)).unwrap();
    fs::write(world.workspace().join("small"), "line\n").unwrap();
    let result = diff(&world, Some(&base), 2000).await;
    assert_eq!(files(&result), [("large", "added", 1000, 0), ("small", "added", 1, 0)]);
    assert_eq!(result.left_out, 1);
    let copy = world.folder.path().join("copy");
    apply(&world, &base, &result, &copy);
    assert!(copy.join("small").exists() && !copy.join("large").exists());
}

#[tokio::test]
async fn neither_filters_nor_external_programs_of_the_repository_run() {
    let (world, _server, _) = cloned().await;
    let workspace = world.workspace();
    let mark = world.folder.path().join("ran");
    let program = format!("touch '{}'; cat", mark.display());
    for name in ["filter.x.clean", "filter.x.smudge", "diff.x.command", "diff.x.textconv", "diff.external"] {
        git(&workspace, &["config", name, &program]);
    }
    git(&workspace, &["config", "core.fsmonitor", &program]);
    fs::write(workspace.join(".gitattributes"), "* filter=x diff=x\n").unwrap();
    fs::write(workspace.join("README.md"), "changed\n").unwrap();
    assert_eq!(diff(&world, None, 1 << 20).await.files.len(), 2);
    assert!(!mark.exists());
}

#[tokio::test]
async fn it_is_made_while_the_agent_works_and_an_unknown_base_is_refused() {
    let (world, _server, _) = cloned().await;
    let script = "read -r prompt\necho made > made\necho ready\nread -r go";
    crate::harness::write_script(Path::new(&world.config.agent_bin), script);
    let mut stream = world.begin("a").await;
    read_until(&mut stream, "ready").await;
    assert_eq!(files(&diff(&world, None, 1 << 20).await), [("made", "added", 1, 0)]);
    let response = world.post("/diff", json!({"baseCommit": "0".repeat(40), "maxBytes": 1})).await;
    assert_eq!(response.status().as_u16(), 422);
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["git"]["code"], "unknown_ref");
    world.post("/executions/a/cancel", json!({})).await;
}
