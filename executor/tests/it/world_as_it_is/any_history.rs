//! Whatever an agent did, every content it wrote and still had at its end is on the branch or in what was kept.

use std::collections::BTreeSet;

use proptest::{
    collection::vec,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use super::{run::Run, saved::Saved};

/// Names that an agent may give to a file; `$'…'` because a shell reads them.
const NAMES: [&str; 16] = [
    "README.md",
    "src/main.rs",
    "src/lib.rs",
    "docs/guide.md",
    "run.sh",
    "new",
    "a/b/c",
    "docs/new.md",
    "' '",
    "-x",
    "$'caf\\xe9'",
    "$'line\\nend'",
    "':!x'",
    ".env",
    "node_modules/p/x",
    "app/.env.local",
];

/// One thing that an agent does; `n` is its number, `a` and `b` choose among its forms.
fn step(n: usize, (kind, a, b): (u8, u8, u8)) -> String {
    let name = NAMES[usize::from(a) % NAMES.len()];
    let other = NAMES[usize::from(b) % NAMES.len()];
    let branch = ["caisson/run", "main", "other", "topic", "side"][usize::from(b) % 5];
    let place = ["$OUTSIDE/w", ".claude/worktrees/w", "src/w"][usize::from(b) % 3];
    let write = format!("mkdir -p \"$(dirname ./{name})\"; echo content-{n} > ./{name}");
    let commit = "git add -A; git commit -qm step";
    match kind % 32 {
        0..=5 => write,
        6 => format!("rm -rf ./{name}"),
        7 => format!("mv ./{name} ./{other}"),
        8 => format!("chmod {} ./{name}", ["+x", "-x", "600"][usize::from(b) % 3]),
        9 => format!("ln -sfn ./{other} ./{name}"),
        10 => format!("rm -rf ./{name}; mkdir ./{name}; echo content-{n} > ./{name}/inner"),
        11 | 12 => commit.to_owned(),
        13 => format!("{write}; {commit}"),
        14 => format!("{write}; git add -A; git commit -q --amend --no-edit"),
        15 => format!("git switch -q -c topic-{n} {branch}"),
        16 => format!("git switch -q {branch}"),
        17 => format!("git switch -q --detach {branch}; {write}; {commit}"),
        18 => format!("{write}; git stash -q {}", ["", "-u", "-a"][usize::from(b) % 3]),
        19 => "git stash pop -q || git reset -q --hard".to_owned(),
        20 => format!("git worktree add -q -b wt-{n} \"{place}{n}\"; echo content-{n} > \"{place}{n}\"/mine"),
        21 => format!(
            "git worktree add -q --detach \"{place}{n}\"; cd \"{place}{n}\"; echo content-{n} > mine; {commit}"
        ),
        22 => format!("mkdir -p in{n}; cd in{n}; git init -q; echo content-{n} > mine"),
        23 => format!(
            "mkdir -p src/in{n}; cd src/in{n}; git init -q; echo content-{n} > x; {commit}; git rm -q x; {commit}"
        ),
        24 => format!("git sparse-checkout set {}", ["src", "docs", "--no-cone '/src'"][usize::from(b) % 3]),
        25 => format!("git reset -q {} HEAD~1", ["--hard", "--soft", "--mixed"][usize::from(b) % 3]),
        26 => format!("git merge -q -m merge {branch} || git merge --abort"),
        27 => format!("git switch -q --orphan orphan-{n}; {write}; {commit}"),
        28 => format!("{write}; git tag tag-{n}; git pack-refs --all"),
        29 => "git gc -q --prune=now".to_owned(),
        30 => "rm -rf .git; git init -q".to_owned(),
        _ => format!("git rebase -q {branch} || git rebase --abort"),
    }
}

/// How a repository may be left; what it held just before must be saved all the same.
fn end(kind: u8) -> &'static str {
    match kind % 12 {
        0 => "echo garbage > .git/index",
        1 => "echo '[core' > .git/config",
        2 => "echo garbage > .git/HEAD",
        3 => "rm .git/HEAD .git/index",
        4 => "git config core.bare true",
        5 => "chmod -R a-w .git",
        6 => "chmod 000 src docs",
        7 => "mkfifo pipe; touch .git/index.lock",
        8 => "git update-index --split-index",
        9 => "rm -rf .git/logs",
        _ => "true",
    }
}

/// Prints the contents of all files of the workspace and of linked worktrees that no rule ignores.
const FILES: &str = r#"
    contents() { grep -rhaoE --exclude-dir=.git '^content-[0-9]+$' "$@" 2>/dev/null || true; }
    contents .
    git worktree list --porcelain 2>/dev/null | sed -n 's/^worktree //p' | while read -r place; do
        contents "$place"
    done"#;

/// Prints the contents of all commits that any reference, stash or worktree of any repository here has.
const COMMITS: &str = r#"
    find . -name .git -type d -prune | while read -r place; do
        cd "$place/.."
        heads=$(git stash list --format=%H 2>/dev/null; git rev-parse -q --verify HEAD
                git worktree list --porcelain 2>/dev/null | sed -n 's/^HEAD //p' | grep -v '^0*$') || true
        git rev-list --objects --all $heads 2>/dev/null | cut -d' ' -f1 \
            | git cat-file --batch-check='%(objecttype) %(objectname)' | sed -n 's/^blob //p' \
            | git cat-file --batch | grep -aoE '^content-[0-9]+$' || true
        cd - >/dev/null
    done"#;

async fn every_content_is_saved(steps: Vec<(u8, u8, u8)>, ends: Vec<u8>) {
    let run = Run::after("true").await;
    let mut script: Vec<String> = steps.into_iter().enumerate().map(|(n, at)| step(n, at)).collect();
    let perform = |step: &str| run.agent(&format!("( {step} ) >/dev/null 2>&1 || true"));
    script.iter().for_each(|step| drop(perform(step)));
    let lines = |text: String| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
    let (files, commits) = (lines(run.agent(FILES)), lines(run.agent(COMMITS)));
    for kind in ends {
        perform(end(kind));
        script.push(end(kind).to_owned());
    }
    let script = script.join("\n");
    let mut result = run.commit().await;
    let mut expected = commits;
    if result.objections.is_empty() {
        expected.extend(files);
    } else {
        // What is not committed is for a rescue to show, and not to bundle.
        result = run.rescue().await;
    }
    run.push().await;
    let saved = Saved::of(&run).await;
    let lost: Vec<_> = expected.iter().filter(|content| !saved.has(format!("{content}\n"))).collect();
    assert!(lost.is_empty(), "{lost:?} lost after\n{script}\n{result:#?}\n{:?}", saved.artifacts);
}

#[test]
fn every_content_that_an_agent_wrote_is_saved() {
    let config = Config { cases: 24, max_shrink_iters: 80, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let steps = vec(proptest::arbitrary::any::<(u8, u8, u8)>(), 1..16);
    let ends = vec(proptest::arbitrary::any::<u8>(), 0..3);
    let checked = runner.run(&(steps, ends), |(steps, ends)| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(every_content_is_saved(steps, ends));
        Ok(())
    });
    checked.unwrap();
}
