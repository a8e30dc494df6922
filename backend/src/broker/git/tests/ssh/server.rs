//! A real `sshd` on loopback, one process for each connection, and a gateway that has a key for it.

use std::{
    fs,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use api::id::RunId;
use serde_json::json;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::DropGuard;
use url::Url;

use super::super::world::{self, Said};
use crate::{
    broker::{Access, Broker, Settings, loopback::Loopback, meter::recorder::Recorder},
    tasks::Tasks,
};

const SSHD: &str = "/usr/sbin/sshd";

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
    place: String,
    own: String,
    gateway: Loopback,
    _server: DropGuard,
}

impl SshWorld {
    pub(super) async fn start(options: Options) -> Self {
        assert!(Path::new(SSHD).exists(), "{SSHD} is missing: install openssh-server");
        let folder = tempfile::tempdir().unwrap();
        for repository in ["own.git", "other.git"] {
            let make = ["init", "--quiet", "--bare", "--initial-branch", "main", repository];
            world::git(folder.path(), &make).await.done();
        }
        let (port, server) = serve(folder.path(), &options).await;
        let place = format!("{}@127.0.0.1:{port}", user());
        let root = folder.path().display().to_string();
        let own = format!("ssh://{place}{root}/{}", options.repository);
        let known = key(folder.path(), if options.host_is_known { "host" } else { "stranger" }, "ed25519");
        let credentials = json!([{
            "host": format!("127.0.0.1:{port}"),
            "sshKeyFile": "login",
            "knownHosts": format!("[127.0.0.1]:{port} {known}"),
        }]);
        let settings = Settings {
            git_credentials: Some(world::credentials(folder.path(), &credentials)),
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
        let world = Self { folder, place, own, gateway, _server: server };
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
        let path = format!("/git/ssh/{}{}/{repository}", self.place, self.folder.path().display());
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

/// Makes a key; answers its public half.
fn key(folder: &Path, name: &str, kind: &str) -> String {
    let file = folder.join(name);
    if !file.exists() {
        let made = Command::new("ssh-keygen").args(["-q", "-N", "", "-t", kind, "-f"]).arg(&file).status();
        assert!(made.unwrap().success());
    }
    fs::read_to_string(file.with_extension("pub")).unwrap()
}

fn user() -> String {
    let name = Command::new("id").arg("-un").output().unwrap().stdout;
    String::from_utf8(name).unwrap().trim().to_owned()
}

async fn serve(folder: &Path, options: &Options) -> (u16, DropGuard) {
    key(folder, "host", "ed25519");
    // A second one, which the gateway must not ask for.
    key(folder, "host2", "ecdsa");
    let login = key(folder, "login", options.kind);
    fs::write(folder.join("authorized"), if options.key_is_authorized { login } else { String::new() })
        .unwrap();
    let root = folder.display();
    let accept = if options.accepts_version { "AcceptEnv GIT_PROTOCOL\n" } else { "" };
    let config = format!(
        "HostKey {root}/host2\nHostKey {root}/host\nAuthorizedKeysFile {root}/authorized\nStrictModes no\nUsePAM no\n\
         PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n\
         PermitUserEnvironment no\nSetEnv PATH=/usr/local/bin:/usr/bin:/bin\nPidFile none\n{accept}"
    );
    let file = folder.join("sshd_config");
    fs::write(&file, config).unwrap();
    // Without it sshd does not start as root.
    let _ = fs::create_dir_all("/run/sshd");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let tasks = Tasks::default();
    let stop = tasks.stopping();
    tasks.spawn("sshd", move |stop| async move {
        loop {
            let socket = tokio::select! {
                () = stop.cancelled() => return,
                accepted = listener.accept() => accepted.unwrap().0.into_std().unwrap(),
            };
            socket.set_nonblocking(false).unwrap();
            let (input, output) = (OwnedFd::from(socket.try_clone().unwrap()), OwnedFd::from(socket));
            let mut server = Command::new(SSHD);
            server.args(["-i", "-e", "-f"]).arg(&file).stdin(Stdio::from(input)).stdout(Stdio::from(output));
            let mut server = server.stderr(Stdio::null()).spawn().unwrap();
            tokio::task::spawn_blocking(move || server.wait());
        }
    });
    (port, stop.drop_guard())
}
