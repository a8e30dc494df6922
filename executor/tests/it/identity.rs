//! Who commits are by, and which keys are keys.

use std::process::Command;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::World;

/// A pair of real keys: private, public.
fn key_pair(kind: &str) -> (String, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let made =
        Command::new("ssh-keygen").args(["-q", "-t", kind, "-N", "", "-C", "c", "-f"]).arg(&path).status();
    assert!(made.unwrap().success());
    let read = |path: &std::path::Path| std::fs::read_to_string(path).unwrap();
    (read(&path), read(&path.with_extension("pub")))
}

fn with_keys(private: &str, public: &str) -> Value {
    json!({"githubUsername": "Ada", "email": "ada@example.org", "sshPrivateKey": private, "sshPublicKey": public})
}

#[tokio::test]
async fn a_pair_of_keys_is_accepted_and_the_author_is_in_the_agents_git_settings() {
    let world = World::start("").await;
    for kind in ["ed25519", "ecdsa", "rsa"] {
        let (private, public) = key_pair(kind);
        let answer = world.call("/init-git", with_keys(&private, &public)).await;
        assert_eq!(answer["success"], true);
        assert!(answer["message"].as_str().unwrap().contains("SHA256:"), "{answer}");
    }
    let settings = std::fs::read_to_string(world.config.agent_home.join(".gitconfig")).unwrap();
    assert!(settings.contains("name = Ada") && settings.contains("email = ada@example.org"), "{settings}");
}

#[tokio::test]
async fn wrong_keys_are_refused_and_no_part_of_them_is_repeated() {
    let world = World::start("").await;
    let ((private, public), (_, other)) = (key_pair("ed25519"), key_pair("ed25519"));
    let secret = private.lines().nth(2).unwrap().to_owned();
    let broken = private.replace(&secret[..20], "AAAA");
    for (body, field) in [
        (with_keys(&broken, &public), "sshPrivateKey"),
        (with_keys(&public, &public), "sshPrivateKey"),
        (with_keys(&private, &private), "sshPublicKey"),
        (with_keys(&private, &other), "sshPublicKey"),
        (json!({"githubUsername": " ", "email": "a@b"}), "githubUsername"),
        (json!({"githubUsername": "A", "email": "nowhere"}), "email"),
        (json!({"githubUsername": "A", "email": "a@b", "sshPublicKey": public}), "sshPrivateKey"),
    ] {
        let response = world.post("/init-git", body).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        let text = response.text().await.unwrap();
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(answer["success"], false);
        assert!(answer["message"].as_str().unwrap().starts_with(field), "{text}");
        assert!(!text.contains(&secret[..20]) && !text.contains("BEGIN"), "{text}");
    }
    // Also when the whole body is the key.
    let text = world.post("/init-git", Value::String(private)).await.text().await.unwrap();
    assert!(!text.contains("BEGIN"), "{text}");
}

#[tokio::test]
async fn no_key_is_written_anywhere() {
    let world = World::start("").await;
    let (private, public) = key_pair("ed25519");
    world.call("/init-git", with_keys(&private, &public)).await;
    let found =
        Command::new("grep").args(["-rl", private.lines().nth(2).unwrap()]).arg(world.folder.path()).output();
    assert_eq!(String::from_utf8(found.unwrap().stdout).unwrap(), "");
    assert!(world.config.agent_home.join(".gitconfig").exists());
}
