//! What a container may reach, in the browser: written in a task, refused, allowed where the refusal is shown.

use std::collections::BTreeMap;

use api::{
    id::RunId,
    rpc::{instances::InstancesApiClient, secrets::SecretsApiClient, tasks::TasksApiClient},
    task::{EnvValue, RepositorySettings, Task},
};
use jsonrpsee::ws_client::WsClient;
use thirtyfour::prelude::*;

use super::driver::Browser;
use crate::harness::{World, client_run, create_task, docker, ended, launch, step};

/// What the task is called that is written here.
const NAME: &str = "A room of its own";

/// What is typed in a field.
async fn typed(browser: &Browser, id: &'static str) -> String {
    browser.find(id).await.prop("value").await.expect("a property").unwrap_or_default()
}

/// The task of this name.
async fn task_called(client: &WsClient, name: &str) -> Task {
    let tasks = TasksApiClient::list(client, Some(name.to_owned()), None, None).await.expect("tasks");
    tasks.items.into_iter().next().expect("the task")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_container_of_a_task_is_written_in_the_browser_and_comes_back_as_it_was() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    SecretsApiClient::set(&client, "npm".into(), "a token for npm".into()).await.expect("stored");
    create_task(&client, vec![step("First step.", &[])]).await;
    let browser = Browser::start(1360, 900, false).await;
    browser.sign_in(&world).await;
    browser.open(&world, "/tasks/new").await;
    browser.fill("task-name", NAME).await;
    browser.fill("step-instructions", "Do it.").await;
    browser.picture("task-folded-light.png").await;
    browser.click("task-container").await;
    let egress = "example.org\n*.example.org:8080\ntool:npm";
    let submodule = world.url("lib");
    browser.fill("task-egress", egress).await;
    browser.fill("task-env", "MODE=a = b\nJUST_A_WORD").await;
    browser.fill("task-image", "acme/base:1").await;
    browser.fill("task-models", "claude-*").await;
    browser.fill("task-submodules", &submodule).await;
    let settings = browser.find("task-settings").await;
    let trusted = settings.find(By::Css("option[value=trusted]")).await.expect("the choice");
    trusted.click().await.expect("chosen");
    browser.click("save-task").await;
    browser.says("field-error", "line 2 is not NAME=value").await;
    browser.fill("task-env", "MODE=a = b\nCLAUDE_HOME=/tmp").await;
    browser.click("save-task").await;
    browser.says("field-error", "CLAUDE_HOME: is set by Caisson itself").await;
    browser.picture("task-refused-light.png").await;
    browser.fill("task-env", "MODE=a = b\nTOKEN=secret:npm").await;
    browser.click("save-task").await;
    browser.find("task-row").await;

    let task = task_called(&client, NAME).await;
    let env = [("MODE", EnvValue::from("a = b")), ("TOKEN", EnvValue::Secret("npm".to_owned()))];
    let env: BTreeMap<_, _> = env.map(|(name, value)| (name.to_owned(), value)).into();
    assert_eq!(task.spec.egress, egress.lines().collect::<Vec<_>>());
    assert_eq!((&task.spec.env, task.spec.image.as_deref()), (&env, Some("acme/base:1")));
    assert_eq!((task.spec.models, task.spec.submodules), (vec!["claude-*".to_owned()], vec![submodule]));
    assert_eq!(task.spec.repository_settings, RepositorySettings::Trusted);

    browser.open(&world, &format!("/tasks/{}", task.id)).await;
    assert_eq!(typed(&browser, "task-egress").await, egress);
    assert_eq!(typed(&browser, "task-env").await, "MODE=a = b\nTOKEN=secret:npm\n");
    assert_eq!(typed(&browser, "task-settings").await, "trusted");
    browser.fill("task-egress", "example.org").await;
    browser.picture("task-light.png").await;
    browser.click("save-task").await;
    browser.find("task-row").await;
    let task = task_called(&client, NAME).await;
    assert_eq!((task.spec.egress, task.spec.env), (vec!["example.org".to_owned()], env));
    browser.close().await;
}

/// What the run's container may reach.
async fn allowed(client: &WsClient, run: RunId) -> Vec<String> {
    let instance = client_run(client, run).await.instance_id.expect("a container");
    InstancesApiClient::get(client, instance).await.expect("the container").egress.allowed
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_host_is_allowed_in_the_browser_for_the_run_and_in_its_task() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let run = launch(&client, vec![step("[[listen]]", &[])], &world.repository("sample")).await;
    let browser = Browser::start(500, 844, false).await;
    browser.sign_in(&world).await;
    browser.open(&world, &format!("/runs/{}", run.id)).await;
    browser.says("tool-card", "until test").await;
    let asks = "curl -sS http://forbidden.example/ || true";
    docker(&["exec", "--user", "1000", &world.container(), "bash", "-c", asks]);
    browser.says("egress", "refused forbidden.example").await;
    browser.says("refused-host", "forbidden.example").await;
    browser.picture("egress-phone.png").await;
    assert!(!browser.scrolls_sideways().await);
    browser.click("allow-run").await;
    browser.says("allowed", "Allowed for this run.").await;
    assert_eq!(allowed(&client, run.id).await, ["forbidden.example"]);
    browser.says("egress", "allowed forbidden.example").await;
    assert!(task_called(&client, "A task").await.spec.egress.is_empty());
    browser.click("allow-task").await;
    browser.says("allowed", "Allowed for this run and in the task.").await;
    assert_eq!(task_called(&client, "A task").await.spec.egress, ["forbidden.example"]);
    browser.says("allowed-hosts", "forbidden.example").await;
    browser.picture("egress-allowed-phone.png").await;

    browser.open(&world, "/instances").await;
    browser.click("instance-network").await;
    browser.says("refused-host", "forbidden.example").await;
    browser.says("allowed", "Allowed for this run.").await;
    assert!(!browser.scrolls_sideways().await);
    browser.picture("instances-phone.png").await;
    docker(&["exec", "--user", "1000", &world.container(), "touch", "/workspace/go"]);
    ended(&client, run.id).await;
    browser.close().await;
}
