//! The agent pushes to what is not its own and fetches what it was not given: with git, and without.

use std::{path::PathBuf, process::Command};

use api::{
    event::{Event, EventBody},
    run::Reason,
};

use super::tools;
use crate::{
    door::Door,
    harness::{World, docker, ends, events_of, image, launch, output, step},
};

const SCRIPT: &str = include_str!("pushes.sh");
/// Why a push to another branch is refused. `OWN` stands for the run's branch, `URL` for its repository.
const BRANCH: &str = "remote: Caisson: this run may push to the branch OWN only, and remove nothing";
const REPOSITORY: &str = "Caisson: this run may use the repository URL only";
/// What the firewall says where the gateway is not asked.
const FIREWALL: &str = "remote: Caisson refused the connection to ";
/// What is refused: the names in the script, and what the agent is told.
const REFUSED: [(&str, &[&str]); 16] = [
    ("main", &[BRANCH, "main (not this run's branch)"]),
    ("tag", &[BRANCH, "v1 (not this run's branch)"]),
    ("review", &[BRANCH, "refs/for/main (not this run's branch)"]),
    ("force", &[BRANCH, "main (not this run's branch)"]),
    ("delete_main", &[BRANCH, "main (a run may not remove anything)"]),
    ("delete_other", &[BRANCH, "other (a run may not remove anything)"]),
    ("delete_own", &[BRANCH, "OWN (a run may not remove anything)"]),
    ("mirror", &[BRANCH, "(not this run's branch)"]),
    ("both", &[BRANCH, "OWN (not done, because another update is refused)", "main (not this run's branch)"]),
    ("options", &["remote: Caisson: a push with push-options cannot pass the git gateway"]),
    ("by_hand", &["ng refs/heads/main not this run's branch"]),
    ("by_hand_other", &[REPOSITORY]),
    ("other", &[FIREWALL]),
    ("other_relayed", &["remote: ", REPOSITORY]),
    ("fetch_other", &[FIREWALL]),
    ("fetch_relayed", &["remote: ", REPOSITORY]),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_pushes_to_its_own_branch_of_its_own_repository_and_nowhere_else() {
    let folder = tempfile::TempDir::new().unwrap();
    // Before the others, so that there is something to push, and after them: the gateway goes on.
    let names = || ["own"].into_iter().chain(REFUSED.map(|(name, _)| name)).chain(["own"]);
    let commands: Vec<String> = names().map(|name| format!("bash pushes.sh {name}")).collect();
    let world =
        World::start(&[&format!("--model=scripted:{}", tools::script(folder.path(), &commands))]).await;
    let gateway = world.network(&[]);
    for name in ["own", "other"] {
        world.repository(name);
        // The server itself refuses nothing of it.
        world.git(name, &["config", "receive.denyDeleteCurrent", "ignore"]);
        world.git(name, &["config", "receive.advertisePushOptions", "true"]);
        world.git(name, &["branch", "other", "main"]);
    }
    world.commit("own", "pushes.sh", SCRIPT);
    for (name, _) in REFUSED {
        assert!(is_done_by_a_host(&world, name), "the server does it for whoever asks: {name}");
    }
    // The git server is within the containers' reach, so that nothing but the firewall keeps them from it.
    let door = Door::open_at(&gateway, &world.url("own")).await;
    let other = door.url.replace("/own.git", "/other.git");
    let there = docker(&["run", "--rm", "--entrypoint=git", &image(), "ls-remote", &other]);
    assert!(there.contains("refs/heads/main"), "{there}");

    let (own_before, other_before) = (references(&world, "own"), references(&world, "other"));
    let client = world.client().await;
    let run = launch(&client, vec![step("Push.", &[])], &door.url).await;
    let run = ends(&client, run.id, Reason::Completed).await;
    let events = events_of(&client, run.id).await;
    let answers = tools::answers(&events);
    assert_eq!(answers.len(), REFUSED.len() + 2, "{answers:?}");
    assert!(answers[0].contains("[new branch]"), "its own branch: {}", answers[0]);
    for ((name, expected), said) in REFUSED.iter().zip(&answers[1..]) {
        for expected in *expected {
            let expected = expected.replace("OWN", &run.branch).replace("URL", &door.url);
            assert!(said.contains(&expected), "{name}: expected `{expected}` in:\n{said}");
        }
        assert!(!said.contains("fetched"), "{name}: {said}");
    }
    let last = answers.last().unwrap();
    assert!(last.contains(&format!("HEAD -> {}", run.branch)) && !last.contains("rejected"), "{last}");

    let told =
        |event: &Event| matches!(&event.body, EventBody::Egress(it) if !it.allowed && it.host == gateway);
    assert!(events.iter().any(told), "the way past the gateway is told as refused");

    let mut own_after = references(&world, "own");
    let branch = format!("refs/heads/{} ", run.branch);
    own_after.retain(|reference| !reference.starts_with(&branch));
    assert_eq!(own_after, own_before);
    assert_eq!(references(&world, "other"), other_before);
    let work = world.git("own", &["log", "--format=%s", &format!("main..{}", run.branch)]);
    assert_eq!(work.lines().collect::<Vec<_>>(), ["Own", "Options", "Both", "Own"], "its work arrived");
}

/// Every reference of a repository, and where it is.
fn references(world: &World, name: &str) -> Vec<String> {
    let listed = world.git(name, &["for-each-ref", "--format=%(refname) %(objectname)"]);
    listed.lines().map(str::to_owned).collect()
}

/// Whether this line of the script does what it says for somebody who asks the git server itself. It has copies
/// of both repositories.
fn is_done_by_a_host(world: &World, name: &str) -> bool {
    let place = format!("control-{name}");
    let git = world.dir().join("git");
    let copies = git.join(&place);
    std::fs::create_dir(&copies).unwrap();
    for repository in ["own.git", "other.git"] {
        output(Command::new("cp").arg("-a").arg(git.join(repository)).arg(&copies));
    }
    let [own, other] = ["own", "other"].map(|repository| format!("{place}/{repository}"));
    let work = world.dir().join(format!("work-{place}"));
    output(Command::new("git").args(["clone", "--quiet", "--branch=main", &world.url(&own)]).arg(&work));
    output(Command::new("git").args(["switch", "--quiet", "--create", "work"]).current_dir(&work));
    tried(&work, "own");
    let before = (references(world, &own), references(world, &other));
    let said = tried(&work, name);
    said.contains("fetched") || before != (references(world, &own), references(world, &other))
}

fn tried(work: &PathBuf, name: &str) -> String {
    let mut bash = Command::new("bash");
    for who in ["AUTHOR", "COMMITTER"] {
        bash.env(format!("GIT_{who}_NAME"), "T").env(format!("GIT_{who}_EMAIL"), "t@localhost");
    }
    let done = bash.args(["pushes.sh", name]).current_dir(work).output().unwrap();
    String::from_utf8_lossy(&done.stdout).into_owned()
}
