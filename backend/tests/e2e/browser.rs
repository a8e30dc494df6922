//! The UI in a real browser: sign in, start a run, watch it to its end, reload in the middle.

use thirtyfour::prelude::*;

use self::driver::{Browser, LOOK};
use crate::harness::{PATIENCE, World, create_task, step};

mod batches;
pub(crate) mod driver;
mod egress;
mod talk;

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_started_and_watched_in_the_browser_to_its_end() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let steps =
        vec![step("First step.", &["grep -q one one.txt"]), step("Second step.", &["test -f two.txt"])];
    create_task(&client, steps).await;
    let browser = Browser::start(1360, 900, false).await;

    browser.open(&world, "/").await;
    browser.fill("login-token", "not the token").await;
    browser.click("login-submit").await;
    assert!(
        !browser.find("field-error").await.text().await.expect("a text").is_empty(),
        "a wrong token is refused in words"
    );
    browser.sign_in(&world).await;

    let task = browser.find("start-task").await;
    task.find(By::XPath("option[contains(., 'A task')]"))
        .await
        .expect("the task")
        .click()
        .await
        .expect("chosen");
    browser.fill("start-repository", "file:///etc").await;
    browser.click("start-run").await;
    assert!(
        browser.find("field-error").await.text().await.expect("a text").contains("file://"),
        "refused at the field"
    );
    browser.fill("start-repository", &world.repository("sample")).await;
    browser.click("start-run").await;

    browser.find("tool-card").await;
    browser.driver.refresh().await.expect("reloaded in the middle");
    assert_eq!(browser.badge_when("ended").await, "completed");
    assert_eq!(browser.find("run-title").await.text().await.expect("a title"), "A task");
    assert!(!browser.all("check-card").await.is_empty(), "the checks are shown");
    assert!(browser.find("cost").await.text().await.expect("a text").contains("0.00"));
    let sequence = browser.sequence().await;
    assert!(sequence.is_sorted_by(|a, b| a < b), "in order, none twice: {sequence:?}");
    browser.picture("run-light.png").await;

    browser.click("nav-runs").await;
    browser.find("run-row").await;
    assert_eq!(browser.badge_when("ended").await, "completed");
    browser.open(&world, "/").await;
    browser.find("run-row").await;
    browser.picture("home-light.png").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_run_is_cancelled_in_the_browser() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let run =
        crate::harness::launch(&client, vec![step("[[slow answer]]", &[])], &world.repository("sample"))
            .await;
    let browser = Browser::start(1360, 900, true).await;
    browser.sign_in(&world).await;
    browser.open(&world, &format!("/runs/{}", run.id)).await;
    browser.badge_when("running").await;
    assert!(
        !browser.find("partial").await.text().await.expect("a text").is_empty(),
        "tokens are shown as they come"
    );
    browser.picture("run-dark.png").await;
    browser.click("cancel-run").await;
    // The first press asks, the second does it.
    browser.click("cancel-run").await;
    assert_eq!(browser.badge_when("ended").await, "cancelled by user");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_written_in_the_browser_and_nothing_scrolls_sideways_on_a_phone() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let run =
        crate::harness::launch(&client, vec![step("First step.", &["true"])], &world.repository("sample"))
            .await;
    crate::harness::ended(&client, run.id).await;
    let browser = Browser::start(500, 844, false).await;
    browser.sign_in(&world).await;
    browser.open(&world, "/tasks/new").await;
    browser.fill("task-name", "Written in the browser").await;
    browser.fill("step-instructions", "Do it.").await;
    browser.fill("step-checks", "true\ntest -f README.md").await;
    browser.click("save-task").await;
    browser.open(&world, "/tasks").await;
    let listed = browser
        .driver
        .query(By::XPath("//*[contains(text(), 'Written in the browser')]"))
        .wait(PATIENCE, LOOK);
    listed.first().await.expect("the task is listed");
    for path in [
        "/",
        "/runs",
        "/batches",
        "/tasks",
        "/tasks/new",
        "/instances",
        &format!("/runs/{}?tab=changes", run.id),
        &format!("/runs/{}", run.id),
    ] {
        browser.open(&world, path).await;
        browser.find("nav-runs").await;
        assert!(!browser.scrolls_sideways().await, "{path} fits a phone");
    }
    assert_eq!(browser.badge_when("ended").await, "completed");
    browser.picture("run-phone.png").await;
    browser.close().await;
}
