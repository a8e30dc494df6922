//! A repository behind SSH: from a container through the relay and the link to a real `sshd`, and back.

use std::{fs::Permissions, os::unix::fs::PermissionsExt, path::Path, process::Command};

use api::run::Reason;
use serde_json::json;
use tempfile::TempDir;
use testkit::sshd::{Options, Sshd};

use crate::harness::{World, ends, launch_with, output};

/// What the agent runs: commits, and pushes where it may not.
const WORK: &str = "echo kept > kept.txt && git add kept.txt && git commit -qm 'By the agent'
git push origin HEAD:refs/heads/main > said.txt 2>&1; echo \"exit $?\" >> said.txt";

/// An SSH server with a repository, and a Caisson that has a key for it.
struct Place {
    world: World,
    repository: String,
    folder: TempDir,
    _server: Sshd,
}

impl Place {
    /// The server's key is `host`; with another name Caisson knows another key for it.
    async fn start(known_key: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let server = Sshd::start(folder.path(), &Options::default());
        let file = |name: &str, content: String| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
            path.display().to_string()
        };
        let credentials =
            file("credentials.json", json!({ "credentials": [server.credential(known_key)] }).to_string());
        let bash = json!({ "name": "Bash", "input": { "command": WORK, "description": "Work" } });
        let turns = json!([{ "tools": [bash] }, { "text": "Done." }]);
        let conversations = json!([{ "match": { "prompt": "." }, "turns": turns }]);
        let script = file("script.json", json!({ "conversations": conversations }).to_string());
        let settings = [format!("--git-credentials={credentials}"), format!("--model=scripted:{script}")];
        let world = World::start(&settings.each_ref().map(String::as_str)).await;
        world.repository("sample");
        let bare = |path: &Path| path.join("sample.git").display().to_string();
        let made = bare(&world.dir().join("git"));
        output(Command::new("git").args(["clone", "--quiet", "--bare", &made, &bare(folder.path())]));
        let repository = format!("ssh://{}/~/sample.git", server.place());
        Self { world, repository, folder, _server: server }
    }

    /// What git says of the repository behind SSH.
    fn git(&self, arguments: &[&str]) -> String {
        output(Command::new("git").arg("-C").arg(self.folder.path().join("sample.git")).args(arguments))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_works_on_a_repository_behind_ssh_and_pushes_to_its_own_branch_only() {
    let place = Place::start("host").await;
    let main = place.git(&["rev-parse", "main"]);
    let client = place.world.client().await;
    let run = launch_with(&client, "Work.", &place.repository, |_| ()).await;
    let run = ends(&client, run.id, Reason::Completed).await;
    assert_eq!(place.git(&["show", &format!("{}:kept.txt", run.branch)]), "kept");
    let log = place.git(&["log", "--format=%s", &run.branch]);
    assert!(log.lines().any(|subject| subject == "By the agent"), "{log}");
    let said = place.git(&["show", &format!("{}:said.txt", run.branch)]);
    let refusal = format!("Caisson: this run may push to the branch {} only", run.branch);
    assert!(said.contains(&refusal) && said.ends_with("exit 1"), "{said}");
    assert_eq!(place.git(&["rev-parse", "main"]), main);
    let branches = place.git(&["for-each-ref", "--format=%(refname:short)"]);
    assert_eq!(branches.lines().count(), 2, "{branches}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ssh_server_with_another_key_ends_the_run_in_words() {
    let place = Place::start("stranger").await;
    let client = place.world.client().await;
    let run = launch_with(&client, "Work.", &place.repository, |_| ()).await;
    let why = ends(&client, run.id, Reason::CloneFailed).await.detail.unwrap_or_default();
    assert!(why.contains("shows a key that is not among its known hosts, SHA256:"), "{why}");
    let branches = place.git(&["for-each-ref", "--format=%(refname:short)"]);
    assert_eq!(branches, "main");
}
