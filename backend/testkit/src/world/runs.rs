//! Runs of the world: made, followed, waited for.

use api::{
    event::Event,
    id::{RunId, TaskId},
    rpc::{runs::RunsApiClient, tasks::TasksApiClient},
    run::{Reason, Run, RunState},
    stream::{Cursor, Frame, Parts},
    task::{Step, Task, TaskSpec},
};
use jsonrpsee::ws_client::WsClient;

use super::within;

/// A step with these checks.
pub fn step(instructions: &str, checks: &[&str]) -> Step {
    Step { instructions: instructions.to_owned(), checks: checks.iter().map(|&check| check.into()).collect() }
}

/// Creates a task with the default settings.
pub async fn create_task(client: &WsClient, steps: Vec<Step>) -> Task {
    create(client, TaskSpec::new("A task", steps)).await
}

async fn create(client: &WsClient, spec: TaskSpec) -> Task {
    let created = TasksApiClient::create(
        client,
        spec.name,
        spec.steps,
        None,
        None,
        spec.model,
        Some(spec.permission_profile),
        spec.budget_usd,
        Some(spec.timeout_seconds),
        Some(spec.step_timeout_seconds),
        Some(spec.egress),
        Some(spec.env),
        None,
        spec.max_turns,
        spec.image,
        Some(spec.models),
        Some(spec.repository_settings),
        Some(spec.submodules),
    );
    created.await.expect("a task")
}

/// Creates a run of a task.
pub async fn launch_of(client: &WsClient, task: TaskId, repository: &str) -> RunId {
    RunsApiClient::create(client, task, repository.to_owned(), None, None, None).await.expect("a run").id
}

/// Creates a task of one step, with settings changed by `set`, and a run of it.
pub async fn launch_with(
    client: &WsClient,
    instructions: &str,
    repository: &str,
    set: impl FnOnce(&mut TaskSpec),
) -> Run {
    let mut spec = TaskSpec::new("A task", vec![step(instructions, &[])]);
    set(&mut spec);
    let task = create(client, spec).await;
    RunsApiClient::create(client, task.id, repository.to_owned(), None, None, None).await.expect("a run")
}

/// Creates a task of these steps and a run of it.
pub async fn launch(client: &WsClient, steps: Vec<Step>, repository: &str) -> Run {
    let task = create_task(client, steps).await;
    RunsApiClient::create(client, task.id, repository.to_owned(), None, None, None).await.expect("a run")
}

/// Follows a run from the first event to its end.
pub async fn events_of(client: &WsClient, run: RunId) -> Vec<Event> {
    let mut events = Vec::new();
    follow(client, run, |event| {
        events.push(event.clone());
        false
    })
    .await;
    events
}

/// Follows a run until this holds for an event, or to its end. Returns whether it held.
pub async fn follow(client: &WsClient, run: RunId, mut until: impl FnMut(&Event) -> bool) -> bool {
    let mut frames = client.on_message(run, None).await.expect("a subscription");
    let (mut cursor, mut parts) = (Cursor::default(), Parts::default());
    loop {
        let frame = within("the next frame", frames.next()).await.expect("no cut").expect("a frame");
        let Some(frame) = parts.whole(frame) else { continue };
        match frame {
            Frame::Item { event } => {
                assert_eq!(cursor.accept(event.seq), Ok(true), "no gap and no double");
                if until(&event) {
                    return true;
                }
            }
            Frame::End => return false,
            Frame::Partial { .. } | Frame::Part { .. } | Frame::CaughtUp { .. } => {}
            Frame::Resync { after } => panic!("let go after {after}"),
        }
    }
}

/// Waits for the end of a run and answers it as it is then.
pub async fn ended(client: &WsClient, run: RunId) -> Run {
    follow(client, run, |_| false).await;
    let run = client_run(client, run).await;
    assert_eq!(run.state, RunState::Ended);
    run
}

/// The run as it is now.
pub async fn client_run(client: &WsClient, run: RunId) -> Run {
    RunsApiClient::by_id(client, run).await.expect("the run")
}

/// Waits for the end of a run, which must be this one.
pub async fn ends(client: &WsClient, run: RunId, reason: Reason) -> Run {
    let run = ended(client, run).await;
    assert_eq!((run.reason, run.outcome), (Some(reason), Some(reason.outcome())), "{:?}", run.detail);
    run
}
