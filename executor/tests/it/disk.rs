//! The limit of what the agent's files may take on disk.

use api::executor::ExitCause;
use reqwest::StatusCode;
use serde_json::json;

use crate::harness::{ANSWER, World, exit, processes_with, raw};

#[tokio::test]
async fn an_agent_whose_files_take_more_than_the_limit_is_killed_and_the_end_says_so() {
    // Many files, since a single one cannot be larger than the limit.
    let script = "mkdir .many; for i in $(seq 24); do head -c 1000000 /dev/urandom > .many/$i; done; sync .many/*\n\
                  echo written; read -r prompt; read -r for_ever";
    let world = World::start_with(script, |config| config.disk_bytes = 8 << 20).await;
    let all = world.execute("a").await;
    assert_eq!(raw(&all)[0], "written");
    assert_eq!(exit(&all).cause, ExitCause::DiskFull);
    assert!(exit(&all).stderr.contains("bytes on disk; the limit is 8388608"), "{}", exit(&all).stderr);
    // It goes on from there: the files can be removed, and the executor is well.
    std::fs::remove_dir_all(world.workspace().join(".many")).unwrap();
    let all = world.execute("b").await;
    assert_eq!(exit(&all).cause, ExitCause::DiskFull, "it writes them again");
}

#[tokio::test]
async fn below_the_limit_nothing_is_felt_and_no_file_grows_above_it() {
    let script = format!(
        "head -c 1000000 /dev/zero > small && echo small; head -c 9000000 /dev/zero > large || echo large\n{ANSWER}"
    );
    let world = World::start_with(&script, |config| config.disk_bytes = 8 << 20).await;
    let all = world.execute_with("a", json!({})).await;
    assert_eq!(exit(&all).cause, ExitCause::Exited);
    assert_eq!(raw(&all)[..2], ["small", "large"]);
    assert_eq!(std::fs::metadata(world.workspace().join("large")).unwrap().len(), 8 << 20);
    let health = world.request(reqwest::Method::GET, "/health").send().await.unwrap();
    assert_eq!(health.status(), StatusCode::OK);
}

#[tokio::test]
async fn with_a_user_of_its_own_the_agent_cannot_hide_its_files_behind_closed_folders() {
    if !nix::unistd::getuid().is_root() {
        eprintln!("needs root to become another user; not tested here");
        return;
    }
    let uid = 3_000_000 + std::process::id();
    let script = "mkdir .many; for i in $(seq 48); do head -c 1000000 /dev/urandom > .many/$i; done; sync .many/*\n\
                  chmod 0 .many; echo written; read -r prompt; read -r for_ever";
    let world = World::start_with(script, |config| {
        (config.agent_user, config.disk_bytes) = (uid.to_string(), 8 << 20);
        for place in [&config.workspace, &config.agent_home] {
            std::os::unix::fs::chown(place, Some(uid), Some(uid)).unwrap();
        }
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(config.workspace.parent().unwrap(), open).unwrap();
    })
    .await;
    let all = world.execute("a").await;
    assert_eq!(exit(&all).cause, ExitCause::DiskFull, "{all:#?}");
}

#[tokio::test]
async fn a_check_whose_files_take_more_than_the_limit_fails_and_says_so() {
    let world = World::start_with("", |config| config.disk_bytes = 8 << 20).await;
    let fill = "mkdir .many; for i in $(seq 24); do head -c 1000000 /dev/urandom > .many/$i; done; sync .many/*; \
                sleep 1000.601";
    let answer = world.call("/checks", json!({"checks": [fill], "attempt": 1})).await;
    let why = answer["results"][0]["why"].as_str().unwrap();
    assert!(why.contains("bytes on disk; the limit is 8388608"), "{answer}");
    assert_eq!(
        (answer["results"][0]["verdict"].as_str(), processes_with("sleep 1000.601")),
        (Some("failed"), 0)
    );
}
