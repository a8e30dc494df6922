//! Worktrees of the repository: their commits and their uncommitted files are kept, wherever they are.

use super::{run::Run, saved::Saved};

/// The script makes a worktree that holds `mine`: it is kept and named, and is no part of the tree.
async fn is_kept(script: &str) {
    let run = Run::after(&format!("{script}\necho edited > src/main.rs")).await;
    let out = run.out().await;
    assert_eq!(out.changes(), ["M src/main.rs"]);
    let saved = Saved::of(&run).await;
    assert!(saved.has("mine\n"), "{:#?}\n{:?}", out.result, saved.artifacts);
    assert_ne!(out.places(), [""; 0]);
    for elsewhere in &out.result.elsewhere {
        assert!(saved.has_commit(&elsewhere.commit), "{elsewhere:?} is in no bundle");
    }
}

mod is_kept {
    use super::is_kept;

    forms! { is_kept:
        with_a_commit_outside =>
            "git worktree add -q -b side \"$OUTSIDE/w\"; cd \"$OUTSIDE/w\"; echo mine > mine; git add mine
             git commit -qm mine; cd - >/dev/null";
        with_an_edit_outside =>
            "git worktree add -q -b side \"$OUTSIDE/w\"; echo mine > \"$OUTSIDE/w/src/lib.rs\"";
        with_a_new_file_outside =>
            "git worktree add -q -b side \"$OUTSIDE/w\"; echo mine > \"$OUTSIDE/w/mine\"";
        with_a_staged_file_outside =>
            "git worktree add -q -b side \"$OUTSIDE/w\"; echo mine > \"$OUTSIDE/w/mine\"
             git -C \"$OUTSIDE/w\" add mine";
        with_a_detached_commit_outside =>
            "git worktree add -q --detach \"$OUTSIDE/w\"; cd \"$OUTSIDE/w\"; echo mine > mine; git add mine
             git commit -qm mine; cd - >/dev/null";
        with_a_commit_inside =>
            "git worktree add -q -b side .claude/worktrees/side; cd .claude/worktrees/side; echo mine > mine
             git add mine; git commit -qm mine; cd - >/dev/null";
        with_an_edit_inside =>
            "git worktree add -q -b side .claude/worktrees/side; echo mine > .claude/worktrees/side/src/lib.rs";
        with_a_new_file_inside =>
            "git worktree add -q -b side .claude/worktrees/side; echo mine > .claude/worktrees/side/mine";
        with_a_detached_edit_inside =>
            "git worktree add -q --detach wt; echo mine > wt/mine";
        inside_a_folder_of_the_repository =>
            "git worktree add -q -b side src/wt; echo mine > src/wt/mine";
        inside_another_worktree =>
            "git worktree add -q -b one wt; git -C wt worktree add -q -b two inner; echo mine > wt/inner/mine";
        that_is_locked =>
            "git worktree add -q --lock -b side \"$OUTSIDE/w\"; echo mine > \"$OUTSIDE/w/mine\"";
        whose_folder_is_gone_after_a_commit =>
            "git worktree add -q --detach \"$OUTSIDE/w\"; cd \"$OUTSIDE/w\"; echo mine > mine; git add mine
             git commit -qm mine; cd - >/dev/null; rm -rf \"$OUTSIDE/w\"";
        that_was_removed_and_whose_branch_stays =>
            "git worktree add -q -b side \"$OUTSIDE/w\"; cd \"$OUTSIDE/w\"; echo mine > mine; git add mine
             git commit -qm mine; cd - >/dev/null; git worktree remove \"$OUTSIDE/w\"";
        that_was_moved_by_git =>
            "git worktree add -q -b side \"$OUTSIDE/w\"; git worktree move \"$OUTSIDE/w\" \"$OUTSIDE/v\"
             echo mine > \"$OUTSIDE/v/mine\"";
        that_was_moved_by_hand_inside =>
            "git worktree add -q -b side wt; echo mine > wt/mine; mv wt moved";
        whose_index_is_broken =>
            "git worktree add -q -b side \"$OUTSIDE/w\"; echo mine > \"$OUTSIDE/w/mine\"
             echo garbage > .git/worktrees/w/index";
        with_a_sparse_checkout =>
            "git worktree add -q --no-checkout -b side \"$OUTSIDE/w\"; cd \"$OUTSIDE/w\"
             git sparse-checkout set src; git checkout -q; echo mine > src/mine; cd - >/dev/null";
        in_the_middle_of_a_merge =>
            "git worktree add -q -b side \"$OUTSIDE/w\" origin/main; cd \"$OUTSIDE/w\"; echo mine > other.md
             git add other.md; git commit -qm mine; git merge -q origin/other >/dev/null || true; cd - >/dev/null";
        with_a_closed_folder =>
            "git worktree add -q -b side \"$OUTSIDE/w\"; mkdir \"$OUTSIDE/w/closed\"
             echo mine > \"$OUTSIDE/w/closed/mine\"; chmod 000 \"$OUTSIDE/w/closed\"";
        with_a_pipe_beside_it =>
            "git worktree add -q -b side \"$OUTSIDE/w\"; mkfifo \"$OUTSIDE/w/pipe\"; echo mine > \"$OUTSIDE/w/mine\"";
    }
}

#[tokio::test]
async fn a_worktree_without_work_is_nothing_at_all() {
    for place in ["\"$OUTSIDE/w\"", ".claude/worktrees/side", "wt"] {
        for how in ["-b side", "--detach"] {
            let run = Run::after(&format!("git worktree add -q {how} {place}")).await;
            let out = run.out().await;
            assert_eq!(
                (out.commits, out.places(), out.not_committed()),
                (0, vec![], vec![]),
                "{place} {how}"
            );
        }
    }
}

#[tokio::test]
async fn what_a_worktree_inside_leaves_out_is_named_and_kept() {
    let run = Run::after("git worktree add -q -b side wt; echo KEY=1 > wt/.env; echo a > wt/a").await;
    assert_eq!(run.out().await.not_committed(), ["wt/.env"]);
    assert_eq!(Saved::of(&run).await.left_out("wt/.env"), Some(b"KEY=1\n".as_slice()));
}

#[tokio::test]
async fn a_worktree_is_left_as_it_was() {
    let run = Run::after(
        "git worktree add -q -b side .claude/worktrees/side; cd .claude/worktrees/side; echo a > staged
         git add staged; echo b > loose",
    )
    .await;
    run.out().await;
    let state = "cd .claude/worktrees/side; git status --porcelain; git branch --show-current";
    assert_eq!(run.agent(state), "A  staged\n?? loose\nside");
}

#[tokio::test]
async fn the_run_can_be_in_a_worktree_whose_repository_is_elsewhere() {
    let run = Run::after(
        "mv .git \"$OUTSIDE/main\"; cd \"$OUTSIDE\"; mkdir linked; git --git-dir=main symbolic-ref HEAD refs/heads/x
         git --git-dir=main worktree add -q --no-checkout linked/w caisson/run; cd - >/dev/null
         mv \"$OUTSIDE/linked/w/.git\" .git; git worktree repair >/dev/null 2>&1; git reset -q
         echo edited > src/main.rs; git commit -qam edited; echo more > more",
    )
    .await;
    assert_eq!(run.out().await.changes(), ["A more", "M src/main.rs"]);
}
