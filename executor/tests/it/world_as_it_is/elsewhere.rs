//! Work elsewhere in the repository is pushed, or kept in a bundle and named.

use super::{run::Run, saved::Saved};

/// The script writes `mine` and leaves it in a place whose name has this word. Nothing of it is on the branch.
async fn is_kept(script: &str, word: &str) {
    let run = Run::after(&format!("{script}\necho edited > src/main.rs")).await;
    let out = run.out().await;
    assert_eq!(out.changes(), ["M src/main.rs"]);
    assert!(out.places().iter().any(|place| place.contains(word)), "{word} is not in {:?}", out.places());
    for elsewhere in &out.result.elsewhere {
        assert!(0 < elsewhere.commits && elsewhere.commit.len() == 40, "{elsewhere:?}");
    }
    let saved = Saved::of(&run).await;
    assert!(saved.has("mine\n"), "{:?}", saved.artifacts);
    assert!(saved.artifacts.contains(&"elsewhere.bundle".to_owned()), "{:?}", saved.artifacts);
    for elsewhere in &out.result.elsewhere {
        assert!(saved.has_commit(&elsewhere.commit), "{elsewhere:?} is in no bundle");
    }
    assert_eq!(run.agent("git status --porcelain"), "");
}

macro_rules! kept {
    ($($name:ident, $word:expr => $script:expr;)+) => {$(
        #[tokio::test]
        async fn $name() {
            is_kept($script, $word).await;
        }
    )+};
}

kept! {
    commits_on_another_branch_are_kept, "feature" =>
        "git switch -qc feature; echo mine > mine; git add mine; git commit -qm mine; git switch -q caisson/run";
    commits_on_a_branch_with_an_odd_name_are_kept, "é" =>
        "git switch -qc 'a/é'; echo mine > mine; git add mine; git commit -qm mine; git switch -q caisson/run";
    commits_on_a_branch_beyond_utf_8_are_kept, "" =>
        r"git branch $'x\xe9'; git switch -q $'x\xe9'; echo mine > mine; git add mine; git commit -qm mine
          git switch -q caisson/run";
    commits_on_a_packed_branch_are_kept, "feature" =>
        "git switch -qc feature; echo mine > mine; git add mine; git commit -qm mine; git switch -q caisson/run
         git gc -q --prune=now";
    commits_on_the_branch_main_are_kept, "main" =>
        "git switch -qc main origin/main; echo mine > mine; git add mine; git commit -qm mine
         git switch -q caisson/run";
    commits_on_a_branch_of_another_base_are_kept, "other" =>
        "git switch -q other; echo mine > mine; git add mine; git commit -qm mine; git switch -q caisson/run";
    commits_on_a_detached_head_that_was_left_are_kept, "" =>
        "git switch -q --detach; echo mine > mine; git add mine; git commit -qm mine; git switch -q caisson/run";
    commits_on_an_orphan_branch_are_kept, "pages" =>
        "git switch -q --orphan pages; echo mine > mine; git add mine; git commit -qm mine
         git switch -q caisson/run";
    commits_that_only_a_tag_has_are_kept, "v9" =>
        "echo mine > mine; git add mine; git commit -qm mine; git tag v9; git reset -q --hard HEAD~1";
    commits_that_only_an_annotated_tag_has_are_kept, "v9" =>
        "echo mine > mine; git add mine; git commit -qm mine; git tag -am v9 v9; git reset -q --hard HEAD~1";
    commits_that_only_an_odd_reference_has_are_kept, "wip" =>
        "echo mine > mine; git add mine; git commit -qm mine; git update-ref refs/wip/1 HEAD
         git reset -q --hard HEAD~1";
    notes_are_kept, "notes" => "printf 'mine\\n' > \"$OUTSIDE/note\"; git notes add -F \"$OUTSIDE/note\"";
    a_stash_is_kept, "stash" => "echo mine > src/lib.rs; git stash -q";
    a_stash_of_untracked_files_is_kept, "stash" => "echo mine > mine; git stash -qu";
    a_stash_of_ignored_files_is_kept, "stash" => "mkdir ignored; echo mine > ignored/mine; git stash -qa";
    a_stash_of_staged_files_is_kept, "stash" => "echo mine > mine; git add mine; git stash -q";
    a_stash_whose_index_and_files_differ_is_kept, "stash" =>
        "echo mine > src/lib.rs; git add src/lib.rs; echo again > src/lib.rs; git stash -q";
    an_older_stash_is_kept, "stash@{1}" =>
        "echo mine > src/lib.rs; git stash -q; echo second > src/lib.rs; git stash -q";
    a_stash_whose_log_is_gone_is_kept, "stash" =>
        "echo mine > src/lib.rs; git stash -q; rm .git/logs/refs/stash";
    a_stash_in_reftables_is_kept, "stash" =>
        "echo mine > src/lib.rs; git stash -q; rm -rf .git/logs; git refs migrate --ref-format=reftable 2>/dev/null || git --version | grep -q ' 2[.]39'";
    a_branch_in_reftables_is_kept, "feature" =>
        "git switch -qc feature; echo mine > mine; git add mine; git commit -qm mine; git switch -q caisson/run
         rm -rf .git/logs; git refs migrate --ref-format=reftable 2>/dev/null || git --version | grep -q ' 2[.]39'";
    a_branch_in_a_repository_with_broken_settings_is_kept, "feature" =>
        "git switch -qc feature; echo mine > mine; git add mine; git commit -qm mine; git switch -q caisson/run
         echo '[core' > .git/config";
    a_branch_in_a_repository_with_a_broken_index_is_kept, "feature" =>
        "git switch -qc feature; echo mine > mine; git add mine; git commit -qm mine; git switch -q caisson/run
         echo garbage > .git/index";
    a_branch_beside_one_that_is_broken_is_kept, "feature" =>
        "git switch -qc feature; echo mine > mine; git add mine; git commit -qm mine; git switch -q caisson/run
         echo garbage > .git/refs/heads/broken; printf '1%.0s' {1..40} > .git/refs/heads/missing";
    a_branch_beside_one_whose_file_is_garbage_is_kept, "feature" =>
        "git switch -qc bad; echo bad > bad; git add bad; git commit -qm bad; id=$(git rev-parse HEAD:bad)
         git switch -q caisson/run; file=.git/objects/${id:0:2}/${id:2}; chmod u+w $file; echo x > $file
         git switch -qc feature; echo mine > mine; git add mine; git commit -qm mine; git switch -q caisson/run";
    a_branch_whose_objects_are_borrowed_is_kept, "feature" =>
        "git switch -qc feature; echo mine > mine; git add mine; git commit -qm mine; git switch -q caisson/run
         cp -r .git/objects \"$OUTSIDE/objects\"; rm -rf .git/objects; mkdir -p .git/objects/info
         echo \"$OUTSIDE/objects\" > .git/objects/info/alternates";
    what_a_new_repository_committed_and_removed_again_is_kept, "" =>
        "rm -rf .git; git init -q; echo mine > mine; git add -A; git commit -qm all; git rm -q mine
         git commit -qm removed";
}

#[tokio::test]
async fn many_places_are_all_kept_and_named() {
    let mut script = String::new();
    for n in 1..=12 {
        script += &format!(
            "git switch -qc topic-{n} origin/main; echo content-{n} > {n}; git add {n}; git commit -qm {n}\n\
             echo stash-{n} > src/lib.rs; git stash -q\n"
        );
    }
    let run = Run::after(&(script + "git switch -q caisson/run")).await;
    let out = run.out().await;
    assert_eq!(out.commits, 0);
    let saved = Saved::of(&run).await;
    for n in 1..=12 {
        assert!(saved.has(format!("content-{n}\n")) && saved.has(format!("stash-{n}\n")), "{n}");
        let named = out.places().iter().any(|place| place.ends_with(&format!("topic-{n}")));
        assert!(named, "{n}: {:?}", out.places());
    }
}

#[tokio::test]
async fn a_branch_that_the_agent_stayed_on_is_the_work() {
    for switch in ["-qc feature", "-q --detach"] {
        let run =
            Run::after(&format!("git switch {switch}; echo a > a; git add a; git commit -qm a; echo b > b"))
                .await;
        let out = run.out().await;
        assert_eq!(out.changes(), ["A a", "A b"], "{switch}");
        assert_eq!(out.places(), [""; 0], "{switch}");
        assert!(out.has(&run.agent("git rev-parse HEAD")), "{switch}");
    }
}

#[tokio::test]
async fn an_orphan_branch_that_the_agent_stayed_on_is_kept_and_changes_nothing() {
    for commit in [
        "git add -A; git commit -qm orphan",
        "git rm -rqf --cached --ignore-unmatch .; git add mine; git commit -qm orphan",
    ] {
        let run = Run::after(&format!("git switch -q --orphan pages; echo mine > mine; {commit}")).await;
        let out = run.out().await;
        assert_eq!(out.changes(), [""; 0]);
        assert_eq!(out.commits, 0);
        assert!(out.places().iter().any(|place| place.contains("pages")), "{:?}", out.places());
        assert!(Saved::of(&run).await.has("mine\n"));
    }
}

#[tokio::test]
async fn files_beside_an_orphan_branch_that_has_no_commit_yet_are_saved() {
    let run = Run::after("git checkout -q --orphan pages; echo mine > mine").await;
    run.out().await;
    assert!(Saved::of(&run).await.has("mine\n"));
}

#[tokio::test]
async fn commits_that_were_reset_away_are_kept() {
    let run =
        Run::after("echo mine > mine; git add mine; git commit -qm mine; git reset -q --hard HEAD~1").await;
    let out = run.out().await;
    assert_eq!(out.commits, 0);
    assert!(Saved::of(&run).await.has("mine\n"));
    assert_eq!(out.result.elsewhere.len(), 1, "{:?}", out.result.elsewhere);
}

#[tokio::test]
async fn a_commit_that_was_amended_is_no_work_elsewhere() {
    let run = Run::after("echo a > a; git add a; git commit -qm a; git commit -q --amend -m better").await;
    let out = run.out().await;
    assert_eq!((out.commits, out.places()), (1, vec![]));
}

#[tokio::test]
async fn what_the_remote_has_is_no_work_elsewhere() {
    for script in [
        "true",
        "git branch -q copy origin/other; git branch -q copy2; git tag here; git fetch -q . HEAD",
        "git switch -q other; git switch -q caisson/run",
        "git checkout -q origin/other; git switch -q caisson/run",
        "git switch -q -c empty; git switch -q caisson/run; git branch -qD empty",
        "git stash -q; git bundle create -q \"$OUTSIDE/b\" --all",
    ] {
        let run = Run::after(script).await;
        let out = run.out().await;
        assert_eq!((out.commits, out.places(), out.not_committed()), (0, vec![], vec![]), "{script}");
        assert_eq!(out.head, run.base, "{script}");
        assert_eq!(Saved::of(&run).await.artifacts, [""; 0], "{script}");
    }
}

#[tokio::test]
async fn a_look_at_another_branch_of_the_remote_is_no_work() {
    for script in ["git switch -q other", "git checkout -q origin/other", "git checkout -q HEAD~1"] {
        let run = Run::after(script).await;
        let out = run.out().await;
        assert_eq!((out.commits, out.head.as_str()), (0, run.base.as_str()), "{script}");
    }
}

#[tokio::test]
async fn what_was_named_once_is_not_pushed_later_and_is_kept_to_the_end() {
    let run = Run::after(
        "git switch -qc feature; echo mine > mine; git add mine; git commit -qm mine; git switch -q -",
    )
    .await;
    run.out().await;
    run.agent(
        "git branch -qD feature; git reflog expire --expire=now --all; git gc -q --prune=now; echo b > b",
    );
    let out = run.out().await;
    assert_eq!(out.changes(), ["A b"]);
    assert!(Saved::of(&run).await.has("mine\n"), "what was taken out once is not lost by a later step");
}
