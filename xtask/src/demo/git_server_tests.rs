//! The server against the real git client.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::Command,
};

use testkit::git_server::GitServer;

use crate::demo::sample;

fn git(folder: &Path, arguments: &[&str]) -> (bool, String) {
    let identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"];
    let mut git = Command::new("git");
    git.current_dir(folder).args(identity).args(arguments).env("GIT_TERMINAL_PROMPT", "0");
    let output = git.output().expect("git");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).trim().to_owned())
}

/// Where it listens, from the URL it gives.
fn address_of(server: &GitServer) -> String {
    server.url("").trim_start_matches("http://").trim_end_matches('/').to_owned()
}

fn served() -> (tempfile::TempDir, GitServer, String) {
    let folder = tempfile::tempdir().expect("a folder");
    sample::create(folder.path()).expect("a repository");
    let server = GitServer::start(sample::served(folder.path()), 0).expect("a server");
    let url = server.url(sample::NAME);
    (folder, server, url)
}

#[test]
fn a_clone_a_commit_and_a_push_go_through() {
    let (folder, _server, url) = served();
    let clone = folder.path().join("clone");
    assert_eq!(git(folder.path(), &["clone", "--quiet", &url, "clone"]), (true, String::new()));
    // Larger than git's post buffer, so the push is chunked.
    let noise: Vec<u8> = (0..3_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    fs::write(clone.join("noise"), noise).expect("written");
    assert!(git(&clone, &["add", "."]).0);
    assert!(git(&clone, &["commit", "--quiet", "--message", "Noise"]).0);
    let pushed = git(&clone, &["push", "origin", "HEAD:refs/heads/topic"]);
    assert!(pushed.0, "{}", pushed.1);
    let bare = sample::served(folder.path()).join(sample::NAME);
    assert_eq!(git(&bare, &["log", "--format=%s", "main..topic"]), (true, "Noise".to_owned()));
}

#[test]
fn a_repository_that_is_not_there_is_not_found() {
    let (folder, server, _) = served();
    let (cloned, said) = git(folder.path(), &["clone", &server.url("other.git"), "clone"]);
    assert!(!cloned && said.contains("not found"), "{said}");
}

#[test]
fn a_path_that_leads_out_is_refused() {
    let (_folder, server, _) = served();
    let mut stream = TcpStream::connect(address_of(&server)).expect("connected");
    stream.write_all(b"GET /../secret HTTP/1.1\r\n\r\n").expect("sent");
    let mut said = String::new();
    stream.read_to_string(&mut said).expect("answered");
    assert!(said.starts_with("HTTP/1.1 403"), "{said}");
}

#[test]
fn the_sample_is_made_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let bare = sample::create(folder.path()).expect("made");
    let head = git(&bare, &["rev-parse", "main"]);
    assert_eq!(sample::create(folder.path()).expect("there"), bare);
    assert_eq!(git(&bare, &["rev-parse", "main"]), head);
}
