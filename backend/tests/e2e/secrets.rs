//! A secret in a real container: the agent and the checks have it, and nothing that is kept or shown has.

use api::{
    rpc::{runs::RunsApiClient, secrets::SecretsApiClient},
    run::{Outcome, Reason},
    task::EnvValue,
};
use serde_json::json;

use crate::harness::{World, ended, events_of, launch_with};

/// With what must be escaped in JSON and in URLs.
const VALUE: &str = "c4n4ry \"s3cr3t\"/of+th1s";

/// What the agent runs: prints it as it is and in other ways, to both streams, and writes it down.
const PRINTED: &str = r#"echo "it is $CANARY"; printf %s "$CANARY" | base64; printf "x:$CANARY" | base64;
printf %s "$CANARY" | od -An -v -tx1 | tr -d ' \n'; echo "$CANARY" >&2; env | grep CANARY; echo "$CANARY" > kept.txt"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_given_to_the_agent_and_to_the_checks_and_kept_nowhere() {
    let folder = tempfile::TempDir::new().unwrap();
    let script = folder.path().join("script.json");
    let bash = json!({ "name": "Bash", "input": { "command": PRINTED, "description": "Print" } });
    let turns = json!([{ "tools": [bash] }, { "text": "Done." }]);
    let conversations = json!([{ "match": { "prompt": "." }, "turns": turns }]);
    std::fs::write(&script, json!({ "conversations": conversations }).to_string()).unwrap();
    let world = World::start(&[&format!("--model=scripted:{}", script.display())]).await;
    let client = world.client().await;
    SecretsApiClient::set(&client, "canary".into(), VALUE.into()).await.expect("stored");
    let repository = world.repository("sample");
    let run = launch_with(&client, "Print it.", &repository, |task| {
        task.env.insert("CANARY".into(), EnvValue::Secret("canary".into()));
        let check = format!("test ${{#CANARY}} = {} && echo \"$CANARY\"", VALUE.len());
        task.steps[0].checks = vec![check.as_str().into()];
    })
    .await;
    let over = ended(&client, run.id).await;
    assert_eq!((over.outcome, over.reason), (Some(Outcome::Succeeded), Some(Reason::Completed)), "{over:?}");
    let events = events_of(&client, run.id).await;
    let diff = RunsApiClient::diff(&client, run.id).await.expect("a patch");
    let told =
        format!("{} {}", serde_json::to_string(&events).unwrap(), serde_json::to_string(&diff).unwrap());
    for part in ["c4n4ry", "s3cr3t", "of+th1s", "YzRuNHJ5ICJzM2N", "63346e3472792022"] {
        assert!(!told.contains(part), "{part}: {told}");
    }
    assert!(5 < told.matches("[secret canary]").count(), "{told}");
    assert!(diff.patch.contains("+[secret canary]"), "{}", diff.patch);
    // The database, its journal and whatever else lies there.
    for entry in std::fs::read_dir(world.dir().join("data")).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap_or_default();
        assert!(!bytes.windows(6).any(|at| at == b"c4n4ry"), "it is in the data folder");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_without_its_secret_says_which() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    SecretsApiClient::set(&client, "canary".into(), VALUE.into()).await.expect("stored");
    let repository = world.repository("sample");
    let set = |task: &mut api::task::TaskSpec| {
        task.env.insert("CANARY".into(), EnvValue::Secret("canary".into()));
    };
    // The second one runs the task after its secret is gone.
    let first = launch_with(&client, "[[nothing]]", &repository, set).await;
    assert_eq!(ended(&client, first.id).await.reason, Some(Reason::NoChanges));
    SecretsApiClient::delete(&client, "canary".into()).await.expect("deleted");
    let second =
        RunsApiClient::create(&client, first.task_id, repository, None, None, None).await.expect("a run");
    let over = ended(&client, second.id).await;
    assert_eq!(over.reason, Some(Reason::InvalidConfiguration));
    let detail = over.detail.unwrap_or_default();
    assert!(detail.contains("env.CANARY") && detail.contains("`canary`"), "{detail}");
}
