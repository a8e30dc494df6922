//! The world's containers, as the engine itself tells of them.

use std::process::Command;

use tokio::io::{AsyncBufReadExt, BufReader};

use super::{World, output, within};

impl World {
    /// Waits until no container of this server is left: at each removal that the engine reports it looks again.
    pub async fn emptied(&self) {
        let label = format!("label=caisson.server={}", self.server_id());
        let filters = ["--filter", "event=destroy", "--filter", label.as_str()];
        let mut events = tokio::process::Command::new("docker")
            // From the beginning, so that none is missed between a look and the next report.
            .args(["events", "--since=1"])
            .args(filters)
            .stdout(std::process::Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("docker runs");
        let mut lines = BufReader::new(events.stdout.take().expect("a pipe")).lines();
        while !self.containers().is_empty() {
            let line = within("a container's end", lines.next_line()).await.expect("readable");
            assert!(line.is_some(), "docker events ended");
        }
    }

    /// The only container of this server.
    pub fn container(&self) -> String {
        let mut all = self.containers();
        assert_eq!(all.len(), 1, "one container");
        all.remove(0)
    }

    /// Makes the network of this server's containers, as an operator may who wants it to be different. Answers the
    /// address that this machine has in it.
    pub fn network(&self, settings: &[&str]) -> String {
        let name = format!("caisson-{}", self.server_id());
        let closed = ["--opt", "com.docker.network.bridge.enable_icc=false"];
        docker(&[&["network", "create"], settings, &closed, &[name.as_str()]].concat());
        docker(&["network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}", &name])
    }

    /// The server's name on the labels of its containers.
    pub(super) fn server_id(&self) -> String {
        backend::keys::Keys::load(&self.dir.path().join("data/server.key")).expect("the key").server_id()
    }

    /// The containers of this server that exist now.
    pub fn containers(&self) -> Vec<String> {
        if !self.dir.path().join("data").exists() {
            // The server has never started. A second panic while the world is dropped would hide why.
            return Vec::new();
        }
        let server = self.server_id();
        let filter = format!("label=caisson.server={server}");
        let listed = output(Command::new("docker").args(["ps", "--all", "--quiet", "--filter", &filter]));
        listed.lines().map(str::to_owned).collect()
    }
}

/// Runs the engine's command line.
pub fn docker(arguments: &[&str]) -> String {
    output(Command::new("docker").args(arguments))
}

/// The image under test.
pub fn image() -> String {
    std::env::var("CAISSON_TEST_IMAGE").unwrap_or_else(|_| "caisson-executor:dev".to_owned())
}

/// An image made of the one under test by these lines of a Dockerfile. Its name says what it is for.
pub fn image_with(name: &str, lines: &str) -> String {
    use std::io::Write;
    let tag = format!("caisson-test-{name}:e2e");
    let mut build = Command::new("docker")
        .args(["build", "--quiet", "--tag", &tag, "-"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("docker runs");
    let recipe = format!("FROM {}\n{lines}\n", image());
    build.stdin.take().expect("a pipe").write_all(recipe.as_bytes()).expect("written");
    assert!(build.wait().expect("an end").success(), "the image {tag} is built");
    tag
}
