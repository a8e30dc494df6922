//! After its work was taken out, the agent's repository is clean and usable, and its own choices are as they were.

use super::run::Run;

#[tokio::test]
async fn the_branch_is_at_the_commit_and_the_work_tree_is_clean() {
    let run =
        Run::after("echo a > a; echo edited > src/main.rs; git add a; rm -r docs; git mv run.sh go.sh").await;
    let out = run.out().await;
    assert_eq!(
        run.agent("git rev-parse HEAD; git branch --show-current"),
        format!("{}\ncaisson/run", out.head)
    );
    assert_eq!(run.agent("git status --porcelain"), "");
    assert_eq!(out.result.commit.as_deref(), Some(out.head.as_str()));
    assert_eq!(
        run.agent("git log -1 --format='%an <%ae> %cn %s'"),
        "Ada <ada@example.org> Ada Work of the run"
    );
}

#[tokio::test]
async fn another_branch_that_the_agent_stayed_on_is_at_the_commit() {
    let run = Run::after("git switch -qc feature; echo a > a").await;
    let out = run.out().await;
    assert_eq!(run.agent("git rev-parse HEAD; git branch --show-current"), format!("{}\nfeature", out.head));
    assert_eq!(run.agent("git status --porcelain"), "");
}

#[tokio::test]
async fn what_was_left_out_is_all_that_is_not_clean() {
    let run = Run::after("echo KEY=1 > .env; echo a > a; mkdir node_modules; echo x > node_modules/x").await;
    run.out().await;
    assert_eq!(run.agent("git status --porcelain"), "?? .env\n?? node_modules/");
}

#[tokio::test]
async fn nothing_to_commit_changes_nothing() {
    let run = Run::after("true").await;
    let out = run.out().await;
    assert_eq!((out.result.commit.clone(), out.commits, out.head.as_str()), (None, 0, run.base.as_str()));
    assert_eq!(
        run.agent("git status --porcelain --branch; git log --format=%H -1"),
        format!("## caisson/run\n{}", run.base)
    );
}

#[tokio::test]
async fn settings_branches_and_stashes_are_as_they_were() {
    let run = Run::after(
        "git config alias.x status; echo hook > .git/hooks/pre-commit; echo '*.mine' >> .git/info/exclude
         git branch side; echo s > src/lib.rs; git stash -q; git tag t; echo a > a",
    )
    .await;
    let state = "cat .git/config .git/hooks/pre-commit .git/info/exclude; git rev-parse side t stash";
    let before = run.agent(state);
    run.out().await;
    assert_eq!(run.agent(state), before);
    assert_eq!(run.agent("git stash pop -q; cat src/lib.rs"), "s");
}

#[tokio::test]
async fn a_sparse_checkout_is_still_one() {
    let run = Run::after("git sparse-checkout set src; echo edited > src/main.rs").await;
    run.out().await;
    assert_eq!(
        run.agent("git sparse-checkout list; git status --porcelain; ls"),
        "src\nREADME.md\nlink\nrun.sh\nsrc"
    );
}

#[tokio::test]
async fn the_agents_files_are_as_they_were() {
    let run = Run::after(
        r"printf 'a\r\n' > crlf; echo '* text=auto' > .gitattributes; chmod 600 crlf; touch -d 2001-01-01 crlf
          ln -s nowhere l; mkdir empty; mkfifo pipe",
    )
    .await;
    let state = "stat -c '%n %s %a %Y %F' crlf l empty pipe README.md; od -c crlf";
    let before = run.agent(state);
    run.out().await;
    assert_eq!(run.agent(state), before);
}

#[tokio::test]
async fn a_step_after_a_step_adds_only_what_is_new() {
    let run = Run::after("echo 1 > one").await;
    let first = run.out().await.head;
    run.agent("echo 2 > two");
    let out = run.out().await;
    assert_eq!((out.commits, out.has(&first)), (2, true));
    run.agent("git commit -q --allow-empty -m mine");
    assert_eq!(run.out().await.commits, 3);
}

#[tokio::test]
async fn a_merge_of_steps_is_in_the_agents_files_as_well() {
    let run = Run::after("echo 1 > one").await;
    run.out().await;
    run.agent("git switch -qc two origin/main; echo 2 > two; git add two; git commit -qm two");
    let out = run.out().await;
    assert_eq!(
        run.agent("ls one two; git status --porcelain; git rev-parse HEAD"),
        format!("one\ntwo\n{}", out.head)
    );
}
