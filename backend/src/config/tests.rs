//! What `caisson serve` takes, and what it refuses in which words.

use std::{fs, os::unix::fs::PermissionsExt};

use clap::{CommandFactory, Parser};

use super::*;
use crate::{store::Store, tasks::Tasks};

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    serve: Serve,
}

/// Validates these arguments with a data folder of their own.
fn validate(arguments: &[&str]) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").display().to_string();
    let arguments = ["caisson", "--data-dir", &data].into_iter().chain(arguments.iter().copied());
    let parsed = Command::try_parse_from(arguments).map_err(|error| error.to_string())?;
    parsed.serve.validate().map_err(|error| error.to_string())
}

#[test]
fn the_defaults_are_safe() {
    let config = validate(&[]).unwrap();
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:7334");
    assert!(!config.http.trusted_proxy);
    assert_eq!(config.http.max_body, 10 << 20);
    assert_eq!((config.runs.slots, config.runs.queue, config.runs.check_attempts), (4, 10_000, 2));
    assert_eq!(
        (config.containers.profile.limits.memory_bytes, config.containers.profile.limits.pids),
        (4 << 30, 512)
    );
    assert_eq!(config.model.source, ModelSource::Anthropic);
    assert!(config.storage.database_url.expose().starts_with("sqlite://"));
    assert!(config.storage.database_url.expose().ends_with("/data/caisson.db?mode=rwc"));
}

#[test]
fn nonsense_is_refused_by_the_name_of_its_flag() {
    let table: [(&[&str], &str, &str); 31] = [
        (&["--slots", "0"], "--slots", "must be 1 to"),
        (&["--slots", "many"], "--slots", "invalid digit"),
        (&["--queue", "0"], "--queue", "must be 1 to"),
        (&["--check-attempts", "101"], "--check-attempts", "must be 0 to 100"),
        (&["--start-timeout", "1"], "--start-timeout", "must be 5 to"),
        (&["--cpus", "0"], "--cpus", "must be 0.1 to"),
        (&["--cpus", "NaN"], "--cpus", "must be 0.1 to"),
        (&["--memory", "63m"], "--memory", "must be 64m to"),
        (&["--memory", "lots"], "--memory", "512m, 4g"),
        (&["--pids", "1"], "--pids", "must be 32 to"),
        (&["--image", " "], "--image", "is empty"),
        (&["--default-model", ""], "--default-model", "is empty"),
        (&["--model", "gpt"], "--model", "scripted:FILE"),
        (&["--model", "scripted:/no/such/script.json"], "--model", "cannot read"),
        (&["--prices", "/no/such/prices.json"], "--prices", "cannot read"),
        (&["--claude-login", "/no/such/folder"], "--claude-login", "cannot read"),
        (&["--git-credentials", "/no/such/file"], "--git-credentials", "cannot read"),
        (&["--anthropic-base-url", "ftp://example"], "--anthropic-base-url", "https://"),
        (&["--anthropic-base-url", "https://me:pw@example"], "--anthropic-base-url", "without a password"),
        (&["--git-private", "git.internal,169.254.169.254"], "--git-private", "never connected to"),
        (&["--git-private", "10.1.2.3/24"], "--git-private", "10.1.2.0/24"),
        (&["--git-name", "A <b>"], "--git-name", "must not contain"),
        (&["--database-url", "mysql://example"], "--database-url", "postgres://"),
        (&["--admin-token", "short"], "--admin-token", "at least 16 characters"),
        (&["--allowed-hosts", "https://example.org"], "--allowed-hosts", "is not a host"),
        (&["--max-body", "1k"], "--max-body", "must be 64k to 1g"),
        (&["--max-connections", "0"], "--max-connections", "must be 1 to"),
        (&["--docker-host", "ssh://host"], "--docker-host", "unix:// or tcp://"),
        (&["--docker-host", "tcp://192.0.2.7:2375"], "--docker-host", "DOCKER_TLS_VERIFY"),
        (
            &["--docker-host", "tcp://192.0.2.7:2376", "--docker-tls-verify"],
            "--docker-host",
            "DOCKER_CERT_PATH",
        ),
        (&["--publish-address", "0.0.0.0"], "--publish-address", "no address to dial"),
    ];
    for (arguments, flag, remedy) in table {
        let refused = validate(arguments).err().unwrap_or_else(|| panic!("{arguments:?} was taken"));
        assert!(refused.contains(flag) && refused.contains(remedy), "{arguments:?}: {refused}");
    }
}

#[test]
fn listening_beyond_this_machine_must_be_meant() {
    for listen in ["0.0.0.0:7334", "[::]:7334", "192.0.2.7:80"] {
        let refused = validate(&["--listen", listen]).unwrap_err();
        assert!(refused.contains("--trusted-proxy") && refused.contains("--insecure-listen"), "{refused}");
        assert!(validate(&["--listen", listen, "--trusted-proxy"]).is_ok());
        assert!(validate(&["--listen", listen, "--insecure-listen"]).is_ok());
    }
    for loopback in ["127.0.0.1:0", "[::1]:7334", "127.1.2.3:80"] {
        assert!(validate(&["--listen", loopback]).is_ok(), "{loopback}");
    }
}

#[test]
fn the_models_credential_goes_over_plain_http_only_when_that_is_meant() {
    for flag in ["--anthropic-base-url", "--claude-login-token-url"] {
        for url in ["http://gateway.example", "http://10.0.0.7:8080/v1", "http://[fd00::1]"] {
            let refused = validate(&[flag, url]).unwrap_err();
            assert!(refused.contains(flag) && refused.contains("CAISSON_INSECURE_MODEL"), "{refused}");
            assert!(validate(&[flag, url, "--insecure-model"]).is_ok());
        }
        for url in ["https://gateway.example", "http://127.0.0.1:8080", "http://localhost", "http://[::1]"] {
            assert!(validate(&[flag, url]).is_ok(), "{flag} {url}");
        }
    }
}

#[test]
fn a_secret_comes_from_its_flag_or_its_file_and_shows_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    fs::write(&file, "0123456789abcdef\n").unwrap();
    let file = file.display().to_string();
    let config = validate(&["--admin-token-file", &file]).unwrap();
    assert_eq!(config.storage.admin_token, Some(Secret::new("0123456789abcdef")), "the line end is gone");
    assert!(!format!("{config:?}").contains("0123456789abcdef"));

    let both = validate(&["--admin-token", "0123456789abcdef", "--admin-token-file", &file]).unwrap_err();
    assert!(both.contains("set one of the two"), "{both}");
    let missing = validate(&["--admin-token-file", "/no/such/file"]).unwrap_err();
    assert!(missing.contains("--admin-token: cannot read /no/such/file"), "{missing}");
    assert_eq!(validate(&["--admin-token", ""]).unwrap().storage.admin_token, None, "empty means unset");
}

#[test]
fn what_is_stored_is_closed_to_others() {
    let folder = tempfile::tempdir().unwrap();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let (made, open) = (folder.path().join("deep/data"), folder.path().join("open"));
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
    for data in [&made, &open] {
        let parsed = Command::try_parse_from(["caisson", "--data-dir", &data.display().to_string()]);
        parsed.unwrap().serve.validate().unwrap();
        assert_eq!(mode(&data.join("caisson.db")), 0o600);
    }
    assert_eq!(mode(&made), 0o700);
    assert_eq!(mode(&open), 0o755, "a folder that was there is its owner's business");
}

#[tokio::test]
async fn a_data_folder_may_have_any_name() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("50% of what? #1");
    let parsed = Command::try_parse_from(["caisson", "--data-dir", &data.display().to_string()]);
    let config = parsed.unwrap().serve.validate().unwrap();
    Store::open(config.storage.database_url.expose(), &Tasks::default()).await.unwrap();
    assert_ne!(fs::metadata(data.join("caisson.db")).unwrap().len(), 0, "the tables are in this file");
}

#[test]
fn a_folder_that_cannot_be_made_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let parsed = Command::try_parse_from(["caisson", "--data-dir", &file.join("data").display().to_string()]);
    let refused = parsed.unwrap().serve.validate().unwrap_err().to_string();
    assert!(refused.contains("--data-dir") && refused.contains("you can write to"), "{refused}");
}

#[test]
fn every_setting_has_a_help_text_and_an_environment_twin_and_no_secret_is_shown() {
    let command = Command::command();
    let settings: Vec<_> = command.get_arguments().filter(|argument| argument.get_id() != "help").collect();
    assert!(30 < settings.len(), "{}", settings.len());
    for setting in settings {
        let name = setting.get_id();
        let env = setting.get_env().and_then(|env| env.to_str()).unwrap_or_default();
        assert!(!env.is_empty(), "{name} has no environment twin");
        assert!(setting.get_help().is_some(), "{name} has no help");
        let secret = ["_TOKEN", "_KEY", "DATABASE_URL"].iter().any(|end| env.ends_with(end));
        assert_eq!(secret, setting.is_hide_env_values_set(), "{env} in the help");
    }
}

#[test]
fn what_an_engine_on_another_machine_cannot_do_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["key.pem", "cert.pem", "ca.pem"] {
        fs::write(folder.path().join(name), "").unwrap();
    }
    let certificates = folder.path().display().to_string();
    let remote = ["--docker-host", "tcp://192.0.2.7:2376", "--docker-cert-path", &certificates];
    let with = |more: &[&str]| validate(&[&remote, more].concat());
    assert!(with(&[]).is_ok());
    let refused = with(&["--mount", "/srv/cache:/cache"]).unwrap_err();
    assert!(refused.contains("--mount") && refused.contains("another machine"), "{refused}");
    let refused = with(&["--publish-address", "127.0.0.1"]).unwrap_err();
    assert!(refused.contains("--publish-address") && refused.contains("cannot be reached"), "{refused}");
}
