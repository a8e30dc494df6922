use std::fmt::Write;

use super::*;

const ONE: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
const TWO: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA6rWI3G1sz07DnfFlrouTcysQlj2P+jpNSOEWD9OJ3X";

fn key(text: &str) -> PublicKey {
    PublicKey::from_openssh(text).unwrap()
}

fn knows(lines: &str, host: &str, port: u16, shown: &str) -> bool {
    KnownHosts::parse(lines, host, port).is_ok_and(|hosts| hosts.knows(&key(shown)))
}

#[test]
fn a_key_is_known_for_its_host_and_port_only() {
    for (patterns, host, port, is_known) in [
        ("git.example.org", "git.example.org", 22, true),
        ("Git.Example.org", "git.example.org", 22, true),
        ("git.example.org", "git.example.org", 2222, false),
        ("[git.example.org]:2222", "git.example.org", 2222, true),
        ("[git.example.org]:2222", "git.example.org", 22, false),
        ("git.example.org", "example.org", 22, false),
        ("example.org", "git.example.org", 22, false),
        ("*.example.org", "git.example.org", 22, true),
        ("*.example.org,!git.example.org", "git.example.org", 22, false),
        ("git.?xample.org", "git.example.org", 22, true),
        ("other,git.example.org", "git.example.org", 22, true),
        ("2001:db8::1", "[2001:db8::1]", 22, true),
        ("[2001:db8::1]:2222", "[2001:db8::1]", 2222, true),
    ] {
        let lines = format!("# hosts\n\n{patterns} {ONE} a comment\n");
        assert_eq!(knows(&lines, host, port, ONE), is_known, "{patterns} {host}:{port}");
        assert!(!knows(&lines, host, port, TWO), "another key");
    }
}

#[test]
fn many_stars_take_no_time() {
    let pattern = "*a".repeat(60);
    let host = "a".repeat(200);
    assert!(!knows(&format!("{pattern}b {ONE}\n"), &host, 22, ONE));
    assert!(knows(&format!("{pattern}* {ONE}\n"), &host, 22, ONE));
}

#[test]
fn a_hashed_name_is_known_too() {
    // As `ssh-keygen -H` writes it: HMAC-SHA1 of the name.
    let mut hmac = Hmac::<Sha1>::new_from_slice(&[7; 20]).unwrap();
    hmac.update(b"[git.example.org]:2222");
    let encode = |bytes: &[u8]| base64::Engine::encode(&base64::prelude::BASE64_STANDARD, bytes);
    let line = format!("|1|{}|{} {ONE}\n", encode(&[7; 20]), encode(&hmac.finalize().into_bytes()));
    assert!(knows(&line, "git.example.org", 2222, ONE));
    assert!(!knows(&line, "git.example.org", 22, ONE) && !knows(&line, "other", 2222, ONE));
}

#[test]
fn a_key_that_was_revoked_is_not_known() {
    let mut lines = format!("example.org {ONE}\nexample.org {TWO}\n");
    assert!(knows(&lines, "example.org", 22, ONE));
    writeln!(lines, "@revoked * {ONE}").unwrap();
    assert!(!knows(&lines, "example.org", 22, ONE) && knows(&lines, "example.org", 22, TWO));
    let only = format!("example.org {ONE}\n@revoked example.org {ONE}\n");
    assert!(KnownHosts::parse(&only, "example.org", 22).is_err());
    let authority = format!("@cert-authority example.org {ONE}\n");
    assert!(KnownHosts::parse(&authority, "example.org", 22).is_err(), "certificates are not taken");
}

#[test]
fn lines_that_cannot_be_read_are_refused() {
    for lines in ["", "example.org", "example.org ssh-ed25519 x", "other ssh-ed25519 AAAA\n"] {
        assert!(KnownHosts::parse(lines, "example.org", 22).is_err(), "{lines:?}");
    }
}

#[test]
fn the_server_is_asked_for_a_kind_of_key_that_is_known() {
    let hosts =
        KnownHosts::parse(&format!("example.org {ONE}\nexample.org {TWO}"), "example.org", 22).unwrap();
    assert_eq!(hosts.algorithms(), [Algorithm::Ed25519]);
}
