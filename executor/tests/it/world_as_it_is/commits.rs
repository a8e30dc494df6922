//! Commits that no git would make, or that a forge would refuse: their work is pushed or kept all the same.

use api::executor::ObjectionKind;

use super::{run::Run, saved::Saved};

/// What an odd commit is made of: `$tree` is its tree, `$parent` its parent. `commit` reads it and moves the
/// branch to it.
const PRELUDE: &str = "
    echo mine > mine; git add mine; tree=$(git write-tree); parent=$(git rev-parse HEAD)
    who='A <a@example.org> 1700000000 +0000'
    commit() { git update-ref refs/heads/caisson/run $(git hash-object -t commit -w --stdin --literally); }";

/// What the agent wrote is pushed, or kept; the call never fails.
async fn work_is_saved(script: &str) {
    let run = Run::after(&format!("{PRELUDE}\n{script}\necho later > later")).await;
    // A forge checks what it is sent.
    run.remote("config receive.fsckObjects true");
    let result = run.commit().await;
    if result.objections.is_empty() {
        run.try_push().await;
    }
    let saved = Saved::of(&run).await;
    for content in ["mine\n", "later\n"] {
        assert!(saved.has(content), "{content:?} is lost: {result:#?}, {:?}", saved.artifacts);
    }
}

/// What the agent wrote is on the branch.
async fn work_is_pushed(script: &str) {
    let run = Run::after(&format!("{PRELUDE}\n{script}\necho later > later")).await;
    let out = run.out().await;
    assert_eq!(out.changes(), ["A later", "A mine"]);
}

mod work_is_saved {
    use super::work_is_saved;

    forms! { work_is_saved:
        with_a_nul_in_a_message =>
            r#"printf 'tree %s\nparent %s\nauthor %s\ncommitter %s\n\na\0b\n' $tree $parent "$who" "$who" | commit"#;
        without_an_author =>
            r#"printf 'tree %s\nparent %s\ncommitter %s\n\nx\n' $tree $parent "$who" | commit"#;
        with_an_author_without_an_address =>
            r#"printf 'tree %s\nparent %s\nauthor A 1700000000 +0000\ncommitter %s\n\nx\n' $tree $parent "$who" | commit"#;
        with_a_date_beyond_all_clocks =>
            r#"who='A <a@example.org> 99999999999999999999 +9999'
               printf 'tree %s\nparent %s\nauthor %s\ncommitter %s\n\nx\n' $tree $parent "$who" "$who" | commit"#;
        with_a_parent_that_is_not_there =>
            r#"printf 'tree %s\nparent %040d\nauthor %s\ncommitter %s\n\nx\n' $tree 1 "$who" "$who" | commit"#;
        with_a_tree_that_is_not_there =>
            r#"printf 'tree %040d\nparent %s\nauthor %s\ncommitter %s\n\nx\n' 1 $parent "$who" "$who" | commit"#;
        with_itself_cut_short =>
            r"printf 'tree %s\n' $tree | git hash-object -t commit -w --stdin --literally > .git/refs/heads/caisson/run";
        with_a_tree_that_names_a_git_folder =>
            r#"bad=$(printf '100644 blob %s\tmine\n040000 tree %s\t.git\n' $(git hash-object mine) $tree | git mktree 2>/dev/null || echo $tree)
               printf 'tree %s\nparent %s\nauthor %s\ncommitter %s\n\nx\n' $bad $parent "$who" "$who" | commit"#;
        with_a_tree_whose_names_are_twice =>
            r#"blob=$(git rev-parse $tree:mine | xxd -r -p | base64 -w0)
               (printf '100644 mine\0'; echo $blob | base64 -d; printf '100644 mine\0'; echo $blob | base64 -d) > "$OUTSIDE/tree"
               bad=$(git hash-object -t tree -w --literally "$OUTSIDE/tree")
               printf 'tree %s\nparent %s\nauthor %s\ncommitter %s\n\nx\n' $bad $parent "$who" "$who" | commit"#;
        with_a_branch_at_a_file => "git hash-object -w mine > .git/refs/heads/caisson/run";
        with_a_branch_at_a_tag =>
            "git commit -qm mine; git tag -am tag t; git rev-parse t > .git/refs/heads/caisson/run";
        with_a_signature_of_garbage =>
            r#"printf 'tree %s\nparent %s\nauthor %s\ncommitter %s\ngpgsig garbage\n \n\nx\n' $tree $parent "$who" "$who" | commit"#;
    }
}

mod work_is_pushed {
    use super::work_is_pushed;

    forms! { work_is_pushed:
        with_an_empty_message => "git commit -q --allow-empty-message -m ''";
        with_a_message_beyond_utf_8 =>
            r#"printf 'tree %s\nparent %s\nauthor %s\ncommitter %s\n\ncaf\xe9\n' $tree $parent "$who" "$who" | commit"#;
        with_a_message_in_another_encoding =>
            r#"git -c i18n.commitEncoding=ISO-8859-1 commit -qm "$(printf 'caf\xe9')""#;
        with_a_message_of_a_megabyte => "head -c 1000000 /dev/zero | tr '\\0' x > \"$OUTSIDE/m\"; git commit -qF \"$OUTSIDE/m\"";
        with_an_author_beyond_utf_8 =>
            r"GIT_AUTHOR_NAME=$(printf 'Ren\xe9') git commit -qm mine";
        with_commits_without_changes => "git commit -qm mine; git commit -q --allow-empty -m empty";
        with_a_date_before_all_clocks =>
            "GIT_AUTHOR_DATE='1970-01-01T00:00:00Z' GIT_COMMITTER_DATE='1970-01-01T00:00:00Z' git commit -qm mine";
        with_many_commits =>
            "git commit -qm mine; for n in $(seq 200); do git commit-tree -p HEAD -m $n HEAD^{tree} > \"$OUTSIDE/c\"
             git update-ref refs/heads/caisson/run $(cat \"$OUTSIDE/c\"); done";
        with_a_merge_of_three =>
            "git commit -qm mine; for n in a b; do git branch $n $(git commit-tree -p HEAD~1 -m $n HEAD~1^{tree}); done
             git merge -q -m octopus a b";
        with_a_merge_of_the_remotes_branch_undone =>
            "git commit -qm mine; git merge -q -m merge origin/other; git rm -q other.md; git commit -qm undone";
    }
}

#[tokio::test]
async fn a_commit_without_a_change_is_pushed_and_is_no_reason_for_another() {
    let run = Run::after("git commit -q --allow-empty -m nothing").await;
    let out = run.out().await;
    assert_eq!((out.result.commit.as_deref(), out.commits), (None, 1));
}

#[tokio::test]
async fn an_unreadable_history_is_said_or_replaced_and_never_an_internal_error() {
    let run =
        Run::after("echo x > src/main.rs; printf 'tree x' > .git/objects/junk; rm -rf .git/objects/pack")
            .await;
    let result = run.commit().await;
    let kinds: Vec<_> = result.objections.iter().map(|objection| objection.kind).collect();
    assert!(kinds.is_empty() || kinds == [ObjectionKind::Unreadable], "{result:#?}");
    if kinds.is_empty() {
        run.push().await;
    }
    assert!(Saved::of(&run).await.has("x\n"));
}
