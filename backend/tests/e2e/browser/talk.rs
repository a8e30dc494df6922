//! Talking to a run in the browser: questions, approvals, budgets, messages; and what it has changed.

use api::{rpc::runs::RunsApiClient, task::PermissionProfile};
use thirtyfour::prelude::*;

use super::driver::Browser;
use crate::harness::{World, client_run, docker, ended, launch, launch_with, step};

/// A price for whatever the scripted model is called.
fn prices(folder: &std::path::Path) -> String {
    let file = folder.join("prices.json");
    let price = r#"{"date": "2026-11-21", "source": "a test", "models": {"claude": {"input": 1000, "output": 1000, "cacheRead": 1000, "cacheWrite5m": 1000, "cacheWrite1h": 1000}}}"#;
    std::fs::write(&file, price).expect("a file");
    format!("--prices={}", file.display())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_answered_in_the_browser_once_and_the_log_keeps_the_answer() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let run = launch(&client, vec![step("[[ask me]]", &[])], &world.repository("sample")).await;
    let browser = Browser::start(1360, 900, true).await;
    browser.sign_in(&world).await;
    assert!(browser.text("gate").await.contains("Which colour?"), "asked on the home page");
    browser.picture("home-dark.png").await;
    browser.open(&world, &format!("/runs/{}", run.id)).await;
    browser.find("gate").await;
    browser.picture("gate-dark.png").await;
    browser.click("gate-option").await;
    browser.gone("gate").await;
    browser.says("gate-answered", "Red").await;
    ended(&client, run.id).await;
    browser.badge_when("ended").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_is_denied_with_a_reason_in_the_browser_and_the_agent_hears_it() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let ask = |task: &mut api::task::TaskSpec| task.permission_profile = PermissionProfile::Ask;
    let run = launch_with(&client, "[[may I]]", &world.repository("sample"), ask).await;
    let browser = Browser::start(500, 844, false).await;
    browser.sign_in(&world).await;
    browser.open(&world, &format!("/runs/{}", run.id)).await;
    browser.fill("gate-reason", "not on a Friday").await;
    browser.picture("approval-phone.png").await;
    assert!(!browser.scrolls_sideways().await);
    browser.click("gate-deny").await;
    browser.gone("gate").await;
    browser.says("gate-answered", "Denied: not on a Friday").await;
    browser.says("tool-card", "not on a Friday").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_is_raised_in_the_browser_and_the_run_goes_on() {
    let dir = tempfile::tempdir().expect("a folder");
    let world = World::start(&[&prices(dir.path())]).await;
    let client = world.client().await;
    let dear = |task: &mut api::task::TaskSpec| task.budget_usd = Some(0.5);
    let run = launch_with(&client, "[[dear]]", &world.repository("sample"), dear).await;
    let browser = Browser::start(1360, 900, false).await;
    browser.sign_in(&world).await;
    browser.open(&world, &format!("/runs/{}", run.id)).await;
    browser.fill("gate-limit", "0.01").await;
    browser.click("gate-raise").await;
    let refused = browser.driver.query(By::Css(".asked [role=alert]"));
    let refused = refused.wait(crate::harness::PATIENCE, super::LOOK).first().await.expect("refused");
    assert!(refused.text().await.expect("a text").contains("spent already"));
    browser.picture("budget-light.png").await;
    browser.fill("gate-limit", "10").await;
    browser.click("gate-raise").await;
    browser.gone("gate").await;
    browser.says("gate-answered", "Raised to $10.00").await;
    assert_eq!(browser.badge_when("ended").await, "completed");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_waits_below_its_box_until_it_is_in_the_log_and_changes_are_shown() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let run = launch(
        &client,
        // The agent looks for it among what it was told.
        vec![step("[[listen]]", &["grep heard told.txt"])],
        &world.repository("sample"),
    )
    .await;
    let browser = Browser::start(1360, 900, false).await;
    browser.sign_in(&world).await;
    browser.open(&world, &format!("/runs/{}", run.id)).await;
    browser.badge_when("running").await;
    browser.says("tool-card", "until test").await;
    browser.fill("say", "something from a person").await;
    browser.picture("say-light.png").await;
    browser.click("say-send").await;
    browser.says("user-message", "something from a person").await;
    browser.gone("undelivered").await;
    let go = "echo heard > /workspace/heard.txt; touch /workspace/go";
    docker(&["exec", "--user", "1000", &world.container(), "bash", "-c", go]);
    assert_eq!(browser.badge_when("ended").await, "completed");
    browser.gone("say").await;
    browser.click("tab-changes").await;
    browser.says("changed-file", "heard.txt").await;
    browser.says("changes", "+ heard").await;
    browser.find("download-log").await;
    browser.picture("changes-light.png").await;
    let diff = client.diff(run.id).await.expect("the changes");
    assert_eq!(browser.all("changed-file").await.len(), diff.files.len());
    assert_eq!(browser.all("artifact").await.len(), client_run(&client, run.id).await.artifacts.len());
    browser.close().await;
}
