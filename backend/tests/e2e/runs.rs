//! Runs from creation to their end: what is pushed, what is checked, what is said.

use api::{
    event::{AgentLineType, EventBody, GitAction, Verdict},
    rpc::runs::RunsApiClient,
    run::{Outcome, Reason, RunState},
};

use crate::harness::{World, client_run, ended, events_of, follow, launch, step};

#[tokio::test(flavor = "multi_thread")]
async fn two_steps_give_two_commits_on_a_pushed_branch() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let repository = world.repository("sample");
    let steps = vec![
        step("First step.", &["grep -q one one.txt"]),
        step("Second step.", &["test -f one.txt", "test -f two.txt"]),
    ];
    let run = launch(&client, steps, &repository).await;
    assert_eq!(run.branch, format!("caisson/{}", run.id));

    let events = events_of(&client, run.id).await;
    let run = client_run(&client, run.id).await;
    assert_eq!(
        (run.outcome, run.reason),
        (Some(Outcome::Succeeded), Some(Reason::Completed)),
        "{:?}",
        run.detail
    );
    assert_eq!((run.cost.usd, run.cost.known), (0.0, true), "the scripted model costs nothing");
    assert!(0 < run.usage.output_tokens);
    assert_eq!(run.last_seq, events.len() as i64);

    let log = world.git("sample", &["log", "--format=%s", &run.branch]);
    assert_eq!(log.lines().collect::<Vec<_>>(), ["Second step.", "First step.", "README.md"]);
    assert_eq!(world.git("sample", &["rev-parse", &run.branch]), run.head_commit.expect("a commit"));
    assert_eq!(world.git("sample", &["log", "--format=%s", "main"]), "README.md", "main is as it was");

    let checks: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.body {
            EventBody::Check(check) => Some((event.step, check.run.as_str(), check.verdict)),
            _ => None,
        })
        .collect();
    assert_eq!(
        checks,
        [
            (Some(1), "grep -q one one.txt", Verdict::Passed),
            (Some(2), "test -f one.txt", Verdict::Passed),
            (Some(2), "test -f two.txt", Verdict::Passed),
        ]
    );
    let said = |kind: AgentLineType| {
        events
            .iter()
            .filter(|event| matches!(&event.body, EventBody::Agent(line) if line.event.r#type == kind))
            .count()
    };
    assert_eq!(said(AgentLineType::ToolUse), 3);
    assert_eq!(said(AgentLineType::ToolResult), 3);
    assert_eq!(said(AgentLineType::Result), 2);
    let sessions: std::collections::BTreeSet<_> = events
        .iter()
        .filter_map(|event| match &event.body {
            EventBody::Agent(line) => {
                serde_json::from_str::<serde_json::Value>(&line.raw).ok()?["session_id"]
                    .as_str()
                    .map(str::to_owned)
            }
            _ => None,
        })
        .collect();
    assert_eq!(sessions.len(), 1, "both steps are one conversation");
    world.emptied().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_check_is_given_back_to_the_agent() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let run = launch(
        &client,
        vec![step("[[second try]]", &["grep -q right answer.txt"])],
        &world.repository("sample"),
    )
    .await;
    let events = events_of(&client, run.id).await;
    let verdicts: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.body {
            EventBody::Check(check) => Some((check.attempt, check.verdict)),
            _ => None,
        })
        .collect();
    assert_eq!(verdicts, [(1, Verdict::Failed), (2, Verdict::Passed)]);
    assert_eq!(client_run(&client, run.id).await.reason, Some(Reason::Completed));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_never_passes_fails_the_run_and_the_work_is_kept() {
    let world = World::start(&["--check-attempts=1"]).await;
    let client = world.client().await;
    let steps = vec![step("First step.", &["no-such-command --at-all"])];
    let run = launch(&client, steps, &world.repository("sample")).await;
    let run = ended(&client, run.id).await;
    assert_eq!((run.outcome, run.reason), (Some(Outcome::Failed), Some(Reason::CheckFailed)));
    assert!(run.detail.expect("a detail").contains("no-such-command"));
    assert_eq!(
        world.git("sample", &["show", &format!("{}:one.txt", run.branch)]),
        "one",
        "it was committed before its checks"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_changes_nothing_pushes_nothing() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let run = launch(&client, vec![step("[[nothing]]", &[])], &world.repository("sample")).await;
    let run = ended(&client, run.id).await;
    assert_eq!((run.outcome, run.reason), (Some(Outcome::Succeeded), Some(Reason::NoChanges)));
    assert_eq!(world.git("sample", &["branch", "--list", "caisson/*"]), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_the_model_is_not_called_success() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let run = launch(&client, vec![step("[[invalid]]", &[])], &world.repository("sample")).await;
    let run = ended(&client, run.id).await;
    assert_eq!(
        (run.outcome, run.reason),
        (Some(Outcome::Failed), Some(Reason::AgentError)),
        "{:?}",
        run.detail
    );
    assert!(run.detail.expect("a detail").contains("no such thing"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_run_ends_cancelled_while_the_model_is_silent() {
    cancel_when(
        "[[hang]]",
        |body| matches!(body, EventBody::Agent(line) if line.event.r#type == AgentLineType::Init),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_run_ends_cancelled_while_a_tool_runs() {
    cancel_when(
        "[[long tool]]",
        |body| matches!(body, EventBody::Agent(line) if line.event.r#type == AgentLineType::ToolUse),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_run_ends_cancelled_while_its_container_starts() {
    let starting =
        |body: &EventBody| matches!(body, EventBody::State(change) if change.state == RunState::Starting);
    cancel_when("First step.", starting).await;
}

async fn cancel_when(instructions: &str, moment: impl Fn(&EventBody) -> bool) {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let run = launch(&client, vec![step(instructions, &[])], &world.repository("sample")).await;
    assert!(follow(&client, run.id, |event| moment(&event.body)).await, "the moment came");
    let asked = client.cancel(run.id).await.expect("cancelled");
    assert_eq!(asked.state, RunState::Stopping);
    let again = client.cancel(run.id).await.expect("idempotent");
    assert!(matches!(again.state, RunState::Stopping | RunState::Ended));
    let run = ended(&client, run.id).await;
    assert_eq!((run.outcome, run.reason), (Some(Outcome::Cancelled), Some(Reason::CancelledByUser)));
    world.emptied().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queued_run_is_cancelled_at_once_and_can_be_retried() {
    let world = World::start(&["--slots=1"]).await;
    let client = world.client().await;
    let repository = world.repository("sample");
    let first = launch(&client, vec![step("[[hang]]", &[])], &repository).await;
    let second = launch(&client, vec![step("First step.", &[])], &repository).await;
    let cancelled = client.cancel(second.id).await.expect("cancelled");
    assert_eq!((cancelled.state, cancelled.outcome), (RunState::Ended, Some(Outcome::Cancelled)));
    let retried = client.retry(second.id).await.expect("a new run");
    assert_eq!((retried.retry_of, retried.state), (Some(second.id), RunState::Queued));
    client.cancel(first.id).await.expect("cancelled");
    assert_eq!(
        ended(&client, retried.id).await.reason,
        Some(Reason::Completed),
        "it gets the place that is free now"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_idempotency_key_gives_the_same_run() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let repository = world.repository("sample");
    let task = crate::harness::create_task(&client, vec![step("First step.", &[])]).await;
    let create =
        || RunsApiClient::create(&client, task.id, repository.clone(), None, Some("key-1".into()), None);
    let (first, second) = (create().await.expect("a run"), create().await.expect("a run"));
    assert_eq!(first.id, second.id);
    let run = ended(&client, first.id).await;
    assert_eq!(run.reason, Some(Reason::Completed));
    let pushes = events_of(&client, run.id).await;
    let pushes =
        pushes.iter().filter(|event| matches!(&event.body, EventBody::Git(GitAction::Push { .. }))).count();
    assert_eq!(pushes, 1);
}
