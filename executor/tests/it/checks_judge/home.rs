//! What the agent leaves in its home and in folders for temporary files.

use std::{fs, os::unix::fs::MetadataExt, process::Command};

use api::event::Verdict;
use serde_json::json;

use super::Left;
use crate::harness::processes_with;

/// A broken program with a test.
const BROKEN: &str = "printf 'def add(a, b):\\n    return a - b\\n' > calc.py
printf 'import unittest, calc\\nclass T(unittest.TestCase):\\n    def test(self):\\n        self.assertEqual(calc.add(1, 2), 3)\\n' > test_calc.py
";
const TEST: &str = "python3 -m unittest test_calc";
/// What mends it where python finds it by itself.
const MENDING: &str = "import sys, types\nm = types.ModuleType(\"calc\")\nm.add = lambda a, b: a + b\nsys.modules[\"calc\"] = m\n";

fn site(text: &str) -> String {
    format!(
        "site=$(python3 -c 'import site; print(site.getusersitepackages())'); mkdir -p $site\n\
         cat > $site/usercustomize.py <<'EOF'\n{text}EOF\n"
    )
}

#[tokio::test]
async fn a_usercustomize_in_the_home_mends_no_broken_code() {
    let left = Left::by(&format!("{BROKEN}{}{TEST}", site(MENDING))).await;
    let why = left.both(TEST, Verdict::Failed).await;
    assert!(why.contains("checks do not see what the agent put into its home: .local/lib"), "{why}");
    // The agent has it again.
    assert!(left.home(".local/lib").is_dir());
}

#[tokio::test]
async fn an_honest_check_passes_beside_the_same_leftovers() {
    let left = Left::by(&format!("{BROKEN}sed -i 's/-/+/' calc.py\n{}", site(MENDING))).await;
    left.both(TEST, Verdict::Passed).await;
}

/// What the agent leaves in its home, and what a check sees of it when it is there.
const LEFT_IN_THE_HOME: [(&str, &str); 12] = [
    ("git config --global alias.proof '!true'", "git proof"),
    (
        "mkdir -p ~/.config/git && printf '[alias]\\nevidence = !true\\n' > ~/.config/git/config",
        "git evidence",
    ),
    ("echo 'loglevel=silent' > ~/.npmrc", "test -f ~/.npmrc"),
    ("mkdir -p ~/.config/pip && touch ~/.config/pip/pip.conf", "test -e ~/.config/pip"),
    ("mkdir -p ~/.cargo && echo '[alias]' > ~/.cargo/config.toml", "test -e ~/.cargo/config.toml"),
    ("mkdir -p ~/.gradle/init.d && touch ~/.gradle/init.d/a", "test -e ~/.gradle/init.d"),
    ("mkdir -p ~/.m2 && touch ~/.m2/settings.xml", "test -e ~/.m2/settings.xml"),
    ("mkdir -p ~/.ssh && touch ~/.ssh/config", "test -e ~/.ssh"),
    (
        "mkdir -p ~/.local/bin && printf '#!/bin/sh\\n' > ~/.local/bin/p && chmod +x ~/.local/bin/p",
        "~/.local/bin/p",
    ),
    ("echo 'echo login' > ~/.bash_profile", "bash -lc true | grep login"),
    ("mkdir -p ~/.rustup/toolchains/x", "test -e ~/.rustup"),
    // Above a clean checkout.
    (
        "mkdir -p ~/node_modules && touch ~/package.json ~/conftest.py",
        "ls ~/node_modules ~/package.json ~/conftest.py",
    ),
];

#[tokio::test]
async fn settings_and_programs_in_the_home_are_not_seen() {
    let agent = LEFT_IN_THE_HOME.map(|(agent, _)| agent).join("\n");
    let left = Left::by(&agent).await;
    let sees =
        LEFT_IN_THE_HOME.map(|(_, sees)| format!("if {sees}; then echo 'SEEN: {sees}'; fi")).join("\n");
    let check = format!("({sees}) 2> /dev/null | tee /dev/stderr | grep SEEN");
    left.both(&check, Verdict::Failed).await;
}

#[tokio::test]
async fn what_the_image_has_in_the_home_is_there_as_it_was() {
    let image = "mkdir -p ~/.tool/bin ~/.config/flake8 && cd ~ && ln -s .tool/bin/tool link
        head -c 400000 /dev/urandom > .tool/large
        printf '#!/bin/sh\\necho from the image\\n' > .tool/bin/tool && chmod +x .tool/bin/tool && echo strict > .rc";
    let agent = "printf '#!/bin/sh\\necho from the agent\\n' > ~/.tool/bin/tool\nrm ~/.rc ~/link\nln -s /bin/true ~/link
        rm -r ~/.config\necho mine > ~/.config\necho more >> ~/.tool/large\ntouch ~/.tool/bin/more";
    let left = Left::in_image(image, agent).await;
    let check = "~/.tool/bin/tool | grep 'from the image' && ~/link && grep -x strict ~/.rc && test -d ~/.config/flake8 && test ! -e ~/.tool/bin/more";
    left.both(check, Verdict::Passed).await;
    // A file that was too large to be kept is missed in words.
    let why = left.both("cat ~/.tool/large", Verdict::Failed).await;
    assert!(why.contains("`large` is in the agent's home"), "{why}");
    // And the agent has its own again, the image's untouched ones as well.
    assert_eq!(fs::read_to_string(left.home(".config")).unwrap(), "mine\n");
    assert!(left.home(".tool/bin/more").exists() && left.home("link").read_link().unwrap().ends_with("true"));
    assert_eq!(fs::metadata(left.home(".tool/large")).unwrap().len(), 400_005);
    let names: Vec<_> =
        fs::read_dir(left.home("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name.to_string_lossy().contains("caisson")), "{names:?}");
}

#[tokio::test]
async fn a_large_program_of_the_image_that_nobody_changed_is_used() {
    let image = "mkdir ~/bin && cp /bin/true ~/bin/large && head -c 400000 /dev/urandom >> ~/bin/large";
    let left = Left::in_image(image, "touch ~/bin/other").await;
    let before = fs::metadata(left.home("bin/large")).unwrap();
    left.both("~/bin/large && test ! -e ~/bin/other", Verdict::Passed).await;
    let after = fs::metadata(left.home("bin/large")).unwrap();
    assert_eq!((before.ino(), before.ctime_nsec()), (after.ino(), after.ctime_nsec()));
    assert!(left.home("bin/other").exists());
}

#[tokio::test]
async fn caches_are_inherited_by_name_and_kept_but_not_by_a_clean_check() {
    let agent = "mkdir -p ~/.npm/_cacache ~/.cargo/registry/cache ~/.cargo/bin ~/.cache/pip ~/.cache/pre-commit ~/go/pkg/mod ~/go/bin ~/.npm/_npx
        touch ~/.npm/_cacache/a ~/.cargo/registry/cache/a ~/.cache/pip/a ~/go/pkg/mod/a";
    let left = Left::by(agent).await;
    let there = "test -e ~/.npm/_cacache/a && test -e ~/.cargo/registry/cache/a && test -e ~/.cache/pip/a && test -e ~/go/pkg/mod/a";
    let gone = "test ! -e ~/.cargo/bin && test ! -e ~/go/bin && test ! -e ~/.cache/pre-commit && test ! -e ~/.npm/_npx";
    let fill = "touch ~/.cache/pip/b ~/.npm/b";
    let clean = json!({"run": "test ! -e ~/.npm && test ! -e ~/.cache && test ! -e ~/go && test ! -e ~/.cargo", "clean": true});
    let ran = left.checks(json!([there, gone, fill, clean, there])).await;
    assert_eq!(ran.len(), 5, "{ran:#?}");
    assert!(ran.iter().all(|ran| ran.verdict == Verdict::Passed), "{ran:#?}");
    for (path, there) in
        [(".cache/pip/b", true), (".npm/b", false), (".cargo/bin", true), (".npm/_npx", true)]
    {
        assert_eq!(left.home(path).exists(), there, "{path}");
    }
}

#[tokio::test]
async fn a_cache_that_is_a_link_to_settings_is_none() {
    let agent =
        "mkdir -p ~/evil ~/.npm && touch ~/evil/a && ln -s ~/evil ~/.npm/_cacache && ln -s ~/evil ~/.cache";
    let left = Left::by(agent).await;
    left.both("test -e ~/.npm/_cacache -o -e ~/.cache", Verdict::Failed).await;
    assert!(left.home(".npm/_cacache/a").exists());
}

#[tokio::test]
async fn checks_in_the_workspace_share_the_home_that_they_make() {
    let left = Left::by("touch ~/.agent").await;
    let ran = left
        .checks(json!(["touch ~/.made", "test -e ~/.made", {"run": "test ! -e ~/.made", "clean": true}]))
        .await;
    assert!(ran.len() == 3 && ran.iter().all(|ran| ran.verdict == Verdict::Passed), "{ran:#?}");
    assert!(left.home(".agent").exists() && !left.home(".made").exists());
}

#[tokio::test]
async fn a_home_that_the_agent_has_shut_is_opened() {
    let left = Left::in_image(
        "mkdir -p ~/.d/e",
        "touch ~/.d/e/x; chmod 500 ~/.d/e; chmod 0 ~/.d; mkdir -p ~/s/t; chmod 0 ~/s",
    )
    .await;
    left.both("test -d ~/.d/e && test ! -e ~/.d/e/x && test ! -e ~/s", Verdict::Passed).await;
    assert!(left.home("s").exists());
}

#[tokio::test]
async fn files_in_folders_for_temporary_files_are_not_seen_and_come_back() {
    let left = Left::by("mkdir $T/jest_rs && touch $T/jest_rs/cached").await;
    let tmp = left.world.folder.path().join("tmp");
    let check = format!("test -e {0}/jest_rs || {{ touch {0}/made; false; }}", tmp.display());
    left.both(&check, Verdict::Failed).await;
    assert!(tmp.join("jest_rs/cached").exists() && !tmp.join("made").exists());
}

#[tokio::test]
async fn a_program_of_the_home_that_a_check_misses_is_named_with_the_remedy() {
    let agent = "mkdir -p ~/.local/bin && printf '#!/bin/sh\\n' > ~/.local/bin/ruff-of-mine && chmod +x ~/.local/bin/ruff-of-mine";
    let left = Left::by(agent).await;
    let ran = left.checks(json!(["ruff-of-mine check"])).await.remove(0);
    assert_eq!(ran.verdict, Verdict::Vacuous);
    let words = "`ruff-of-mine` is in the agent's home, which checks do not see: install what it needs in the workspace";
    assert!(ran.why.contains(words), "{}", ran.why);
}

#[tokio::test]
async fn the_settings_of_the_repository_itself_apply() {
    let agent =
        "echo 'fund=false' > .npmrc; mkdir .cargo; printf '[build]\\njobs = 1\\n' > .cargo/config.toml";
    let left = Left::by(agent).await;
    left.both("grep -q fund .npmrc && grep -q jobs .cargo/config.toml", Verdict::Passed).await;
    if Command::new("npm").arg("--version").output().is_ok_and(|output| output.status.success()) {
        left.both("test \"$(npm config get fund)\" = false", Verdict::Passed).await;
    }
}

#[tokio::test]
async fn what_the_agent_left_running_is_ended_before_a_check() {
    let left = Left::by("setsid bash -c 'while :; do sleep 1000.305; done' > /dev/null 2>&1 &").await;
    assert_eq!(left.checks(json!(["true"])).await[0].verdict, Verdict::Passed);
    assert_eq!(processes_with("sleep 1000.305"), 0);
}
