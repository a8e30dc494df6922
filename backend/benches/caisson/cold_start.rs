//! A whole run against the least it could cost: a container that does nothing, and an agent that only starts.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
    time::Instant,
};

use api::{Timestamp, event::EventBody, rpc::runs::RunsApiClient, run::Reason};
use jsonrpsee::ws_client::WsClient;

use crate::{
    harness::{World, client_run, create_task, follow, image, output, step},
    phases::Phases,
    report::{Report, Samples, Target},
    scale::Scale,
    ten_at_once,
};

/// What a whole run should take at most, in seconds.
const TARGET: Target = Target::AtMost(1.1);
/// One shell call, then one answer; see `tests/e2e/script.json`.
pub const INSTRUCTIONS: &str = "Write the answer. [[second try]]";
pub const CHECK: &str = "test -s answer.txt";

/// A line of standard input that asks the agent for something.
const PROMPT: &str = r#"{"type":"user","message":{"role":"user","content":"Hello"},"parent_tool_use_id":null,"session_id":""}"#;

/// Measures all in turns: container, agent, run, container, agent, run …
pub async fn measure(scale: Scale, report: &mut Report) {
    let rounds = scale.of(9, 1);
    eprintln!("cold start: {rounds} rounds");
    let world = World::start(&[&format!("--slots={}", ten_at_once::RUNS)]).await;
    let client = world.client().await;
    let mut container = Samples::reference("docker run IMAGE true", "s");
    let mut agent = Samples::reference("docker run IMAGE claude, first line", "s");
    let mut first_line = Samples::new("run, agent's first line", "s");
    let mut whole = Samples::new("run, end", "s");
    let mut phases = Phases::new();
    // The first round pays for what is paid for once, such as the network, and is not counted.
    let uncounted = scale.of(1, 0);
    for round in 0..uncounted + rounds {
        let bare = (bare_container(), bare_agent(round));
        let run = one_run(&world, &client, round).await;
        if uncounted <= round {
            container.push(bare.0);
            agent.push(bare.1);
            first_line.push(run.first_line);
            whole.push(run.end);
            phases.add(run.asked, &run.events);
        }
    }
    report.add(&container);
    report.add(&agent);
    report.add(&first_line);
    report.add_with_target(&whole, TARGET);
    report.add_ratio("run, first line : docker run true", &first_line, &container, None);
    report.add_ratio("run, first line : docker run claude", &first_line, &agent, None);
    report.add_ratio("run, end : docker run true", &whole, &container, None);
    report.add_ratio("run, end : docker run claude", &whole, &agent, None);
    phases.report(report);
    world.emptied().await;
    ten_at_once::measure(&world, &client, scale, report).await;
}

/// Seconds until a container has come, done nothing and gone.
fn bare_container() -> f64 {
    let begun = Instant::now();
    output(Command::new("docker").args(["run", "--rm", "--entrypoint", "true", &image()]));
    begun.elapsed().as_secs_f64()
}

/// Seconds until an agent in a container of its own says its first line; it has no model to talk to.
pub fn bare_agent(round: usize) -> f64 {
    let name = format!("caisson-bench-{}-{round}", std::process::id());
    let begun = Instant::now();
    let mut docker = Command::new("docker");
    docker.args([
        "run",
        "--rm",
        "--interactive",
        "--name",
        &name,
        "--user",
        "agent",
        "--entrypoint",
        "claude",
    ]);
    docker.args(["--env", "HOME=/home/agent", "--env", "ANTHROPIC_API_KEY=none"]);
    docker.args(["--env", "ANTHROPIC_BASE_URL=http://127.0.0.1:9", "--env", "DISABLE_TELEMETRY=1"]);
    docker.args(["--env", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1", "--env", "DISABLE_AUTOUPDATER=1"]);
    docker.args([&image(), "-p", "--input-format", "stream-json", "--output-format", "stream-json"]);
    docker.args(["--verbose", "--include-partial-messages", "--permission-mode", "bypassPermissions"]);
    let streams = docker.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut running = streams.spawn().expect("docker runs");
    let mut input = running.stdin.take().expect("a pipe");
    writeln!(input, "{PROMPT}").expect("it listens");
    let mut line = String::new();
    BufReader::new(running.stdout.take().expect("a pipe")).read_line(&mut line).expect("readable");
    let seconds = begun.elapsed().as_secs_f64();
    assert!(line.contains(r#""init""#), "not the agent's first line: {line}");
    output(Command::new("docker").args(["rm", "--force", &name]));
    running.wait().expect("docker ends");
    seconds
}

/// A run that was measured; times in seconds since it was asked for, as its reader sees it.
struct Run {
    asked: Timestamp,
    first_line: f64,
    end: f64,
    events: Vec<api::event::Event>,
}

async fn one_run(world: &World, client: &WsClient, round: usize) -> Run {
    // A repository of its own: branches that were pushed before would make the clone slower and slower.
    let repository = world.repository(&format!("round-{round}"));
    let task = create_task(client, vec![step(INSTRUCTIONS, &[CHECK])]).await;
    let (asked, begun) = (Timestamp::now(), Instant::now());
    let created = RunsApiClient::create(client, task.id, repository, None, None, None).await.expect("a run");
    let (mut first_line, mut events) = (None, Vec::new());
    follow(client, created.id, |event| {
        if matches!(event.body, EventBody::Agent(_)) {
            first_line.get_or_insert_with(|| begun.elapsed().as_secs_f64());
        }
        events.push(event.clone());
        false
    })
    .await;
    let end = begun.elapsed().as_secs_f64();
    let run = client_run(client, created.id).await;
    assert_eq!(run.reason, Some(Reason::Completed), "{:?}", run.detail);
    Run { asked, first_line: first_line.expect("the agent spoke"), end, events }
}
