//! A repository inside is the agent's work: its files go out with the others, its commits are kept.

use super::{out::Out, run::Run, saved::Saved};

async fn goes_out(script: &str, changes: &[&str]) -> (Run, Out) {
    let run = Run::after(script).await;
    let out = run.out().await;
    assert_eq!(out.changes(), changes, "{:#?}", out.result);
    (run, out)
}

const APP: &str = "mkdir app; cd app; git init -q; echo code > code; mkdir sub; echo deep > sub/deep\n";

#[tokio::test]
async fn files_of_a_repository_without_commits_go_out() {
    let (run, out) = goes_out(APP, &["A app/code", "A app/sub/deep"]).await;
    assert_eq!(out.places(), [""; 0]);
    assert_eq!(run.agent("git status --porcelain"), "");
}

#[tokio::test]
async fn files_of_a_repository_with_commits_go_out_and_its_commits_are_kept() {
    let script = format!(
        "{APP}git add -A; git commit -qm inner; echo old > code; git commit -qam old; echo new > code"
    );
    let (run, out) = goes_out(&script, &["A app/code", "A app/sub/deep"]).await;
    assert_eq!(out.text("app/code"), "new\n");
    assert!(out.places().iter().any(|place| place.contains("app")), "{:?}", out.places());
    let saved = Saved::of(&run).await;
    assert!(saved.has("code\n") && saved.has("old\n"));
    assert!(saved.has_commit(&run.agent("git -C app rev-parse HEAD")));
    // The agent's repository inside is as it was.
    assert_eq!(run.agent("cd app; git log --format=%s; git status --porcelain"), "old\ninner\n M code");
}

#[tokio::test]
async fn histories_of_repositories_whose_names_look_alike_are_all_kept() {
    let mut script = String::new();
    for path in ["a/b", "a-b", "A.b", "branch", "elsewhere"] {
        script += &format!(
            "mkdir -p {path}; git init -q {path}; (cd {path}; echo 'old {path}' > f; git add f; git commit -qm old
             echo new > f; git commit -qam new)\n"
        );
    }
    let run = Run::after(&format!(
        "{script}git switch -qc side; git commit -q --allow-empty -m side; git switch -q -"
    ))
    .await;
    run.out().await;
    let saved = Saved::of(&run).await;
    for path in ["a/b", "a-b", "A.b", "branch", "elsewhere"] {
        assert!(saved.has(format!("old {path}\n")), "{path}: {:?}", saved.artifacts);
    }
}

#[tokio::test]
async fn the_history_of_a_repository_in_a_closed_folder_is_kept() {
    let script = "mkdir -p src/in; cd src/in; git init -q; echo mine > x; git add x; git commit -qm one
                  git rm -q x; git commit -qm two; cd ../..; chmod 000 src";
    let run = Run::after(script).await;
    assert_eq!(run.out().await.commits, 0);
    assert!(Saved::of(&run).await.has("mine\n"));
}

#[tokio::test]
async fn rules_of_a_repository_inside_hold() {
    let script = format!(
        "{APP}echo '*.tmp' > .gitignore; echo '!sub' >> .gitignore; echo x > x.tmp; echo y > sub/y.tmp"
    );
    goes_out(&script, &["A app/.gitignore", "A app/code", "A app/sub/deep"]).await;
}

#[tokio::test]
async fn repositories_in_repositories_go_out() {
    let script = format!(
        "{APP}git add -A; git commit -qm one; mkdir in; cd in; git init -q; echo a > a; git add a; git commit -qm two; mkdir er; cd er; git init -q; echo b > b"
    );
    let changes = ["A app/code", "A app/in/a", "A app/in/er/b", "A app/sub/deep"];
    let (run, out) = goes_out(&script, &changes).await;
    assert_eq!(out.result.elsewhere.len(), 2, "{:?}", out.places());
    assert!(Saved::of(&run).await.has_commit(&run.agent("git -C app/in rev-parse HEAD")));
}

#[tokio::test]
async fn branches_and_stashes_of_a_repository_inside_are_kept() {
    let script = format!(
        "{APP}git add -A; git commit -qm one; git switch -qc side; echo side > side; git add side; git commit -qm side
         git switch -q -; echo stashed > code; git stash -q"
    );
    let (run, _) = goes_out(&script, &["A app/code", "A app/sub/deep"]).await;
    let saved = Saved::of(&run).await;
    assert!(saved.has("side\n") && saved.has("stashed\n"), "{:?}", saved.artifacts);
}

#[tokio::test]
async fn a_repository_made_in_a_tracked_folder_deletes_nothing() {
    for more in ["", "git add -A; git commit -qm inner;"] {
        let script =
            format!("cd src; git init -q; {more} echo edited > main.rs; echo new > new.rs; rm lib.rs");
        goes_out(&script, &["D src/lib.rs", "M src/main.rs", "A src/new.rs"]).await;
    }
}

#[tokio::test]
async fn a_repository_inside_that_is_broken_is_files() {
    for broken in [
        "rm -rf .git/objects",
        "echo garbage > .git/HEAD",
        "rm -rf .git; echo 'gitdir: /nowhere/at/all' > .git",
        "rm -rf .git; mkfifo .git",
        "rm -rf .git; ln -s /nowhere/at/all .git",
        "echo '[core' > .git/config",
        "chmod 000 .git",
        "git config core.worktree /",
    ] {
        let run = Run::after(&format!("{APP}{broken}")).await;
        let changes = run.out().await.changes();
        assert_eq!(changes, ["A app/code", "A app/sub/deep"], "{broken}");
    }
}

#[tokio::test]
async fn a_repository_inside_of_another_hash_is_files() {
    let run = Run::after(
        "mkdir app; cd app; git init -q --object-format=sha256; echo x > x; git add x; git commit -qm x",
    )
    .await;
    let out = run.out().await;
    assert_eq!(out.changes(), ["A app/x"]);
    let named = !out.places().is_empty() || !out.not_committed().is_empty() || !out.result.notices.is_empty();
    assert!(named, "its commits are kept or named: {:#?}", out.result);
}

#[tokio::test]
async fn a_repository_that_the_agent_added_as_a_link_is_its_files() {
    for commit in ["", "git commit -qm 'with a link'"] {
        let script =
            format!("{APP}git add -A; git commit -qm inner; cd ..; git add app 2>/dev/null; {commit}");
        let run = Run::after(&script).await;
        let out = run.out().await;
        assert_eq!(out.changes(), ["A app/code", "A app/sub/deep"], "{commit}");
        assert!(Saved::of(&run).await.has_commit(&run.agent("git -C app rev-parse HEAD")));
    }
}

#[tokio::test]
async fn a_clone_inside_is_its_files_and_its_new_commits() {
    let run = Run::after("git clone -q . app; cd app; echo new > new; git add new; git commit -qm new").await;
    let out = run.out().await;
    assert!(
        out.changes().contains(&"A app/new".to_owned())
            && out.changes().contains(&"A app/README.md".to_owned())
    );
    assert!(Saved::of(&run).await.has_commit(&run.agent("git -C app rev-parse HEAD")));
}

#[tokio::test]
async fn a_bare_repository_inside_keeps_its_commits() {
    let run = Run::after(
        "git init -q --bare store.git; git clone -q store.git \"$OUTSIDE/w\" 2>/dev/null; cd \"$OUTSIDE/w\"
         echo mine > mine; git add mine; git commit -qm mine; git push -q origin HEAD; echo x",
    )
    .await;
    let out = run.out().await;
    let head = run.agent("git -C store.git rev-parse HEAD");
    let object = format!("A store.git/objects/{}/{}", &head[..2], &head[2..]);
    assert!(
        Saved::of(&run).await.has_commit(&head) || out.changes().contains(&object),
        "{:?}",
        out.changes()
    );
}

#[tokio::test]
async fn a_repository_inside_an_ignored_folder_is_ignored() {
    let run = Run::after(
        "mkdir -p ignored/app; cd ignored/app; git init -q; echo x > x; git add x; git commit -qm x",
    )
    .await;
    let out = run.out().await;
    assert_eq!((out.commits, out.not_committed()), (0, vec![]));
}

#[tokio::test]
async fn a_repository_inside_after_the_outer_one_is_gone() {
    let (run, _) = goes_out(
        &format!("{APP}git add -A; git commit -qm one; cd ..; rm -rf .git"),
        &["A app/code", "A app/sub/deep"],
    )
    .await;
    assert!(Saved::of(&run).await.has_commit(&run.agent("git -C app rev-parse HEAD")));
}

#[tokio::test]
async fn hooks_and_filters_of_a_repository_inside_do_not_run() {
    let script = format!(
        "{APP}git config core.fsmonitor \"touch $OUTSIDE/ran\"; git config filter.x.clean \"touch $OUTSIDE/ran; cat\"
         git config filter.x.process \"touch $OUTSIDE/ran\"; echo '* filter=x' > .gitattributes
         printf '#!/bin/sh\\ntouch %s/ran\\n' \"$OUTSIDE\" | tee .git/hooks/post-index-change > .git/hooks/reference-transaction
         chmod +x .git/hooks/*; rm -f \"$OUTSIDE/ran\""
    );
    let run = Run::after(&script).await;
    run.commit().await;
    assert!(!run.outside().join("ran").exists());
}
