use std::{error::Error as _, fs, os::unix::fs::PermissionsExt};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;

fn folder(content: &Value) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    put(&folder, "git.json", &content.to_string(), 0o600);
    folder
}

fn put(folder: &TempDir, name: &str, text: &str, mode: u32) {
    let file = folder.path().join(name);
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
}

fn load(folder: &TempDir, github: Option<&str>) -> Result<Credentials, Error> {
    Credentials::load(Some(&folder.path().join("git.json")), github)
}

fn shown(all: &Credentials, url: &str) -> Option<String> {
    all.authorization(&url.parse().unwrap()).map(|header| header.to_str().unwrap().to_owned())
}

/// Why this list is refused.
fn refusal(entries: Value) -> String {
    let folder = folder(&json!({"credentials": entries}));
    let error = load(&folder, None).err().unwrap();
    assert!(error.source().is_none());
    let text = format!("{error} {error:?}");
    assert!(!text.contains("canary"), "{text}");
    error.to_string()
}

#[test]
fn a_credential_is_for_its_host_and_port_and_never_in_clear() {
    let folder = folder(&json!({"credentials": [
        {"host": "Git.example.org", "token": "token-1"},
        {"host": "git.example.org:8443", "username": "me", "password": "password-1"},
        {"host": "127.0.0.1:3000", "tokenFile": "token"},
    ]}));
    put(&folder, "token", "token-2\n", 0o600);
    let all = load(&folder, Some("github-token")).unwrap();
    let basic = |text: &str| Some(format!("Basic {}", BASE64_STANDARD.encode(text)));
    assert_eq!(shown(&all, "https://git.example.org/o/r"), basic("x-access-token:token-1"));
    assert_eq!(shown(&all, "https://git.example.org:443/o/r"), basic("x-access-token:token-1"));
    assert_eq!(shown(&all, "https://git.example.org:8443/o/r"), basic("me:password-1"));
    assert_eq!(shown(&all, "http://127.0.0.1:3000/o/r"), basic("x-access-token:token-2"));
    assert_eq!(shown(&all, "https://github.com/o/r"), basic("x-access-token:github-token"));
    for other in [
        "http://git.example.org/o/r",
        "http://git.example.org:8443/o/r",
        "https://git.example.org:9443/o/r",
        "https://example.org/o/r",
        "https://git.example.org.example.com/o/r",
        "https://a.git.example.org/o/r",
        "ssh://git.example.org/o/r",
        "http://127.0.0.2:3000/o/r",
        "http://127.0.0.1:3001/o/r",
    ] {
        assert_eq!(shown(&all, other), None, "{other}");
    }
    assert!(!all.has_identity(&"ssh://git.example.org/o/r".parse().unwrap()));
}

#[test]
fn an_entry_that_cannot_be_used_is_named() {
    let host = "git.example.org";
    for (entry, why) in [
        (json!({"host": host}), "give one of"),
        (json!({"host": host, "token": "canary", "password": "canary"}), "give one of"),
        (json!({"host": host, "username": "me"}), "give one of"),
        (json!({"host": host, "token": ""}), "empty"),
        (json!({"host": host, "token": "canary", "tokenFile": "x"}), "both"),
        (json!({"host": host, "tokenFile": "no-such-file"}), "cannot read"),
        (json!({"host": host, "token": "canary", "user": "git"}), "go with"),
        (json!({"host": host, "username": "a:b", "password": "canary"}), "characters"),
        (json!({"host": host, "token": "can\nary"}), "characters"),
        (json!({"host": host, "sshKey": "canary"}), "knownHosts"),
        (json!({"host": host, "sshKey": "canary", "knownHosts": "other canary"}), "knownHosts"),
        (json!({"host": "", "token": "canary"}), "`host`"),
        (json!({"host": "https://git.example.org", "token": "canary"}), "`host`"),
        (json!({"host": "git.example.org/x", "token": "canary"}), "`host`"),
        (json!({"host": "me@git.example.org", "token": "canary"}), "`host`"),
        (json!({"host": "*.example.org", "token": "canary"}), "`host`"),
        (json!({"host": "git.example.org:0", "token": "canary"}), "`host`"),
        (json!({"host": "-x", "token": "canary"}), "`host`"),
    ] {
        let refusal = refusal(json!([{"host": "first.example.org", "token": "x-token"}, entry]));
        assert!(refusal.contains("credentials[1] (") && refusal.contains(why), "{refusal}");
    }
    let twice =
        json!([{"host": host, "token": "canary"}, {"host": "GIT.example.org:443", "token": "canary"}]);
    assert!(refusal(twice).contains("credentials[1] (GIT.example.org:443): this host has such a credential"));
}

#[test]
fn a_file_of_another_form_is_refused_without_its_text() {
    assert!(refusal(json!("canary")).contains("credentials is wrong at line 1"));
    assert!(refusal(json!([{"host": "h", "more": "canary"}])).contains("is wrong at line 1"));
    assert!(refusal(json!([{"host": "h", "token": ["canary"]}])).contains("credentials[0].token is wrong"));
    let broken = folder(&json!({}));
    put(&broken, "git.json", "{\"credentials\": canary", 0o600);
    assert!(!load(&broken, None).err().unwrap().to_string().contains("canary"));
}

#[test]
fn files_that_others_can_read_are_refused() {
    let entry = json!({"credentials": [{"host": "h", "tokenFile": "token"}]});
    for (list, token, is_fine) in
        [(0o600, 0o400, true), (0o640, 0o600, false), (0o604, 0o600, false), (0o600, 0o640, false)]
    {
        let folder = folder(&entry);
        put(&folder, "git.json", &entry.to_string(), list);
        put(&folder, "token", "a-token", token);
        let loaded = load(&folder, None);
        assert_eq!(loaded.is_ok(), is_fine, "{list:o} {token:o}");
        if let Err(error) = loaded {
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
    }
}

#[test]
fn two_credentials_for_github_are_refused() {
    let folder = folder(&json!({"credentials": [{"host": "github.com", "token": "x-token"}]}));
    assert!(load(&folder, None).is_ok());
    assert!(matches!(load(&folder, Some("github-token")), Err(Error::GithubTwice)));
}
