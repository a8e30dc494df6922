use std::process::Command;

use super::*;

const HOST: &str = "h ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";

fn hosts() -> KnownHosts {
    KnownHosts::parse(HOST, "h", 22).unwrap()
}

/// A key as `ssh-keygen` makes it.
fn made(arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    let status = Command::new("ssh-keygen").args(["-q", "-f"]).arg(&file).args(arguments).status();
    assert!(status.unwrap().success());
    std::fs::read_to_string(file).unwrap()
}

#[test]
fn keys_of_openssh_and_in_pem_are_read() {
    for arguments in [
        &["-t", "ed25519"][..],
        &["-t", "ecdsa", "-b", "384"],
        &["-t", "rsa", "-b", "2048"],
        &["-t", "rsa", "-b", "2048", "-m", "PEM"],
        &["-t", "rsa", "-b", "2048", "-m", "PKCS8"],
    ] {
        let key = made(&[arguments, &["-N", ""]].concat());
        assert!(Identity::new(&key, None, hosts()).is_ok(), "{arguments:?}");
    }
}

#[test]
fn a_key_that_cannot_be_used_is_refused_in_words_without_it() {
    for (arguments, why) in [
        (&["-t", "ed25519"][..], "passphrase"),
        (&["-t", "rsa", "-b", "2048", "-m", "PEM"], "passphrase"),
        (&["-t", "rsa", "-b", "2048", "-m", "PKCS8"], "passphrase"),
    ] {
        let key = made(&[arguments, &["-N", "canary"]].concat());
        let refusal = Identity::new(&key, None, hosts()).err().unwrap();
        assert!(refusal.contains(why), "{arguments:?} {refusal}");
    }
    for key in
        ["", "canary", "-----BEGIN OPENSSH PRIVATE KEY-----\ncanary\n-----END OPENSSH PRIVATE KEY-----"]
    {
        let refusal = Identity::new(key, None, hosts()).err().unwrap();
        assert!(refusal.contains("cannot be read") && !refusal.contains("canary"), "{refusal}");
    }
}

#[test]
fn the_user_is_that_of_the_repository_before_that_of_the_settings() {
    let key = made(&["-t", "ed25519", "-N", ""]);
    let user = |user: Option<&str>, url: &str| {
        let identity = Identity::new(&key, user.map(str::to_owned), hosts()).unwrap();
        identity.user(&url.parse().unwrap()).to_owned()
    };
    assert_eq!(user(None, "ssh://h/x"), "git");
    assert_eq!(user(Some("me"), "ssh://h/x"), "me");
    assert_eq!(user(Some("me"), "ssh://you@h/x"), "you");
    for wrong in ["", "-l", "a b", "a;b"] {
        assert!(Identity::new(&key, Some(wrong.to_owned()), hosts()).is_err(), "{wrong}");
    }
}
