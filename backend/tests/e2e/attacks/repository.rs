//! The repository attacks: when it is cloned, when the agent begins, when the work is committed and pushed.

use std::{path::Path, process::Command};

use api::{run::Reason, task::RepositorySettings};

use crate::harness::{World, ended, ends, launch, launch_with, output, step};

const HOSTILE: &str = include_str!("hostile.sh");
/// What the agent finds after the clone.
const PROBE: &str = r#"ls -d hooked-* 2> /dev/null
echo "spool=$(cat spool/* 2> /dev/null && echo got || echo refused)"
echo "outside=$(ls -d /sub4 /workspace/../sub4 /home/agent/sub4 2> /dev/null | wc -l)"
echo "many=$(ls many | wc -l)"
echo "filtered=$(cat filtered.txt)"
echo "hooks=$(ls .git/hooks 2> /dev/null | grep -vc sample)"
echo "settings=$(git config --local --list | grep -ci -e hookspath -e fsmonitor -e 'filter\.')""#;

fn work(world: &World) -> std::path::PathBuf {
    world.dir().join("work-sample")
}

fn run_in(folder: &Path, script: &str) {
    output(Command::new("bash").arg("-c").arg(script).current_dir(folder));
}

async fn probed(settings: RepositorySettings) -> String {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let repository = world.repository("sample");
    world.commit("sample", "probe.sh", PROBE);
    run_in(&work(&world), HOSTILE);
    let run =
        launch_with(&client, "[[probe]]", &repository, |task| task.repository_settings = settings).await;
    let run = ends(&client, run.id, Reason::Completed).await;
    world.git("sample", &["show", &format!("{}:probe.txt", run.branch)])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_repository_runs_nothing_by_itself() {
    let said = probed(RepositorySettings::Ignored).await;
    assert!(!said.contains("hooked-"), "{said}");
    for expected in ["spool=refused", "outside=0", "many=5000", "filtered=filtered", "hooks=0", "settings=0"]
    {
        assert!(said.lines().any(|line| line == expected), "expected {expected} in:\n{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_repositorys_hook_runs() {
    let said = probed(RepositorySettings::Trusted).await;
    assert!(said.contains("hooked-by-settings"), "{said}");
    assert!(!said.contains("hooked-by-git") && !said.contains("hooked-by-submodule"), "{said}");
}

/// Trees that no git makes by itself: names that mean `.git` to some file system, and files below a link.
#[tokio::test(flavor = "multi_thread")]
async fn a_tree_that_aims_at_the_repository_itself_is_refused_in_words_or_harmless() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let repository = world.repository("sample");
    let evil = "printf '#!/bin/sh\\ntouch /workspace/hooked\\n' | git hash-object -w --stdin";
    let hooks = format!(
        "hook=$({evil}); inner=$(printf '100755 blob %s\\tpost-checkout\\n' $hook | git mktree); hooks=$(printf '040000 tree %s\\thooks\\n' $inner | git mktree)"
    );
    let up = "040000 tree $hooks\\t..";
    let entries = [
        "040000 tree $hooks\\t.git",
        "040000 tree $hooks\\t.GIT",
        "040000 tree $hooks\\tgit~1",
        "040000 tree $hooks\\t.git ",
        "040000 tree $hooks\\t.g\u{200c}it",
        up,
        "120000 blob $link\\tdoor\\n040000 tree $hooks\\tdoor",
    ];
    for (number, entry) in entries.iter().enumerate() {
        let script = format!(
            "set -eu; {hooks}; link=$(printf %s /home/agent | git hash-object -w --stdin)
            probe=$(echo 'ls -aR /workspace/.git/hooks /home/agent /hooks 2> /dev/null | grep -c ^post-checkout; ls hooked' | git hash-object -w --stdin)
            tree=$(printf \"{entry}\\n100644 blob $probe\\tprobe.sh\\n\" | git mktree)
            commit=$(git -c user.name=T -c user.email=t@localhost commit-tree -m Hostile $tree)
            git push --quiet --force origin $commit:refs/heads/main"
        );
        run_in(&work(&world), &script);
        let run = launch(&client, vec![step("[[probe]]", &[])], &repository).await;
        let run = ended(&client, run.id).await;
        match run.reason {
            Some(Reason::CloneFailed) => assert!(run.detail.is_some_and(|why| !why.is_empty()), "{number}"),
            Some(Reason::Completed) => {
                let said = world.git("sample", &["show", &format!("{}:probe.txt", run.branch)]);
                assert!(said.starts_with('0') && !said.contains("\nhooked"), "{number} {entry}: {said}");
            }
            other => panic!("{number} {entry}: {other:?} {:?}", run.detail),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_files_and_a_thousand_folders_deep_end_truthfully() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let repository = world.repository("sample");
    let script = "set -eu; blob=$(echo x | git hash-object -w --stdin)
        many=$(seq 100000 | awk -v blob=$blob '{ printf \"100644 blob %s\\t%06d\\n\", blob, $1 }' | git mktree)
        deep=$many; deep=$(printf '100644 blob %s\\tfile\\n' $blob | git mktree)
        for _ in $(seq 1000); do deep=$(printf '040000 tree %s\\tdddd\\n' $deep | git mktree); done
        tree=$(printf '040000 tree %s\\tmany\\n040000 tree %s\\tdeep\\n' $many $deep | git mktree)
        commit=$(git -c user.name=T -c user.email=t@localhost commit-tree -m Hostile $tree)
        git push --quiet --force origin $commit:refs/heads/main";
    run_in(&work(&world), script);
    let run = launch(&client, vec![step("First step.", &[])], &repository).await;
    let run = ended(&client, run.id).await;
    assert!(
        matches!(run.reason, Some(Reason::Completed | Reason::CloneFailed)),
        "{:?} {:?}",
        run.reason,
        run.detail
    );
}
