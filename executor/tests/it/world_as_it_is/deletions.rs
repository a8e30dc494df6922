//! No deletion that nobody made: a file that is not in the work tree may be hidden, not removed.

use super::{out::Out, run::Run, saved::Saved};

/// Only `src/main.rs` differs, and the rest is as it was.
async fn only_the_edit_goes_out(script: &str) {
    let run = Run::after(script).await;
    let out = run.out().await;
    assert_eq!(out.changes(), ["M src/main.rs"]);
    assert_eq!(out.text("src/main.rs"), "edited\n");
    assert_eq!(run.agent("git status --porcelain"), "");
}

/// Exactly these lines of `git diff --name-status` go out.
async fn these_go_out(script: &str, changes: &[&str]) -> (Run, Out) {
    let run = Run::after(script).await;
    let out = run.out().await;
    assert_eq!(out.changes(), changes);
    (run, out)
}

mod hidden_files_stay {
    use super::only_the_edit_goes_out;

    forms! { only_the_edit_goes_out:
        after_a_sparse_checkout => "git sparse-checkout set src; echo edited > src/main.rs";
        after_a_sparse_checkout_without_cones =>
            "git sparse-checkout set --no-cone '/src/*.rs'; echo edited > src/main.rs";
        after_a_sparse_checkout_with_a_sparse_index =>
            "git sparse-checkout set --cone --sparse-index src; echo edited > src/main.rs";
        after_a_sparse_checkout_of_nothing =>
            "git sparse-checkout set --no-cone nothing; mkdir -p src; echo edited > src/main.rs";
        after_a_sparse_checkout_that_the_agent_committed_in =>
            "git sparse-checkout set src; echo edited > src/main.rs; git commit -qam edit";
        after_a_sparse_checkout_whose_edit_is_only_staged =>
            "git sparse-checkout set src; echo edited > src/main.rs; git add src/main.rs";
        after_a_sparse_checkout_on_a_detached_head =>
            "git sparse-checkout set src; git switch -q --detach; echo edited > src/main.rs; git commit -qam edit";
        after_a_sparse_checkout_with_a_split_index =>
            "git sparse-checkout set src; git update-index --split-index; echo edited > src/main.rs";
        after_a_sparse_checkout_with_an_index_of_version_4 =>
            "git sparse-checkout set src; git update-index --index-version 4; echo edited > src/main.rs";
        after_a_sparse_checkout_whose_patterns_are_gone =>
            "git sparse-checkout set src; rm .git/info/sparse-checkout; echo edited > src/main.rs";
        after_a_sparse_checkout_whose_setting_is_gone =>
            "git sparse-checkout set src; git config --worktree --unset core.sparseCheckout
             echo edited > src/main.rs";
        after_a_sparse_checkout_whose_settings_are_broken =>
            "git sparse-checkout set src; echo '[broken' > .git/config.worktree; echo edited > src/main.rs";
        after_skip_worktree_on_a_file_that_is_gone =>
            "git update-index --skip-worktree docs/guide.md; rm docs/guide.md; echo edited > src/main.rs";
        after_skip_worktree_on_a_folder_that_is_gone =>
            "git ls-files -z docs | xargs -0 git update-index --skip-worktree; rm -r docs
             echo edited > src/main.rs";
        when_only_times_have_changed =>
            "find . -path ./.git -prune -o -type f -exec touch -d 2001-01-01 {} +; echo edited > src/main.rs";
        when_files_were_written_again_with_the_same_content =>
            "cp -r docs docs2; rm -r docs; mv docs2 docs; echo edited > src/main.rs";
        when_the_index_was_emptied =>
            "git read-tree --empty; echo edited > src/main.rs";
        when_tracked_files_became_ignored =>
            "echo '*' > .git/info/exclude; echo edited > src/main.rs";
        when_the_work_tree_was_left_by_a_switch_without_a_checkout =>
            "git symbolic-ref HEAD refs/heads/new; git update-ref refs/heads/new caisson/run
             git read-tree HEAD; echo edited > src/main.rs";
    }
}

#[tokio::test]
async fn files_written_outside_of_a_sparse_checkout_go_out() {
    let script =
        "git sparse-checkout set src; mkdir docs; echo new > docs/new.md; echo edited > docs/guide.md";
    these_go_out(script, &["M docs/guide.md", "A docs/new.md"]).await;
}

#[tokio::test]
async fn files_removed_inside_a_sparse_checkout_are_removed() {
    these_go_out("git sparse-checkout set src; rm src/lib.rs", &["D src/lib.rs"]).await;
}

#[tokio::test]
async fn a_removal_that_the_agent_committed_outside_of_a_sparse_checkout_is_one() {
    let script = "git sparse-checkout set src; git rm -q --sparse docs/guide.md; git commit -qm removed";
    these_go_out(script, &["D docs/guide.md"]).await;
}

#[tokio::test]
async fn an_edit_below_skip_worktree_or_assume_unchanged_is_saved() {
    for flag in ["skip-worktree", "assume-unchanged"] {
        let script = format!("git update-index --{flag} docs/guide.md; echo hidden edit > docs/guide.md");
        let run = Run::after(&script).await;
        let out = run.out().await;
        assert!(Saved::of(&run).await.has("hidden edit\n"), "{flag}");
        let named = out.not_committed() == ["docs/guide.md"] || out.changes() == ["M docs/guide.md"];
        assert!(named, "{flag}: {:?}", out.result);
    }
}

#[tokio::test]
async fn an_index_that_is_broken_after_a_sparse_checkout_deletes_nothing() {
    for broken in ["echo garbage > .git/index", "rm .git/index"] {
        let script = format!("git sparse-checkout set src; echo edited > src/main.rs; {broken}");
        these_go_out(&script, &["M src/main.rs"]).await;
    }
}

#[tokio::test]
async fn files_and_folders_that_were_removed_are_removed() {
    these_go_out("rm README.md; rm -r docs/deep", &["D README.md", "D docs/deep/page.md"]).await;
    these_go_out("git rm -q README.md", &["D README.md"]).await;
    these_go_out("git rm -q README.md; git commit -qm removed", &["D README.md"]).await;
}

#[tokio::test]
async fn a_file_that_became_a_folder_and_a_folder_that_became_a_file_are_just_that() {
    let changes = ["D README.md", "A README.md/part", "A docs", "D docs/deep/page.md", "D docs/guide.md"];
    let (_run, out) = these_go_out(
        "rm -r README.md docs; mkdir README.md; echo a > README.md/part; echo b > docs",
        &changes,
    )
    .await;
    assert_eq!(out.text("docs"), "b\n");
}

#[tokio::test]
async fn a_folder_that_became_a_link_is_a_link_and_nothing_behind_it_goes_out() {
    let script = "mkdir \"$OUTSIDE/docs\"; echo secret > \"$OUTSIDE/docs/guide.md\"; rm -r docs
                  ln -s \"$OUTSIDE/docs\" docs";
    let (_run, out) = these_go_out(script, &["A docs", "D docs/deep/page.md", "D docs/guide.md"]).await;
    assert!(out.tree()["docs"].starts_with("120000 blob "), "{:?}", out.tree());
}

#[tokio::test]
async fn a_folder_behind_a_link_inside_the_workspace_is_moved_and_not_lost() {
    let (_run, out) = these_go_out(
        "mv docs manual; ln -s manual docs",
        &["A docs", "D docs/deep/page.md", "D docs/guide.md", "A manual/deep/page.md", "A manual/guide.md"],
    )
    .await;
    assert_eq!(out.text("manual/deep/page.md"), "a page\n");
}

#[tokio::test]
async fn a_name_that_changed_only_in_case_is_a_rename() {
    these_go_out("mv README.md Readme.md", &["D README.md", "A Readme.md"]).await;
    these_go_out("git config core.ignoreCase true; mv README.md Readme.md", &["D README.md", "A Readme.md"])
        .await;
}

#[tokio::test]
async fn modes_change_only_where_the_agent_changed_them() {
    let (_run, out) =
        these_go_out("chmod +x src/main.rs; chmod -x run.sh", &["M run.sh", "M src/main.rs"]).await;
    assert!(out.tree()["run.sh"].starts_with("100644 "), "{:?}", out.tree());
    assert!(out.tree()["src/main.rs"].starts_with("100755 "), "{:?}", out.tree());
    these_go_out("chmod 600 src/main.rs; chmod 700 run.sh; chmod g+w docs/guide.md", &[]).await;
}

#[tokio::test]
async fn a_link_that_git_was_told_not_to_make_is_still_a_link() {
    let (_run, out) =
        these_go_out("git config core.symlinks false; echo x > src/main.rs", &["M src/main.rs"]).await;
    assert!(out.tree()["link"].starts_with("120000 blob "), "{:?}", out.tree());
}
