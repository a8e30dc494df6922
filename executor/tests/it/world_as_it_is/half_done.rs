//! Half-done operations go back to the agent; a finished merge keeps both parents.

use api::executor::ObjectionKind;

use super::run::Run;

/// Two branches that changed the same line of `README.md`: `ours`, which is checked out, and `theirs`.
const SIDES: &str = "
    git switch -qc theirs; sed -i s/Two/Theirs/ README.md; echo t > t; git add -A; git commit -qm theirs
    git switch -q caisson/run; sed -i s/Two/Ours/ README.md; echo o > o; git add -A; git commit -qm ours\n";

/// The agent hears of it by the file's name, and its operation is as it was: it can go on with it.
async fn goes_back(script: &str) -> Run {
    let run = Run::after(&format!("{SIDES}{script}")).await;
    let state = "git status --porcelain=v2 --branch; cat README.md";
    let before = run.agent(state);
    let text = run.objected(ObjectionKind::Conflicts).await;
    assert!(text.contains("README.md"), "{text}");
    assert_eq!(run.agent(state), before);
    run
}

async fn goes_back_to_the_agent(script: &str) {
    goes_back(script).await;
}

mod goes_back_to_the_agent {
    use super::goes_back_to_the_agent;

    forms! { goes_back_to_the_agent:
        when_a_merge_has_conflicts => "git merge theirs >/dev/null || true";
        when_a_squashed_merge_has_conflicts => "git merge --squash theirs >/dev/null 2>&1 || true";
        when_a_merge_has_conflicts_with_bases =>
            "git -c merge.conflictStyle=diff3 merge theirs >/dev/null || true";
        when_a_merge_has_conflicts_with_small_bases =>
            "git -c merge.conflictStyle=zdiff3 merge theirs >/dev/null || true";
        when_a_merge_has_conflicts_with_long_markers =>
            "mkdir -p .git/info; echo '* conflict-marker-size=12' > .git/info/attributes
             git merge theirs >/dev/null || true; rm .git/info/attributes";
        when_a_rebase_has_conflicts => "git rebase -q theirs >/dev/null 2>&1 || true";
        when_a_rebase_by_patches_has_conflicts => "git rebase -q --apply theirs >/dev/null 2>&1 || true";
        when_a_pick_has_conflicts => "git cherry-pick theirs >/dev/null 2>&1 || true";
        when_a_pick_without_a_commit_has_conflicts => "git cherry-pick -n theirs >/dev/null 2>&1 || true";
        when_a_pick_of_many_has_conflicts =>
            "git cherry-pick origin/main..theirs >/dev/null 2>&1 || true";
        when_a_revert_has_conflicts =>
            "sed -i s/Ours/Again/ README.md; git commit -qam again; git revert --no-edit HEAD~1 >/dev/null 2>&1 || true";
        when_a_stash_has_conflicts =>
            "sed -i s/Ours/Stashed/ README.md; git stash -q; sed -i s/Ours/Again/ README.md; git commit -qam again
             git stash pop -q >/dev/null 2>&1 || true";
        when_patches_by_mail_have_conflicts =>
            "git format-patch -q -1 theirs -o \"$OUTSIDE\"; git am -q -3 \"$OUTSIDE\"/*.patch >/dev/null 2>&1 || true";
        when_a_patch_has_conflicts =>
            "git format-patch -q -1 theirs --stdout > \"$OUTSIDE/p\"; git apply -3 \"$OUTSIDE/p\" >/dev/null 2>&1 || true";
        when_a_checkout_has_conflicts =>
            "sed -i s/Ours/Edited/ README.md; git checkout -q -m theirs >/dev/null 2>&1 || true";
        when_one_side_removed_the_file =>
            "git switch -q theirs; git rm -q README.md; git commit -qm gone; git switch -q caisson/run
             git merge theirs >/dev/null || true";
        when_both_sides_renamed_the_file =>
            "git switch -q theirs; git mv README.md README.md.theirs; git commit -qm moved; git switch -q caisson/run
             git mv README.md README.md.ours; git commit -qm moved; git merge theirs >/dev/null || true
             cp README.md.ours README.md";
        when_the_file_is_binary =>
            "printf 'a\\0b' > README.md; git commit -qam a; git switch -q theirs; printf 'a\\0c' > README.md
             git commit -qam b; git switch -q caisson/run; git merge theirs >/dev/null || true";
        when_the_sides_disagree_on_the_kind =>
            "git switch -q theirs; ln -sf run.sh README.md; git commit -qam link; git switch -q caisson/run
             git merge theirs >/dev/null || true; test -e README.md || ln -s run.sh README.md";
        when_markers_are_left_and_the_operation_is_forgotten =>
            "git merge theirs >/dev/null || true; rm .git/MERGE_HEAD; git add -A";
        when_markers_are_staged => "git merge theirs >/dev/null || true; git add -A";
        when_markers_are_committed =>
            "git merge theirs >/dev/null || true; git add -A; git commit -qm merged";
        when_markers_were_committed_before_other_commits =>
            "git merge theirs >/dev/null || true; git add -A; git commit -qm merged
             git commit -q --allow-empty -m later; echo x > x; git add x; git commit -qm more";
        when_the_markers_end_lines_with_a_carriage_return =>
            "git merge theirs >/dev/null || true; sed -i 's/$/\\r/' README.md; git add -A; git commit -qm merged";
    }
}

#[tokio::test]
async fn markers_in_a_new_file_go_back_to_the_agent() {
    let script = "printf 'a\\n<<<<<<< HEAD\\nours\\n=======\\ntheirs\\n>>>>>>> theirs\\n' > odd.txt";
    let run = Run::after(script).await;
    let text = run.objected(ObjectionKind::Conflicts).await;
    assert!(text.contains("odd.txt"), "{text}");
}

#[tokio::test]
async fn an_agent_that_puts_it_right_is_done() {
    for (start, right, parents) in [
        ("git merge theirs >/dev/null || true", "git add README.md; git commit -qm merged", 2),
        ("git merge theirs >/dev/null || true", "git add README.md", 2),
        ("git merge theirs >/dev/null || true", "git merge --abort; sed -i s/Ours/Solved/ README.md", 1),
        (
            "git rebase -q theirs >/dev/null 2>&1 || true",
            "git add README.md; git rebase --continue >/dev/null 2>&1",
            1,
        ),
        (
            "git cherry-pick theirs >/dev/null 2>&1 || true",
            "git add README.md; git cherry-pick --continue >/dev/null",
            1,
        ),
        ("git cherry-pick theirs >/dev/null 2>&1 || true", "git cherry-pick --quit; git add README.md", 1),
    ] {
        let run = goes_back(start).await;
        run.agent(&format!(
            "git checkout -q --ours README.md 2>/dev/null || true; printf 'Solved\\n' > README.md; {right}"
        ));
        let out = run.out().await;
        assert!(out.text("README.md").contains("Solved"), "{right}");
        assert_eq!(out.parents(), parents, "{right}");
        assert_eq!(run.agent("git status --porcelain; git rev-parse HEAD"), out.head, "{right}");
    }
}

#[tokio::test]
async fn a_merge_that_is_resolved_and_not_committed_has_both_parents() {
    let run = Run::after(&format!(
        "{SIDES}git merge theirs >/dev/null || true; echo Solved > README.md; git add -A; echo more > more"
    ))
    .await;
    let theirs = run.agent("git rev-parse theirs");
    let out = run.out().await;
    assert_eq!((out.parents(), out.has(&theirs)), (2, true));
    assert_eq!(
        (out.text("README.md"), out.text("more"), out.text("t")),
        ("Solved\n".into(), "more\n".into(), "t\n".into())
    );
    assert_eq!(out.places(), [""; 0]);
}

#[tokio::test]
async fn a_merge_without_conflicts_that_is_not_committed_has_both_parents() {
    let run = Run::after("git merge -q --no-commit origin/other >/dev/null 2>&1").await;
    let out = run.out().await;
    assert_eq!((out.parents(), out.changes()), (2, vec!["A other.md".to_owned()]));
}

#[tokio::test]
async fn a_merge_that_the_agent_committed_keeps_its_parents_and_its_id() {
    let run = Run::after("git merge -q -m merged origin/other").await;
    let (head, out) = (run.agent("git rev-parse HEAD"), run.out().await);
    assert_eq!((out.head.as_str(), out.parents()), (head.as_str(), 2));
}

#[tokio::test]
async fn a_merge_of_unrelated_histories_keeps_both() {
    let run = Run::after(
        "git switch -q --orphan new; echo new > new; git add new; git commit -qm new; git switch -q caisson/run
         git merge -q -m both --allow-unrelated-histories new",
    )
    .await;
    let out = run.out().await;
    assert_eq!((out.parents(), out.changes()), (2, vec!["A new".to_owned()]));
}

#[tokio::test]
async fn a_rebase_that_stopped_to_edit_goes_back_to_the_agent_or_out_whole() {
    let run = Run::after(&format!(
        "{SIDES}echo two > two; git add two; git commit -qm two
         GIT_SEQUENCE_EDITOR='sed -i 1s/pick/edit/' git rebase -q -i HEAD~2 >/dev/null 2>&1; echo edited > o"
    ))
    .await;
    let text = run.objected(ObjectionKind::Conflicts).await;
    assert!(text.contains("rebase"), "{text}");
    run.agent("git commit -qa --amend --no-edit; git rebase --continue >/dev/null 2>&1");
    assert_eq!(run.out().await.changes(), ["M README.md", "A o", "A two"]);
}

#[tokio::test]
async fn a_bisection_is_no_conflict() {
    let run = Run::after(
        "for n in 1 2 3 4; do echo $n > n; git add n; git commit -qm $n; done
         git bisect start HEAD origin/main >/dev/null; git bisect reset >/dev/null 2>&1; echo x > x",
    )
    .await;
    assert_eq!(run.out().await.changes(), ["A n", "A x"]);
}

#[tokio::test]
async fn a_bisection_that_is_under_way_loses_nothing() {
    let run = Run::after(
        "for n in 1 2 3 4; do echo n-$n > n; git add n; git commit -qm $n; done
         git bisect start HEAD origin/main >/dev/null; echo x > x",
    )
    .await;
    let result = run.commit().await;
    if result.objections.is_empty() {
        run.push().await;
    }
    let saved = super::saved::Saved::of(&run).await;
    for content in ["n-1\n", "n-4\n", "x\n"] {
        assert!(saved.has(content) || !result.objections.is_empty(), "{content:?}: {result:#?}");
    }
}

#[tokio::test]
async fn what_looks_like_a_marker_and_is_none_goes_out() {
    for content in [
        "Title\\n=======\\ntext\\n",
        "    <<<<<<< HEAD\\n    =======\\n    >>>>>>> x\\n",
        "cat <<<<<<<x\\n",
        "======= \\n",
        ">>>>>>> quoted mail\\n",
        "<<<<<<<\\n",
    ] {
        let run = Run::after(&format!("printf '{content}' > odd.txt")).await;
        assert_eq!(run.out().await.changes(), ["A odd.txt"], "{content}");
    }
}

#[tokio::test]
async fn markers_that_were_there_before_are_no_conflict() {
    let run = Run::of(
        "printf '<<<<<<< HEAD\\nours\\n=======\\ntheirs\\n>>>>>>> theirs\\n\\nend\\n' > fixture; git add fixture; git commit -qm one",
    )
    .await;
    run.agent("sed -i s/end/End/ fixture; echo more > more");
    assert_eq!(run.out().await.changes(), ["M fixture", "A more"]);
}

#[tokio::test]
async fn a_rescue_objects_to_nothing_and_the_commits_go_out() {
    for script in [
        "git merge theirs >/dev/null || true",
        "git rebase -q theirs >/dev/null 2>&1 || true",
        "git cherry-pick theirs >/dev/null 2>&1 || true",
        "git merge theirs >/dev/null || true; git add -A; git commit -qm markers",
    ] {
        let run = Run::after(&format!("{SIDES}{script}")).await;
        let result = run.rescue().await;
        assert_eq!((result.objections, result.commit), (vec![], None), "{script}");
        run.push().await;
        let saved = super::saved::Saved::of(&run).await;
        for content in ["t\n", "o\n"] {
            assert!(saved.has(content), "{script}: {content:?} of {:?}", saved.artifacts);
        }
    }
}
