//! A gateway that has a key for a real `sshd`, and what clients of it see.

use std::path::PathBuf;

use api::id::RunId;
use serde_json::json;
use tempfile::TempDir;
use testkit::sshd::{self, Sshd};
use url::Url;

use super::super::world::{self, Said};
use crate::{
    broker::{Access, Broker, Settings, loopback::Loopback, meter::recorder::Recorder},
    tasks::Tasks,
};

pub(super) struct Options {
    /// Whether the server takes the client's word for the protocol's version.
    pub accepts_version: bool,
    pub host_is_known: bool,
    pub key_is_authorized: bool,
    pub repository: &'static str,
    pub kind: &'static str,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            accepts_version: true,
            host_is_known: true,
            key_is_authorized: true,
            repository: "own.git",
            kind: "ed25519",
        }
    }
}

pub(super) struct SshWorld {
    folder: TempDir,
    own: String,
    gateway: Loopback,
    server: Sshd,
}

impl SshWorld {
    pub(super) async fn start(options: Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for repository in ["own.git", "other.git"] {
            let make = ["init", "--quiet", "--bare", "--initial-branch", "main", repository];
            world::git(folder.path(), &make).await.done();
        }
        let Options { accepts_version, host_is_known, key_is_authorized, repository, kind } = options;
        let server = Sshd::start(folder.path(), &sshd::Options { accepts_version, key_is_authorized, kind });
        let own = format!("ssh://{}{}/{repository}", server.place(), folder.path().display());
        let credential = server.credential(if host_is_known { "host" } else { "stranger" });
        let settings = Settings {
            git_credentials: Some(world::credentials(folder.path(), &json!([credential]))),
            ..Settings::default()
        };
        let access = Access {
            run: RunId::mint(),
            model_token: "token".to_owned(),
            models: Vec::new(),
            repository: own.parse::<Url>().unwrap(),
            readable: Vec::new(),
            branch: "work".to_owned(),
            meter: Recorder::open(),
        };
        let broker = Broker::new(&settings, Tasks::default()).unwrap();
        let gateway = Loopback::serve(broker.router(access)).await;
        let world = Self { folder, own, gateway, server };
        world.git(".", &["clone", "--quiet", "own.git", "seed"]).await.done();
        world.grow("main", 1).await;
        world
    }

    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub(super) async fn git(&self, folder: &str, arguments: &[&str]) -> Said {
        world::git(&self.path(folder), arguments).await
    }

    /// The address at which the run's container sees its repository.
    pub(super) fn own(&self) -> String {
        let path = self.own.strip_prefix("ssh://").unwrap();
        self.gateway.at(&format!("/git/ssh/{path}")).to_string()
    }

    pub(super) fn through_gateway(&self, repository: &str) -> String {
        let path = format!("/git/ssh/{}{}/{repository}", self.server.place(), self.folder.path().display());
        self.gateway.at(&path).to_string()
    }

    /// More commits on the server.
    pub(super) async fn grow(&self, branch: &str, commits: usize) {
        for _ in 0..commits {
            self.git("seed", &["commit", "--quiet", "--allow-empty", "--message", "There"]).await.done();
        }
        self.git("seed", &["push", "--quiet", "origin", &format!("HEAD:{branch}")]).await.done();
    }

    pub(super) async fn rev(&self, folder: &str, name: &str) -> String {
        let said = self.git(folder, &["rev-parse", name]).await;
        said.done();
        said.text
    }
}
