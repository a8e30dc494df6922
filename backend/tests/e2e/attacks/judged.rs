//! The checks attack: what the agent leaves lying about turns no check over broken code.

use api::{
    event::{EventBody, Verdict},
    run::Reason,
    task::{Check, Step},
};
use jsonrpsee::ws_client::WsClient;

use crate::harness::{World, ends, events_of, launch, step};

const SCRIPT: &str = include_str!("judged.sh");
const TEST: &str = "python3 -m unittest test_calc";
/// Fails when something bad has come to what was fetched.
const NOTHING_BAD: &str = "! git diff --name-only origin/main... | grep -q broken.txt";
/// Prints each thing that the agent left and a check sees.
const SEES: &str = "sees() { if bash -c \"$2\" > /dev/null 2>&1; then echo \"SEEN: $1\"; fi; }
sees npmrc 'test -e ~/.npmrc'; sees cargo 'test -e ~/.cargo/config.toml'; sees alias 'git proof'
sees program ~/.local/bin/proof; sees login 'bash -lc true | grep login'; sees package 'test -e ~/package.json'
sees tmp 'test -e /tmp/jest_rs || test -e /var/tmp/left || test -e /dev/shm/left'
sees server 'curl --silent --max-time 2 http://127.0.0.1:8123/'; sees replaced 'git replace -l | grep .'
sees tag 'git rev-parse --verify first'; sees agents 'test -d ~/.claude'; echo looked";

fn both(run: &str, expect: Option<&str>) -> [Check; 2] {
    [false, true].map(|clean| Check { clean, expect: expect.map(str::to_owned), ..Check::from(run) })
}

fn probe(checks: Vec<Check>) -> Step {
    Step { checks, ..step("[[probe]]", &[]) }
}

async fn judged(
    client: &WsClient,
    repository: &str,
    checks: Vec<Check>,
    reason: Reason,
) -> Vec<(Verdict, String, String)> {
    let run = launch(client, vec![probe(checks)], repository).await;
    let run = ends(client, run.id, reason).await;
    let verdicts = events_of(client, run.id).await.into_iter().filter_map(|event| match event.body {
        EventBody::Check(check) => Some((check.verdict, check.why, check.output)),
        _ => None,
    });
    verdicts.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_agent_leaves_lying_about_turns_no_check_over_broken_code() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let repository = world.repository("sample");
    world.commit("sample", "probe.sh", SCRIPT);
    for check in both(TEST, None).into_iter().chain(both(NOTHING_BAD, None)) {
        let shown = check.clone();
        let verdicts = judged(&client, &repository, vec![check], Reason::CheckFailed).await;
        assert!(verdicts.iter().all(|(verdict, ..)| *verdict == Verdict::Failed), "{shown:?}: {verdicts:#?}");
        assert!(
            verdicts[0].1.contains("checks do not see what the agent put into its home"),
            "{verdicts:#?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_the_same_leftovers_sound_code_passes_and_the_agent_has_its_home_again() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let repository = world.repository("sample");
    world.commit("sample", "sound", "yes\n");
    world.commit("sample", "probe.sh", SCRIPT);
    let caches = Check::from("test -e ~/.npm/_cacache/kept");
    let checks = [both(TEST, None), both(NOTHING_BAD, None), both(SEES, Some("^looked\n$"))].concat();
    let steps = vec![probe([checks, vec![caches]].concat()), step("[[probe]]", &[])];
    let run = launch(&client, steps, &repository).await;
    let run = ends(&client, run.id, Reason::Completed).await;
    assert_eq!(world.git("sample", &["show", &format!("{}:again.txt", run.branch)]).trim(), "again");
}
