//! Where a run's work is, as the browser and the command line show it.

use std::process::Command;

use api::run::Reason;

use super::script::work;
use crate::{
    browser::driver::Browser,
    harness::{TOKEN, output},
};

#[tokio::test(flavor = "multi_thread")]
async fn the_end_card_and_the_command_line_name_what_is_not_on_the_branch_and_how_to_get_it() {
    let command = "git switch -qc feature && echo f > f.txt && git add f.txt && git commit -qm Feature && \
                   git switch -q - && echo good > good.txt && echo TOKEN=x > .env";
    let done = work(command, &[]).await;
    done.ended(Reason::Completed);
    let browser = Browser::start(1360, 900, false).await;
    browser.sign_in(&done.world).await;
    browser.open(&done.world, &format!("/runs/{}", done.run.id)).await;
    browser.badge_when("ended").await;
    browser.says("end-card", "branch feature has 1 commit").await;
    browser.says("left", ".env").await;
    browser.says("end-artifact", "elsewhere.bundle").await;
    assert_eq!(browser.all("end-artifact").await.len(), done.run.artifacts.len());
    browser.picture("end-light.png").await;
    browser.close().await;

    let mut show = Command::new(env!("CARGO_BIN_EXE_caisson"));
    show.args(["runs", "show", &done.run.id.to_string()]).env("CAISSON_TOKEN", TOKEN);
    let shown = output(show.env("CAISSON_SERVER", format!("http://{}", done.world.address)));
    for words in ["branch feature has 1 commit", ".env", "elsewhere.bundle", "git fetch elsewhere.bundle"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let commit =
        done.in_bundle("elsewhere.bundle", &["log", "-1", "--format=%s", "--all", "--grep=Feature"]).await;
    assert_eq!(commit.trim(), "Feature");
}
