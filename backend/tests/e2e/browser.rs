//! The UI in a real browser: sign in, start a run, watch it to its end, reload in the middle.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use thirtyfour::prelude::*;

use crate::harness::{PATIENCE, TOKEN, World, create_task, step};

/// How often the page is looked at while something is awaited.
const LOOK: Duration = Duration::from_millis(50);

/// A headless browser with a profile of its own.
struct Browser {
    driver: WebDriver,
    process: Child,
    _profile: TempDir,
}

impl Browser {
    async fn start(width: u32, height: u32, dark: bool) -> Self {
        let mut process = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver: `cargo xtask machine` installs it");
        let mut lines = BufReader::new(process.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
        let port = lines
            .find_map(|line| {
                line.split_once("successfully on port ")?.1.trim_end_matches('.').parse::<u16>().ok()
            })
            .expect("chromedriver says its port");
        let profile = TempDir::new().expect("a folder");
        let mut wanted = DesiredCapabilities::chrome();
        for argument in [
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-quic".to_owned(),
            "--no-first-run".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-sync".to_owned(),
            format!("--window-size={width},{height}"),
            format!("--blink-settings=preferredColorScheme={}", u8::from(!dark)),
            format!("--user-data-dir={}", profile.path().display()),
        ] {
            wanted.add_arg(&argument).expect("an argument");
        }
        let driver = WebDriver::new(format!("http://127.0.0.1:{port}"), wanted).await.expect("a browser");
        Self { driver, process, _profile: profile }
    }

    async fn open(&self, world: &World, path: &str) {
        self.driver.goto(format!("http://{}{path}", world.address)).await.expect("the page loads");
    }

    /// The first element with this test id, as soon as it is there.
    async fn find(&self, id: &'static str) -> WebElement {
        let css = format!("[data-testid={id}]");
        let query = self.driver.query(By::Css(css)).wait(PATIENCE, LOOK);
        match query.first().await {
            Ok(element) => element,
            Err(error) => {
                self.picture("failed.png").await;
                let page = self.driver.source().await.unwrap_or_default();
                panic!("{id} did not appear: {error}\n{page}");
            }
        }
    }

    async fn all(&self, id: &str) -> Vec<WebElement> {
        self.driver.find_all(By::Css(format!("[data-testid={id}]"))).await.expect("elements")
    }

    async fn fill(&self, id: &'static str, text: &str) {
        let field = self.find(id).await;
        field.clear().await.expect("cleared");
        field.send_keys(text).await.expect("typed");
    }

    async fn click(&self, id: &'static str) {
        let button = self.find(id).await;
        button.scroll_into_view().await.expect("scrolled");
        button.click().await.expect("clicked");
    }

    async fn sign_in(&self, world: &World) {
        self.open(world, "/").await;
        self.fill("login-token", TOKEN).await;
        self.click("login-submit").await;
        self.find("start-run").await;
    }

    /// Waits until a run is in this state; answers what its badge says.
    async fn badge_when(&self, state: &'static str) -> String {
        let css = format!("[data-testid=run-state][data-state={state}]");
        let query = self.driver.query(By::Css(css)).wait(PATIENCE, LOOK);
        let badge =
            query.first().await.unwrap_or_else(|error| panic!("the run did not become {state}: {error}"));
        badge.text().await.expect("a text")
    }

    /// The numbers of the events on the page, in its order.
    async fn sequence(&self) -> Vec<i64> {
        let script =
            "return [...document.querySelectorAll('[data-testid=event]')].map(e => Number(e.dataset.seq))";
        let found = self.driver.execute(script, Vec::new()).await.expect("a script");
        found.convert().expect("numbers")
    }

    /// Whether the page is wider than its window.
    async fn scrolls_sideways(&self) -> bool {
        let script = "const page = document.documentElement; return page.scrollWidth > page.clientWidth";
        self.driver.execute(script, Vec::new()).await.expect("a script").convert().expect("a truth")
    }

    /// Keeps a picture where `CAISSON_SCREENSHOTS` says; the README shows one of them.
    async fn picture(&self, name: &str) {
        let png = self.driver.screenshot_as_png().await.expect("a picture");
        assert!(png.starts_with(b"\x89PNG"));
        if let Some(folder) = std::env::var_os("CAISSON_SCREENSHOTS") {
            std::fs::write(Path::new(&folder).join(name), png).expect("written");
        }
    }

    async fn close(mut self) {
        let _ = self.driver.clone().quit().await;
        self.process.kill().expect("chromedriver ends");
        self.process.wait().expect("chromedriver ended");
    }
}

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
    for path in ["/", "/runs", "/tasks", "/instances", &format!("/runs/{}", run.id)] {
        browser.open(&world, path).await;
        browser.find("nav-runs").await;
        assert!(!browser.scrolls_sideways().await, "{path} fits a phone");
    }
    assert_eq!(browser.badge_when("ended").await, "completed");
    browser.picture("run-phone.png").await;
    browser.close().await;
}
