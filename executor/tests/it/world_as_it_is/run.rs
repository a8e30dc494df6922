//! `Run`: a run whose agent is a shell script with the real git, from the clone to what is at the remote.

use std::{
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

use api::executor::{CommitResult, Kept, ObjectionKind, PushResult};
use nix::unistd::{Uid, getuid};
use serde_json::{Value, json};

use super::out::Out;
use crate::{
    git::{clone, push_body},
    git_server::{GitServer, git},
    harness::World,
};

/// The repository that a run starts from unless its test says otherwise.
const BASE: &str = "
    mkdir -p src docs/deep
    printf '# Demo\\n\\nOne.\\n\\nTwo.\\n\\nThree.\\n' > README.md
    echo 'fn main() {}' > src/main.rs; echo 'pub fn one() {}' > src/lib.rs
    echo 'a guide' > docs/guide.md; echo 'a page' > docs/deep/page.md
    printf '#!/bin/sh\\n' > run.sh; chmod +x run.sh; ln -s README.md link
    printf '*.log\\n/ignored/\\n' > .gitignore
    git add -A; git commit -qm one
    git branch other
    echo more >> docs/guide.md; git commit -qam two
    git switch -q other; echo other > other.md; git add -A; git commit -qm other; git switch -q main";

/// A run: its executor, its remote, and the user that its agent is.
pub(super) struct Run {
    world: World,
    pub(super) server: GitServer,
    /// The commit it starts from.
    pub(super) base: String,
    user: Option<Uid>,
}

impl Run {
    /// A run whose agent has done this.
    pub(super) async fn after(script: &str) -> Self {
        let run = Self::of(BASE).await;
        run.agent(script);
        run
    }

    /// A run on a repository whose branch `main` this script makes.
    pub(super) async fn of(repository: &str) -> Self {
        Self::with_submodules(&[], repository).await
    }

    /// The same with these repositories beside it, which the script can name by their paths as `$NAME`.
    pub(super) async fn with_submodules(names: &[&str], repository: &str) -> Self {
        let user = another_user();
        let world = World::start_with("", |config| {
            let Some(user) = user else { return };
            config.agent_user = user.to_string();
            for folder in [&config.workspace, &config.agent_home] {
                std::os::unix::fs::chown(folder, Some(user.as_raw()), Some(user.as_raw())).unwrap();
            }
            let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            std::fs::set_permissions(config.workspace.parent().unwrap(), open).unwrap();
        })
        .await;
        let server = GitServer::start(&world).await;
        let addresses: Vec<String> = names.iter().map(|name| server.url(name)).collect();
        for name in names {
            server.demo(name);
        }
        let bare = server.empty("world");
        let work = bare.with_file_name("world-work");
        git(bare.parent().unwrap(), &["clone", "-q", bare.to_str().unwrap(), work.to_str().unwrap()]);
        let mut bash = bash(None);
        bash.args(["-euc", repository]).current_dir(&work).env("GIT_CONFIG_GLOBAL", "/dev/null");
        bash.envs(names.iter().zip(&addresses).map(|(name, address)| (name.to_uppercase(), address)));
        succeed(bash, repository);
        git(&work, &["push", "-q", "--all"]);
        world.call("/init-git", json!({"githubUsername": "Ada", "email": "ada@example.org"})).await;
        let more = json!({"ref": "main", "workBranch": "caisson/run", "submodules": addresses});
        let (base, _) = clone(&world, &server.url("world"), more).await;
        let run = Self { world, server, base, user };
        std::fs::create_dir(run.outside()).unwrap();
        if let Some(user) = run.user {
            std::os::unix::fs::chown(run.outside(), Some(user.as_raw()), Some(user.as_raw())).unwrap();
        }
        run
    }

    /// A folder of the agent's outside of the workspace; its script knows it as `$OUTSIDE`.
    pub(super) fn outside(&self) -> PathBuf {
        self.world.folder.path().join("outside")
    }

    pub(super) fn workspace(&self) -> PathBuf {
        self.world.workspace()
    }

    /// The remote.
    pub(super) fn bare(&self) -> PathBuf {
        self.server.path("world")
    }

    /// Does this as the agent; what it printed.
    pub(super) fn agent(&self, script: &str) -> String {
        let mut bash = bash(self.user);
        bash.args(["-euc", script]).current_dir(self.workspace());
        bash.env("HOME", &self.world.config.agent_home).env("OUTSIDE", self.outside());
        succeed(bash, script)
    }

    /// Stops the executor and starts it again.
    pub(super) async fn restart(mut self) -> Self {
        self.world = self.world.restart().await;
        self.server.dial_again(&self.world).await;
        self.world.call("/init-git", json!({"githubUsername": "Ada", "email": "ada@example.org"})).await;
        self
    }

    pub(super) async fn commit(&self) -> CommitResult {
        self.commit_with(json!({"message": "Work of the run"})).await
    }

    /// What is taken out of a run that did not finish.
    pub(super) async fn rescue(&self) -> CommitResult {
        self.commit_with(json!({"message": "Work of the run", "rescue": true})).await
    }

    async fn commit_with(&self, body: Value) -> CommitResult {
        serde_json::from_value(self.world.call("/commit", body).await).unwrap()
    }

    pub(super) async fn push(&self) -> PushResult {
        serde_json::from_value(self.world.call("/push", push_body(&self.base)).await).unwrap()
    }

    /// A push that the remote may refuse.
    pub(super) async fn try_push(&self) {
        let status = self.world.post("/push", push_body(&self.base)).await.status();
        assert!(!status.is_server_error(), "{status}");
    }

    /// A push that must fail: why.
    pub(super) async fn push_fails(&self) -> String {
        self.world.refused("/push", push_body(&self.base)).await.1
    }

    /// Commits and pushes without an objection, twice: what is asked again is answered alike.
    pub(super) async fn out(&self) -> Out {
        let result = self.commit().await;
        assert_eq!(result.objections, [], "{result:#?}");
        let head = result.head.clone().unwrap();
        let again = self.commit().await;
        assert_eq!((again.commit, again.head, again.objections), (None, Some(head.clone()), vec![]));
        let pushed = self.push().await;
        assert_eq!(pushed.head_commit, head);
        Out::new(self, result, pushed.commits)
    }

    /// A commit that must be objected to for one reason: in which words. Nothing goes out.
    pub(super) async fn objected(&self, kind: ObjectionKind) -> String {
        let result = self.commit().await;
        let kinds: Vec<_> = result.objections.iter().map(|objection| objection.kind).collect();
        assert_eq!(kinds, [kind], "{result:#?}");
        let at_remote = self.remote("for-each-ref --format=%(objectname) refs/heads/caisson/run");
        let before = if at_remote.is_empty() { self.base.clone() } else { at_remote };
        assert_eq!((result.commit, result.head), (None, Some(before)));
        result.objections[0].text.clone()
    }

    /// What was kept beside the commits, by name.
    pub(super) async fn kept(&self) -> Vec<(String, Vec<u8>)> {
        let get = |path: String| self.world.request(reqwest::Method::GET, &path).send();
        let list: Kept = get("/kept".to_owned()).await.unwrap().json().await.unwrap();
        let mut kept = Vec::new();
        for artifact in list.artifacts {
            let response = get(format!("/kept/{}", artifact.name)).await.unwrap();
            assert!(response.status().is_success(), "{artifact:?}: {}", response.status());
            let bytes = response.bytes().await.unwrap().to_vec();
            assert_eq!(bytes.len() as u64, artifact.bytes, "{artifact:?}");
            assert!(!artifact.what.is_empty(), "{artifact:?}");
            kept.push((artifact.name, bytes));
        }
        kept
    }

    /// What answers a request for a kept artifact of this name.
    pub(super) async fn kept_status(&self, name: &str) -> reqwest::StatusCode {
        let path = format!("/kept/{name}");
        self.world.request(reqwest::Method::GET, &path).send().await.unwrap().status()
    }

    /// What git says of the remote; the words of the command are apart by one space.
    pub(super) fn remote(&self, command: &str) -> String {
        git(&self.bare(), &command.split(' ').collect::<Vec<_>>())
    }
}

/// A number that no other run has: root can read everything, and an agent is not root.
fn another_user() -> Option<Uid> {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let number = RUNS.fetch_add(1, Ordering::Relaxed) % 1024;
    getuid().is_root().then(|| Uid::from_raw(0x4000_0000 + std::process::id() * 1024 % 0x4000_0000 + number))
}

/// A shell as this user, which knows nothing of the settings of who runs the tests. It is killed when it hangs,
/// because a repository that was left broken may make git wait for ever.
fn bash(user: Option<Uid>) -> Command {
    let mut command = Command::new("timeout");
    command.arg("60");
    if let Some(user) = user {
        let id = user.to_string();
        command.args(["setpriv", "--reuid", &id, "--regid", &id, "--clear-groups", "--"]);
    }
    command.arg("bash");
    command.env("LC_ALL", "C.UTF-8").env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_EDITOR", "true");
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "Agent").env(format!("GIT_{who}_EMAIL"), "agent@example.org");
    }
    command
}

fn succeed(mut command: Command, script: &str) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}\n{}\n{said}", output.status);
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}
