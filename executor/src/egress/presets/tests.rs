//! Tools as scripts and settings as files, in a folder of the test's own.

use std::{fs, path::Path, process::Command};

use super::*;

/// Presets whose programs are in `bin` and whose files are below the folder.
fn presets(folder: &Path, env: &[(&str, &str)]) -> Presets {
    fs::create_dir_all(folder.join("bin")).unwrap();
    let account = Account::of(&crate::config::tests::config(folder));
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    // The scripts need a shell.
    let path = format!("{}:/usr/bin:/bin", folder.join("bin").display());
    let mut presets = Presets::new(account, BTreeMap::new());
    presets.image = Image::new(&path, env, folder.to_path_buf());
    presets
}

/// Written by another process: one that this one has open for writing cannot be run.
fn script(folder: &Path, name: &str, body: &str) {
    fs::create_dir_all(folder.join("bin")).unwrap();
    let (text, program) = (folder.join("text"), folder.join("bin").join(name));
    fs::write(&text, format!("#!/bin/sh\n{body}\n")).unwrap();
    assert!(Command::new("install").args(["-m", "755"]).args([text, program]).status().unwrap().success());
}

async fn expand(presets: &Presets, entries: &[&str]) -> Expanded {
    presets.expand(&entries.iter().map(|entry| (*entry).to_owned()).collect::<Vec<_>>()).await
}

#[tokio::test]
async fn each_tool_stands_for_the_hosts_it_is_configured_for_in_the_image() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // Where they run and what they see decides whose settings they read; and they are asked once.
    script(
        folder,
        "npm",
        &format!(
            "echo x >> '{0}/asked'; echo \"$(pwd) $HOME $npm_config_x\" > '{0}/seen'\n\
                                    echo https://npm.example.org/registry/",
            folder.display()
        ),
    );
    let pip = "case $1 in config) printf '%s\\n' \"global.extra-index-url='http://a.example.org:8080/x\\nhttps://b.example.org/'\";;\n\
               install) echo 'Base URL (default'; echo '   https://pip.example.org/simple). More';; esac";
    script(folder, "pip", pip);
    fs::create_dir_all(folder.join("etc/apt/sources.list.d")).unwrap();
    fs::write(
        folder.join("etc/apt/sources.list"),
        "# deb http://no.example.org x\ndeb [arch=amd64 signed-by=/k] \
              http://apt.example.org/debian stable main\ndeb cdrom:[x]/ stable main\n",
    )
    .unwrap();
    fs::write(folder.join("etc/apt/sources.list.d/a.sources"), "Types: deb\nURIs: https://one.example.org/debian\n \
              https://two.example.org/x\nSuites: stable\n\nTypes: deb\nURIs: https://off.example.org/\nEnabled: no\n")
        .unwrap();
    fs::create_dir(folder.join(".cargo")).unwrap();
    fs::write(folder.join(".cargo/config.toml"), "[source.mirror]\nregistry = \"sparse+https://index.example.org/i/\"\n\
              [net]\nregistry = \"https://no.example.org\"\n[registries.mine]\nindex = 'https://mine.example.org:8443/git'\n")
        .unwrap();
    let presets = presets(
        folder,
        &[("npm_config_x", "7"), ("CARGO_REGISTRIES_OTHER_INDEX", "sparse+http://o.example.org/")],
    );
    let entries = ["example.org", "tool:npm", "tool:pip", "tool:apt", "tool:cargo", "tool:npm"];
    let expanded = expand(&presets, &entries).await;
    assert_eq!(expanded.refused, []);
    assert_eq!(
        expanded.allow,
        [
            "example.org",
            "npm.example.org:443",
            "a.example.org:8080",
            "b.example.org:443",
            "pip.example.org:443",
            "apt.example.org:80",
            "one.example.org:443",
            "two.example.org:443",
            "index.example.org:443",
            "mine.example.org:8443",
            "o.example.org:80",
            "npm.example.org:443",
        ]
    );
    assert_eq!(fs::read_to_string(folder.join("seen")).unwrap(), "/ /nonexistent 7\n");
    assert_eq!(fs::read_to_string(folder.join("asked")).unwrap(), "x\n");
}

#[tokio::test]
async fn a_tool_that_is_missing_or_says_no_registry_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    script(folder, "npm", "echo undefined");
    script(folder, "pip", "exit 1");
    script(folder, "pip3", "exit 1");
    let presets = presets(folder, &[]);
    let expanded = expand(&presets, &["tool:npm", "tool:pip", "tool:apt", "tool:cargo", "tool:brew"]).await;
    assert_eq!(expanded.allow, Vec::<String>::new());
    let why = |place: usize| expanded.refused[place].why.as_str();
    assert!(why(0).starts_with("npm is not configured") && why(0).contains("by name"), "{}", why(0));
    assert!(why(1).starts_with("there is no pip") && why(1).contains("by name"), "{}", why(1));
    assert!(why(2).starts_with("apt is not configured") && why(3).starts_with("cargo is not"), "{}", why(2));
    assert!(why(4).contains("tool:cargo"), "{}", why(4));
    assert_eq!(expanded.refused[4].entry, "tool:brew");
}

#[tokio::test]
async fn programs_and_settings_that_the_agent_could_have_written_do_not_count() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    script(folder, "npm", "echo https://evil.example.org/");
    fs::set_permissions(folder.join("bin"), fs::Permissions::from_mode(0o777)).unwrap();
    let home = folder.join("cargo");
    fs::create_dir(&home).unwrap();
    fs::write(home.join("config.toml"), "[registries.evil]\nindex = \"https://evil.example.org\"\n").unwrap();
    fs::set_permissions(home.join("config.toml"), fs::Permissions::from_mode(0o666)).unwrap();
    let mut presets = presets(folder, &[("CARGO_HOME", home.to_str().unwrap())]);
    presets.image =
        Image::new(&folder.join("bin").display().to_string(), presets.image.env().clone(), folder.into());
    let expanded = expand(&presets, &["tool:npm", "tool:cargo"]).await;
    assert_eq!((expanded.allow.len(), expanded.refused.len()), (0, 2), "{expanded:?}");
}
