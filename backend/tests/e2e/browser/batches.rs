//! Batches in the browser: started from several lines, refused by line, watched, repeated in part.

use super::driver::Browser;
use crate::harness::{World, create_task, step};

#[tokio::test(flavor = "multi_thread")]
async fn several_repositories_are_a_batch_that_is_watched_to_its_end() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    create_task(&client, vec![step("First step.", &["test -f one.txt", "test ! -f broken.txt"])]).await;
    let good = [world.repository("one"), world.repository("two")];
    let bad = world.repository("three");
    world.commit("three", "broken.txt", "the check fails here");
    let browser = Browser::start(1360, 900, false).await;
    browser.sign_in(&world).await;
    browser.fill("start-repository", &format!("{}\nnonsense\n{}", good[0], good[0])).await;
    browser.click("start-run").await;
    let refused = browser.text("field-error").await;
    assert!(refused.contains("Line 2") && refused.contains("Line 3: is the same as line 1"), "{refused}");
    browser.picture("start-refused-light.png").await;
    browser.fill("start-repository", &format!("{}\n{bad}\n{}", good[0], good[1])).await;
    browser.fill("start-concurrency", "2").await;
    browser.click("start-run").await;
    browser.find("batch-title").await;
    assert_eq!(browser.all("batch-target").await.len(), 3);
    browser.picture("batch-live-light.png").await;
    browser.says("roll-up", "2 succeeded").await;
    browser.says("roll-up", "1 failed").await;
    browser.find("retry-failed").await;
    browser.gone("cancel-batch").await;
    browser.picture("batch-light.png").await;
    browser.click("nav-batches").await;
    browser.find("batch-row").await;
    browser.says("roll-up", "1 failed").await;
    browser.picture("batches-light.png").await;
    browser.click("batch-row").await;
    browser.click("retry-failed").await;
    browser.find("cancel-batch").await;
    browser.click("cancel-batch").await;
    // The first press asks, the second does it.
    browser.click("cancel-batch").await;
    browser.says("roll-up", "1 cancelled").await;
    browser.close().await;
}
