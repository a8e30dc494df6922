//! A place for one test on the engine: a server id of its own, images made for it, and all of it gone at the end.
//!
//! Needs a Debian-like image with `sh` and `perl`: the image under test.

use std::{process::Command, time::Duration};

use api::id::{InstanceId, RunId};
use backend::engine::{
    Engine, Exit, Limits, Live, Profile, Wanted,
    docker::{Address, Docker},
};

use crate::harness::image;

pub(super) const MEBIBYTE: u64 = 1 << 20;
const LIMITS: Limits =
    Limits { cpus: 0.5, memory_bytes: 64 * MEBIBYTE, pids: 40, disk_bytes: 1 << 30, tmp_bytes: MEBIBYTE };
/// How the containers of these tests are made.
pub(super) const PROFILE: Profile =
    Profile { limits: LIMITS, runtime: None, mounts: Vec::new(), dns: Vec::new(), writable_root: false };

/// Runs the engine's own command line, the second opinion of these tests.
pub(super) fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().unwrap();
    assert!(output.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// What a process of this server would use.
pub(super) fn engine(server: &str) -> Docker {
    let address = std::env::var("DOCKER_HOST").ok();
    engine_at(address.as_deref(), server)
}

/// The same on the engine at this address.
pub(super) fn engine_at(address: Option<&str>, server: &str) -> Docker {
    Docker::new(&Address::read(address, None).unwrap(), None, server.to_owned(), PROFILE)
}

/// A server id of its own; takes all that carries it away at the end.
pub(super) struct Place {
    pub(super) server: String,
    pub(super) engine: Docker,
    images: Vec<String>,
}

impl Place {
    pub(super) fn new() -> Self {
        let server = format!("test-{}", InstanceId::mint());
        Self { engine: engine(&server), server, images: Vec::new() }
    }

    /// An image that runs `script` as its first process.
    pub(super) fn image(&mut self, script: &str) -> String {
        let base = image();
        let entry = serde_json::json!(["sh", "-c", script]);
        self.derive(&base, &format!("ENTRYPOINT {entry}"))
    }

    pub(super) fn derive(&mut self, base: &str, change: &str) -> String {
        let name = format!("caisson-test:{}", InstanceId::mint());
        let container = docker(&["create", base, "true"]);
        docker(&[
            "commit", "--change", "USER 0", "--change", "CMD []", "--change", change, &container, &name,
        ]);
        docker(&["rm", &container]);
        self.images.push(name.clone());
        name
    }

    pub(super) async fn start(&mut self, script: &str) -> Live {
        let image = self.image(script);
        self.engine.start(&wanted(&image)).await.unwrap()
    }

    /// Waits for the end of a container and tells how it was.
    pub(super) async fn end_of(&self, live: &Live) -> Exit {
        let wait = self.engine.wait(&live.container_id);
        tokio::time::timeout(Duration::from_secs(60), wait).await.unwrap().unwrap();
        self.engine.exit(&live.container_id).await.unwrap().expect("it has ended")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let label = format!("label=caisson.server={}", self.server);
        let left = docker(&["ps", "--all", "--quiet", "--filter", &label]);
        for container in left.lines() {
            docker(&["rm", "--force", "--volumes", container]);
        }
        for network in docker(&["network", "ls", "--quiet", "--filter", &label]).lines() {
            docker(&["network", "rm", network]);
        }
        for image in &self.images {
            docker(&["rmi", image]);
        }
    }
}

pub(super) fn wanted(image: &str) -> Wanted {
    Wanted {
        instance: InstanceId::mint(),
        run: RunId::mint(),
        image: image.to_owned(),
        token: "t0ken".to_owned(),
        identity: String::new(),
    }
}

/// Reads the executor's port until it says something: its container has only just been started.
pub(super) async fn hello(live: &Live) -> String {
    let address = live.endpoint.as_ref().unwrap().to_string();
    let hello = async {
        loop {
            let said = async {
                let mut line = String::new();
                let mut socket = tokio::net::TcpStream::connect(&address).await?;
                tokio::io::AsyncReadExt::read_to_string(&mut socket, &mut line).await?;
                Ok::<_, std::io::Error>(line)
            };
            match said.await {
                Ok(line) if !line.is_empty() => return line,
                _ => tokio::task::yield_now().await,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), hello).await.unwrap()
}
