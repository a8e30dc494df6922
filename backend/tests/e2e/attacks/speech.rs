//! What the agent says is an attack: a line without end, codes for the terminal of whoever reads it.

use std::process::Command;

use api::{event::EventBody, run::Reason};

use super::network::is_at_work;
use crate::harness::{TOKEN, World, docker, ended, ends, events_of, image_with, launch, launch_with, step};

/// An agent that prints a gigabyte without a line end.
const ENDLESS: &str = r#"RUN printf '#!/bin/sh\nhead -c 1073741824 /dev/zero | tr "\\000" x\ntouch /workspace/said\nuntil test -e /workspace/go; do sleep 0.1; done\n' > /usr/local/bin/claude"#;
/// What the executor may have used at most, in kB: the longest line that is kept, a few times.
const MEMORY: u64 = 400 << 10;

#[tokio::test(flavor = "multi_thread")]
async fn a_line_without_end_is_cut_and_the_executor_stays_small() {
    let image = image_with("endless", ENDLESS);
    let world = World::start(&[&format!("--image={image}"), "--auto-retries=0"]).await;
    let client = world.client().await;
    let repository = world.repository("sample");
    let run = launch(&client, vec![step("First step.", &[])], &repository).await;
    is_at_work(&client, run.id).await;
    let container = world.container();
    docker(&["exec", &container, "bash", "-c", "until test -e /workspace/said; do sleep 0.1; done"]);
    let most = docker(&[
        "exec",
        &container,
        "bash",
        "-c",
        "awk '/^VmHWM/ { print $2 }' /proc/$(pgrep -xo caisson-executo)/status",
    ]);
    docker(&["exec", "--user", "1000", &container, "touch", "/workspace/go"]);
    let run = ended(&client, run.id).await;
    assert_eq!(run.reason, Some(Reason::AgentError), "it gave no result: {:?}", run.detail);
    assert!(most.parse::<u64>().unwrap() < MEMORY, "{most} kB");
    let events = events_of(&client, run.id).await;
    let cut = events.iter().any(|event| serde_json::to_string(event).unwrap().contains("bytes cut]"));
    assert!(cut, "the line ends with how much is missing");
    let log = shown(&world, &format!("runs logs {}", run.id), false);
    assert!(
        log.contains("without a result"),
        "a log with such a line can be read: {}",
        &log[..log.len().min(2000)]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_that_prints_a_gigabyte_ends_no_run() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let repository = world.repository("sample");
    world.commit("sample", "shout.sh", "head -c 1073741824 /dev/zero | tr '\\0' x");
    let run = launch(&client, vec![step("[[shout]]", &[])], &repository).await;
    let run = ended(&client, run.id).await;
    assert_eq!(run.reason, Some(Reason::NoChanges), "{:?}", run.detail);
    let events = events_of(&client, run.id).await;
    let sizes = events.iter().map(|event| serde_json::to_string(event).unwrap().len());
    assert!(sizes.max().unwrap() < 2 << 20, "the agent's program cuts what its tools print");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_code_for_a_terminal_reaches_the_reader_of_a_log() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let repository = world.repository("sample");
    // Tool output, a file's name, and a host's name that goes to the gate as it is.
    let probe = r#"touch $'a\033[2Jb\u202ec.txt'; ls
python3 -c "
import socket
name = b'\x0e\x1b[31m\x07\xc2\x9b2J\xe2\x80\xae'
query = b'\0\1\1\0\0\1\0\0\0\0\0\0' + bytes([len(name[1:])]) + name[1:] + b'\7example\0\0\1\0\1'
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(query, ('127.0.0.11', 53))"
printf '\033]52;c;aGk=\a\033]8;;http://evil.example\033\\\\link\033]8;;\033\\\\ \r\0 \x7f \u009b2J \u202e \u2066 end of codes\n'"#;
    world.commit("sample", "codes.sh", probe);
    let run = launch_with(&client, "[[codes]]", &repository, |task| {
        task.name = "Named \u{1b}[2J\u{9b}\u{202e}".to_owned();
    });
    let run = run.await;
    let run = ends(&client, run.id, Reason::Completed).await;
    let raw = serde_json::to_string(&events_of(&client, run.id).await).unwrap();
    assert!(raw.contains("u001b") || raw.contains("\\u001B"), "the codes were said: {raw}");

    for verb in [["runs", "logs"], ["runs", "show"], ["runs", "log"], ["runs", "diff"]] {
        for on_terminal in [false, true] {
            if verb[1] == "diff" && !on_terminal {
                // For a file a patch is the patch itself.
                continue;
            }
            let shown = shown(&world, &format!("{} {} {}", verb[0], verb[1], run.id), on_terminal);
            assert!(50 < shown.len(), "{verb:?} shows something: {shown}");
            let bad = shown.char_indices().find(|(_, c)| is_code(*c));
            assert_eq!(bad.map(|(at, c)| (c, &shown[at..])), None, "{verb:?} {on_terminal}");
        }
    }
    assert!(shown(&world, &format!("runs logs {}", run.id), true).contains("␛]52;c"));
}

/// What the program prints, with or without a terminal.
fn shown(world: &World, arguments: &str, on_terminal: bool) -> String {
    let caisson = format!("{} {arguments}", env!("CARGO_BIN_EXE_caisson"));
    let mut command = if on_terminal { Command::new("script") } else { Command::new("sh") };
    match on_terminal {
        true => command.args(["--quiet", "--command", &caisson, "/dev/null"]),
        false => command.args(["-c", &caisson]),
    };
    command.env("CAISSON_SERVER", format!("http://{}", world.address)).env("CAISSON_TOKEN", TOKEN);
    let done = command.env("NO_COLOR", "1").stdin(std::process::Stdio::null()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&done.stderr), "", "{arguments}");
    let text = String::from_utf8(done.stdout).expect("UTF-8");
    // The terminal itself ends its lines so; the other is how the program takes back what happens right now.
    if on_terminal { text.replace("\r\n", "\n").replace("\r\u{1b}[2K", "") } else { text }
}

fn is_code(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[tokio::test(flavor = "multi_thread")]
async fn markup_of_the_agent_is_text_in_the_browser() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let run = launch(&client, vec![step("[[markup]]", &[])], &world.repository("sample")).await;
    let run = ended(&client, run.id).await;
    let said = events_of(&client, run.id).await;
    assert!(
        said.iter()
            .any(|event| matches!(&event.body, EventBody::Agent(line) if line.raw.contains("onerror")))
    );
    let browser = crate::browser::driver::Browser::start(1360, 900, false).await;
    browser.sign_in(&world).await;
    browser.open(&world, &format!("/runs/{}", run.id)).await;
    browser.badge_when("ended").await;
    let marked = "return [document.title, document.querySelectorAll('[onerror], [data-attack], a[href^=\"javascript:\"]').length, document.body.innerText.includes('<img src=x')]";
    let found = browser.driver.execute(marked, Vec::new()).await.unwrap();
    let found = found.json().clone();
    assert_ne!(found[0], "attacked");
    assert_eq!((&found[1], &found[2]), (&serde_json::json!(0), &serde_json::json!(true)), "{found}");
    browser.close().await;
}
