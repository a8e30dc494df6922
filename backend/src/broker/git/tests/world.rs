//! A real git server on loopback, a gateway in front of it, and the git command line.

use std::{
    fs::Permissions,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    sync::{Arc, Mutex},
};

use api::{executor::git_relay_path, id::RunId};
use axum::{
    body::{self, Body},
    http::HeaderName,
};
use serde_json::json;
use tempfile::TempDir;
use tokio::{io::AsyncWriteExt, process::Command};

use super::*;
use crate::{
    broker::{Settings, loopback::Loopback, meter::recorder::Recorder},
    secret::Secret,
    tasks::Tasks,
};

type Seen = Arc<Mutex<Vec<(String, HeaderMap)>>>;

/// Two repositories on a server, and the gateway of a run that owns the first.
pub(super) struct World {
    folder: TempDir,
    seen: Seen,
    server: Loopback,
    pub gateway: Loopback,
}

/// What answers some requests in the place of the git server.
pub(super) trait Front: Fn(&Request) -> Option<Response> + Clone + Send + Sync + 'static {}
impl<F: Fn(&Request) -> Option<Response> + Clone + Send + Sync + 'static> Front for F {}

/// What a git command said.
pub(super) struct Said {
    ok: bool,
    pub text: String,
}

impl Said {
    pub(super) fn done(&self) {
        assert!(self.ok, "{}", self.text);
    }

    /// It failed, and said this.
    pub(super) fn refused(&self, why: &str) {
        assert!(!self.ok && self.text.contains(why), "{why}\n---\n{}", self.text);
    }
}

impl World {
    pub(super) async fn start() -> Self {
        Self::with_repository("own.git").await
    }

    /// A world in which this is the run's repository.
    pub(super) async fn with_repository(own: &str) -> Self {
        Self::with(own, |_| None).await
    }

    /// A world in which this answers before the git server, when it answers.
    pub(super) async fn behind(front: impl Front) -> Self {
        Self::with("own.git", front).await
    }

    async fn with(own: &str, front: impl Front) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for repository in ["own.git", "other.git"] {
            git(folder.path(), &["init", "--quiet", "--bare", "--initial-branch", "main", repository])
                .await
                .done();
        }
        let (seen, root) = (Seen::default(), folder.path().to_owned());
        let answer = {
            let seen = Seen::clone(&seen);
            move |request: Request| {
                let (front, root, seen) = (front(&request), root.clone(), Seen::clone(&seen));
                async move {
                    match front {
                        Some(answer) => {
                            // As proxies do, so that the client is not cut off while it sends.
                            body::to_bytes(request.into_body(), usize::MAX).await.unwrap();
                            answer
                        }
                        None => serve(root, seen, request).await,
                    }
                }
            }
        };
        let server = Loopback::serve(Router::new().fallback(answer)).await;
        let gateway = gateway(&server.at(own)).await;
        let world = Self { folder, seen, server, gateway };
        world.git(".", &["clone", "--quiet", "own.git", "seed"]).await.done();
        world.commit("seed", "README.md", b"# Own\n").await;
        world.git("seed", &["push", "--quiet", "origin", "HEAD:main"]).await.done();
        world
    }

    pub(super) async fn git(&self, folder: &str, arguments: &[&str]) -> Said {
        git(&self.folder.path().join(folder), arguments).await
    }

    /// The address at which the run's container sees this repository.
    pub(super) fn through_gateway(&self, repository: &str) -> String {
        let path = git_relay_path(self.server.at(repository).as_str()).unwrap();
        self.gateway.at(&path).to_string()
    }

    /// The address of this repository on the server itself.
    pub(super) fn server_at(&self, repository: &str) -> Url {
        self.server.at(repository)
    }

    pub(super) async fn clone_as(&self, folder: &str, options: &[&str]) {
        let own = self.through_gateway("own.git");
        self.git(".", &[&["clone", "--quiet"], options, &[&own, folder]].concat()).await.done();
    }

    pub(super) async fn commit(&self, folder: &str, file: &str, content: &[u8]) {
        std::fs::write(self.folder.path().join(folder).join(file), content).unwrap();
        self.git(folder, &["add", file]).await.done();
        self.git(folder, &["commit", "--quiet", "--message", file]).await.done();
    }

    /// Where this is on disk.
    pub(super) fn path(&self, folder: &str) -> PathBuf {
        self.folder.path().join(folder)
    }

    pub(super) async fn head_of(&self, folder: &str, name: &str) -> String {
        let said = self.git(folder, &["rev-parse", name]).await;
        said.done();
        said.text
    }

    pub(super) async fn references(&self, folder: &str) -> String {
        let said = self.git(folder, &["show-ref"]).await;
        said.done();
        said.text
    }

    /// The requests that reached the server.
    pub(super) fn seen(&self) -> Vec<(String, HeaderMap)> {
        self.seen.lock().unwrap().clone()
    }
}

/// A run with this repository and the branch `work`, and a broker that has a GitHub credential.
pub(super) fn run_of(repository: &Url) -> (Broker, Access) {
    let access = Access {
        run: RunId::mint(),
        model_token: "token".to_owned(),
        models: Vec::new(),
        repository: repository.clone(),
        readable: Vec::new(),
        branch: "work".to_owned(),
        meter: Recorder::open(),
    };
    let settings = Settings {
        github_token: Some(Secret::new("github-token")),
        git_private: vec!["127.0.0.1".parse().unwrap()],
        ..Settings::default()
    };
    (Broker::new(&settings, Tasks::default()).unwrap(), access)
}

/// A broker to which the operator has named these hosts.
pub(super) fn broker(named: &[&str]) -> Broker {
    let git_private = named.iter().map(|host| host.parse().unwrap()).collect();
    Broker::new(&Settings { git_private, ..Settings::default() }, Tasks::default()).unwrap()
}

/// A file of git credentials with this in it.
pub(super) fn credentials(folder: &Path, content: &serde_json::Value) -> PathBuf {
    let file = folder.join("credentials.json");
    std::fs::write(&file, json!({"credentials": content}).to_string()).unwrap();
    std::fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    file
}

/// The gateway of such a run.
pub(super) async fn gateway(repository: &Url) -> Loopback {
    let (broker, access) = run_of(repository);
    Loopback::serve(broker.router(access)).await
}

pub(super) async fn git(folder: &Path, arguments: &[&str]) -> Said {
    let output = command(folder).args(arguments).output().await.unwrap();
    let Output { status, stdout, stderr } = output;
    let text = String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned();
    Said { ok: status.success(), text }
}

/// The git command with nobody's settings.
fn command(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.current_dir(folder).env_clear().envs([
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("HOME", "/nonexistent"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_AUTHOR_NAME", "Test"),
        ("GIT_AUTHOR_EMAIL", "test@example.com"),
        ("GIT_COMMITTER_NAME", "Test"),
        ("GIT_COMMITTER_EMAIL", "test@example.com"),
    ]);
    command.kill_on_drop(true);
    command
}

/// git's own server, `git http-backend`: a CGI program.
async fn serve(root: PathBuf, seen: Seen, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    seen.lock().unwrap().push((path.clone(), parts.headers.clone()));
    if path.starts_with("/moved.git/") {
        let place = "http://127.0.0.1:1/new.git/info/refs?service=git-upload-pack";
        return (StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, place)]).into_response();
    }
    let body = body::to_bytes(body, usize::MAX).await.unwrap();
    let header = |name: &str| parts.headers.get(name).map_or("", |value| value.to_str().unwrap());
    let mut backend = command(&root);
    backend.arg("http-backend").envs([
        ("GIT_PROJECT_ROOT", root.to_str().unwrap()),
        ("GIT_HTTP_EXPORT_ALL", "1"),
        ("REMOTE_USER", "test"),
        ("PATH_INFO", &path),
        ("REQUEST_METHOD", parts.method.as_str()),
        ("QUERY_STRING", parts.uri.query().unwrap_or_default()),
        ("CONTENT_TYPE", header("content-type")),
        ("CONTENT_LENGTH", &body.len().to_string()),
        ("HTTP_CONTENT_ENCODING", header("content-encoding")),
        ("GIT_PROTOCOL", header("git-protocol")),
    ]);
    let backend = backend.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut backend = backend.spawn().unwrap();
    let mut input = backend.stdin.take().unwrap();
    let send = async move { input.write_all(&body).await };
    let (sent, output) = tokio::join!(send, backend.wait_with_output());
    // A program that refuses early does not read its input.
    drop(sent);
    from_cgi(&output.unwrap().stdout)
}

/// CGI output: headers, an empty line, the body.
fn from_cgi(output: &[u8]) -> Response {
    let end = output.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let mut response = Body::from(output[end + 4..].to_vec()).into_response();
    for line in str::from_utf8(&output[..end]).unwrap().lines() {
        let (name, value) = line.split_once(": ").unwrap();
        match name {
            "Status" => *response.status_mut() = value[..3].parse().unwrap(),
            _ => {
                response.headers_mut().insert(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
            }
        }
    }
    response
}
