//! What checks judge: what was made, not what the agent has left lying about in its home, in folders for temporary
//! files, or in its repository.

mod home;
mod repository;

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use api::event::{CheckRun, Verdict};
use serde_json::{Value, json};

use crate::{
    git::{clone, commit, push_body},
    git_server::{GitServer, git},
    harness::{TOKEN, World, exit, processes_with, write_script},
    process::{listening, program},
};

/// A world whose agent has left things lying about.
struct Left {
    world: World,
    server: GitServer,
    base: String,
}

impl Left {
    /// The agent runs this in its workspace, with `$HOME`, and `$T` for temporary files. Its work is committed.
    async fn by(agent: &str) -> Self {
        Self::in_image("", agent).await
    }

    /// The same in an image whose home was made by a script.
    async fn in_image(image: &str, agent: &str) -> Self {
        let (folder, config) = World::start(agent).await.stop().await;
        let made =
            Command::new("bash").args(["-euc", image]).env("HOME", &config.agent_home).status().unwrap();
        assert!(made.success());
        fs::remove_file(config.spool.join("home.json")).ok();
        let agent = format!("read -r prompt\nexport T={}/tmp\nset -eu\n{agent}\n", folder.path().display());
        write_script(std::path::Path::new(&config.agent_bin), &agent);
        let world = World::serve(folder, config).await;
        let server = GitServer::start(&world).await;
        server.demo("demo");
        world.call("/init-git", json!({"githubUsername": "Ada", "email": "ada@example.org"})).await;
        let (base, _) = clone(&world, &server.url("demo"), json!({"workBranch": "caisson/run"})).await;
        let lines = world.execute("a").await;
        assert_eq!(exit(&lines).code, Some(0), "{lines:#?}");
        commit(&world, "work").await;
        Self { world, server, base }
    }

    async fn checks(&self, checks: Value) -> Vec<CheckRun> {
        let answer = self.world.call("/checks", json!({"checks": checks, "attempt": 1})).await;
        serde_json::from_value::<api::executor::ChecksResult>(answer).unwrap().results
    }

    /// One check, in the workspace and in a clean checkout: both must come to this.
    async fn both(&self, check: &str, expected: Verdict) -> String {
        let mut said = String::new();
        for clean in [false, true] {
            let ran = self.checks(json!([{"run": check, "clean": clean}])).await.remove(0);
            assert_eq!(ran.verdict, expected, "{check} with clean {clean}: {ran:#?}");
            said = ran.why;
        }
        said
    }

    fn home(&self, path: &str) -> std::path::PathBuf {
        self.world.config.agent_home.join(path)
    }
}

#[tokio::test]
async fn a_check_that_removes_the_repository_or_the_home_costs_no_work() {
    let left =
        Left::by("echo a > a; git add a; git commit -qm One; git branch side; echo mine > ~/.mine").await;
    let ran = left.checks(json!(["rm -rf .git; rm -rf ~/* ~/.[!.]* 2> /dev/null; true"])).await;
    assert_eq!(ran[0].verdict, Verdict::Passed, "{ran:#?}");
    fs::write(left.world.workspace().join("b"), "b\n").unwrap();
    assert!(commit(&left.world, "Two").await.is_some());
    left.world.call("/push", push_body(&left.base)).await;
    let files = git(&left.server.path("demo"), &["ls-tree", "--name-only", "caisson/run"]);
    assert!(files.contains("a\nb"), "{files}");
}

#[tokio::test]
async fn after_an_executor_died_in_a_check_all_is_put_back() {
    let left = Left::by("echo mine > ~/.mine; git config x.mine 1; touch $T/mine").await;
    let Left { world, server: _server, .. } = left;
    let (folder, config) = world.stop().await;
    // What a check that is under way has.
    let (mut child, address) =
        listening(program(&config).env("CAISSON_SCRATCH", folder.path().join("tmp")).spawn().unwrap()).await;
    let reached = folder.path().join("reached");
    nix::unistd::mkfifo(&reached, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let check = format!("{{ test ! -e ~/.mine && echo here; }} > {}; sleep 1000.306", reached.display());
    let body = json!({"checks": [check, {"run": "true", "clean": true}], "attempt": 1});
    let asked = reqwest::Client::new().post(format!("http://{address}/checks")).bearer_auth(TOKEN);
    let dies = async {
        let said = tokio::task::spawn_blocking(move || fs::read_to_string(reached).unwrap()).await.unwrap();
        assert_eq!(said, "here\n");
        child.kill().await.unwrap();
    };
    let (answer, ()) = tokio::join!(asked.json(&body).send(), dies);
    assert!(answer.is_err());
    assert!(!config.agent_home.join(".mine").exists());
    let world = World::serve(folder, config).await;
    world.call("/checks", json!({"checks": [], "attempt": 1})).await;
    assert_eq!(fs::read_to_string(world.config.agent_home.join(".mine")).unwrap(), "mine\n");
    assert_eq!(git(&world.workspace(), &["config", "x.mine"]), "1");
    assert!(world.folder.path().join("tmp/mine").exists());
    assert_eq!(processes_with("sleep 1000.306"), 0);
    let mode = fs::metadata(&world.config.agent_home).unwrap().permissions().mode();
    assert_eq!(mode & 0o700, 0o700);
}
