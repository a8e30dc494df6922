//! The program itself: when it refuses to start, how it stops, and what its agent may do.

use std::{os::unix::fs::chown, path::Path, process::Command, time::Instant};

use api::executor::{ExecutionLine, ExitCause};
use executor::Config;
use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, getuid},
};
use reqwest::Response;
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Child,
};

use crate::harness::{TOKEN, World, execute_body, exit, lines, processes_with, raw, read_until};

const PROGRAM: &str = env!("CARGO_BIN_EXE_caisson-executor");

#[test]
fn without_a_firewall_or_a_token_it_does_not_start() {
    for (variables, text) in [
        (vec![("CAISSON_TOKEN", TOKEN)], "no firewall, no executor"),
        (vec![("CAISSON_TOKEN", TOKEN), ("CAISSON_FIREWALL", "yes")], "no firewall, no executor"),
        (vec![("CAISSON_TOKEN", ""), ("CAISSON_FIREWALL", "verified")], "CAISSON_TOKEN is empty"),
        (vec![("CAISSON_FIREWALL", "verified")], "--token"),
    ] {
        let output = Command::new(PROGRAM).env_clear().envs(variables).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(text), "{said}");
        assert!(!said.contains(TOKEN));
    }
}

/// The program over these folders.
pub(crate) fn program(config: &Config) -> tokio::process::Command {
    let mut command = tokio::process::Command::new(PROGRAM);
    command
        .env_clear()
        .env("PATH", &config.path)
        .env("CAISSON_TOKEN", TOKEN)
        .env("CAISSON_FIREWALL", "unchecked")
        .env("CAISSON_LISTEN", "127.0.0.1:0")
        .env("CAISSON_RELAY", "127.0.0.1:0")
        .env("CAISSON_SPOOL", &config.spool)
        .env("CAISSON_WORKSPACE", &config.workspace)
        .env("CAISSON_AGENT_BIN", &config.agent_bin)
        .env("CAISSON_AGENT_USER", "")
        .env("CAISSON_AGENT_HOME", &config.agent_home)
        .env("NO_COLOR", "1")
        .stderr(std::process::Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Waits until it listens, and where.
pub(crate) async fn listening(mut child: Child) -> (Child, String) {
    let first = BufReader::new(child.stderr.as_mut().unwrap()).lines().next_line().await.unwrap().unwrap();
    let address = first.split_once("address=").unwrap().1.split(' ').next().unwrap().to_owned();
    (child, address)
}

/// The program over these folders, and an execution of its agent.
async fn begin(config: &Config) -> (Child, Response) {
    let (child, address) = listening(program(config).spawn().unwrap()).await;
    let request = reqwest::Client::new().post(format!("http://{address}/execute")).bearer_auth(TOKEN);
    let mut stream = request.json(&execute_body("a", json!({}))).send().await.unwrap();
    read_until(&mut stream, "ready").await;
    (child, stream)
}

#[tokio::test]
async fn term_ends_the_agent_and_then_the_executor() {
    let script = "trap '' TERM\necho ready\nwhile :; do sleep 1000.401; done";
    // Its folders and settings, but as a process of its own.
    let (_folder, config) = World::start(script).await.stop().await;
    let (mut child, mut stream) = begin(&config).await;
    let began = Instant::now();
    kill(Pid::from_raw(child.id().unwrap().cast_signed()), Signal::SIGTERM).unwrap();
    // The reader still gets the end.
    read_until(&mut stream, r#""cause":"cancelled""#).await;
    assert!(child.wait().await.unwrap().success());
    assert!(began.elapsed().as_secs() < 9);
    assert_eq!(processes_with("sleep 1000.401"), 0);
}

#[tokio::test]
async fn the_agent_of_an_executor_that_died_is_killed_by_the_next_one() {
    let mark = format!("agent-{}", std::process::id());
    let script = format!("setsid bash -c 'echo ready; while :; do sleep 1; done' {mark}");
    let (folder, config) = World::start(&script).await.stop().await;
    let (mut child, _stream) = begin(&config).await;
    child.kill().await.unwrap();
    assert_ne!(processes_with(&mark), 0);
    let world = World::serve(folder, config).await;
    let all = lines(world.events("a", 0).await).await;
    assert_eq!(processes_with(&mark), 0);
    assert_eq!(raw(&all), ["ready"]);
    assert_eq!(exit(&all).cause, ExitCause::ExecutorRestarted);
}

#[tokio::test]
async fn an_agent_with_a_user_of_its_own_has_no_capability_and_cannot_read_the_spool() {
    if !getuid().is_root() {
        eprintln!("needs root to become another user; not tested here");
        return;
    }
    // A number that nobody has, so that killing all of its processes hits nobody else's.
    let uid = 1_000_000 + std::process::id();
    let script = "grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs)' /proc/self/status\nls \"$HOME/../spool\" 2>&1\n\
                  touch here && echo wrote\nchmod 700 .\nsetsid sleep 1000.402 &";
    let world = World::start_with(script, |config| {
        config.agent_user = uid.to_string();
        for folder in [&config.workspace, &config.agent_home] {
            chown(folder, Some(uid), Some(uid)).unwrap();
        }
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(Path::new(&config.agent_bin).parent().unwrap(), open).unwrap();
    })
    .await;
    let all: Vec<ExecutionLine> = world.execute("a").await;
    assert_eq!(exit(&all).code, Some(0), "{all:#?}");
    let said = raw(&all).join("\n");
    let zeros = "0".repeat(16);
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert!(said.contains(&format!("{set}:\t{zeros}")), "{said}");
    }
    assert!(said.contains(&format!("Uid:\t{uid}\t{uid}\t{uid}\t{uid}")), "{said}");
    assert!(said.contains("NoNewPrivs:\t1") && said.contains("Groups:\t \n"), "{said}");
    assert!(said.contains("spool': Permission denied") && said.ends_with("wrote"), "{said}");
    assert_eq!(processes_with("sleep 1000.402"), 0);
    // The agent has closed its workspace to others; checks run there all the same.
    let answer = world.call("/checks", json!({"checks": ["id -u && ls"], "attempt": 1})).await;
    assert_eq!(answer["results"][0]["output"], format!("{uid}\nhere\n"), "{answer}");
}
