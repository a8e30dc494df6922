//! A headless browser, and what the tests do in it.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use thirtyfour::prelude::*;

use crate::harness::{PATIENCE, TOKEN, World};

/// How often the page is looked at while something is awaited.
pub(crate) const LOOK: Duration = Duration::from_millis(50);

/// A headless browser with a profile of its own.
pub(crate) struct Browser {
    pub(crate) driver: WebDriver,
    process: Child,
    _profile: TempDir,
}

/// How often chromedriver is started before it is given up.
const DRIVER_TRIES: u32 = 3;

/// A chromedriver that serves, and its port.
fn driver() -> Option<(Child, u16)> {
    let mut process = Command::new("chromedriver")
        .arg("--port=0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("chromedriver: `cargo xtask machine` installs it");
    let mut lines = BufReader::new(process.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
    let port = lines.find_map(|line| {
        line.split_once("successfully on port ")?.1.trim_end_matches('.').parse::<u16>().ok()
    });
    match port {
        Some(port) => Some((process, port)),
        None => {
            process.wait().expect("it has ended");
            None
        }
    }
}

impl Browser {
    pub(crate) async fn start(width: u32, height: u32, dark: bool) -> Self {
        // The port it finds free may be somebody else's a moment later; then it ends, and is started again.
        let (process, port) = (0..DRIVER_TRIES).find_map(|_| driver()).expect("chromedriver says its port");
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

    pub(crate) async fn open(&self, world: &World, path: &str) {
        self.driver.goto(format!("http://{}{path}", world.address)).await.expect("the page loads");
    }

    /// The first element with this test id, as soon as it is there.
    pub(crate) async fn find(&self, id: &'static str) -> WebElement {
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

    pub(crate) async fn all(&self, id: &str) -> Vec<WebElement> {
        self.driver.find_all(By::Css(format!("[data-testid={id}]"))).await.expect("elements")
    }

    pub(crate) async fn fill(&self, id: &'static str, text: &str) {
        let field = self.find(id).await;
        field.clear().await.expect("cleared");
        field.send_keys(text).await.expect("typed");
    }

    pub(crate) async fn click(&self, id: &'static str) {
        let button = self.find(id).await;
        button.scroll_into_view().await.expect("scrolled");
        button.click().await.expect("clicked");
    }

    pub(crate) async fn sign_in(&self, world: &World) {
        self.open(world, "/").await;
        self.fill("login-token", TOKEN).await;
        self.click("login-submit").await;
        // A busy machine may answer too late: then the page says so, and a person presses again.
        let home = self.driver.query(By::Css("[data-testid=start-run]")).wait(PATIENCE / 3, LOOK);
        if home.first().await.is_err() {
            self.click("login-submit").await;
        }
        self.find("start-run").await;
    }

    /// Waits until a run is in this state; answers what its badge says.
    pub(crate) async fn badge_when(&self, state: &'static str) -> String {
        let css = format!("[data-testid=run-state][data-state={state}]");
        let query = self.driver.query(By::Css(css)).wait(PATIENCE, LOOK);
        let badge =
            query.first().await.unwrap_or_else(|error| panic!("the run did not become {state}: {error}"));
        badge.text().await.expect("a text")
    }

    /// The numbers of the events on the page, in its order.
    pub(crate) async fn sequence(&self) -> Vec<i64> {
        let script =
            "return [...document.querySelectorAll('[data-testid=event]')].map(e => Number(e.dataset.seq))";
        let found = self.driver.execute(script, Vec::new()).await.expect("a script");
        found.convert().expect("numbers")
    }

    /// Waits until the elements that have this test id now have left the page.
    pub(crate) async fn gone(&self, id: &'static str) {
        for element in self.all(id).await {
            if let Err(error) = element.wait_until().wait(PATIENCE, LOOK).stale().await {
                self.picture("failed.png").await;
                panic!("{id} stays: {error}");
            }
        }
    }

    /// What the first element with this test id says.
    pub(crate) async fn text(&self, id: &'static str) -> String {
        self.find(id).await.text().await.expect("a text")
    }

    /// Waits until an element with this test id says this.
    pub(crate) async fn says(&self, id: &'static str, words: &'static str) {
        let path = format!("//*[@data-testid='{id}'][contains(., \"{words}\")]");
        let query = self.driver.query(By::XPath(path)).wait(PATIENCE, LOOK);
        if let Err(error) = query.first().await {
            self.picture("failed.png").await;
            panic!("no {id} says {words}: {error}\n{}", self.driver.source().await.unwrap_or_default());
        }
    }

    /// Whether the page is wider than its window.
    pub(crate) async fn scrolls_sideways(&self) -> bool {
        let script = "const page = document.documentElement; return page.scrollWidth > page.clientWidth";
        self.driver.execute(script, Vec::new()).await.expect("a script").convert().expect("a truth")
    }

    /// Keeps a picture where `CAISSON_SCREENSHOTS` says; the README shows one of them.
    pub(crate) async fn picture(&self, name: &str) {
        let png = self.driver.screenshot_as_png().await.expect("a picture");
        assert!(png.starts_with(b"\x89PNG"));
        if let Some(folder) = std::env::var_os("CAISSON_SCREENSHOTS") {
            std::fs::write(Path::new(&folder).join(name), png).expect("written");
        }
    }

    pub(crate) async fn close(mut self) {
        let _ = self.driver.clone().quit().await;
        self.process.kill().expect("chromedriver ends");
        self.process.wait().expect("chromedriver ended");
    }
}
