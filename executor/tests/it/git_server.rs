//! A real git server, `git http-backend`, on loopback; and the backend's end of the link, which leads to it.

use std::{
    collections::{HashMap, HashSet},
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderName, StatusCode},
    response::{IntoResponse, Response},
};
use tempfile::TempDir;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
};
use tokio_util::{
    compat::{FuturesAsyncReadCompatExt, TokioAsyncReadCompatExt},
    sync::{CancellationToken, DropGuard},
};

use crate::harness::World;

/// What is served.
struct Served {
    root: PathBuf,
    /// Requests for the repository `cut` whose answer broke in the middle; each does so once.
    cut: Mutex<HashSet<String>>,
    /// How often each path and query was asked for.
    asked: Mutex<HashMap<String, u32>>,
}

/// Where repositories are and who serves them.
pub(crate) struct GitServer {
    pub(crate) address: SocketAddr,
    folder: TempDir,
    served: Arc<Served>,
    _link: DropGuard,
}

impl GitServer {
    /// Serves, and dials the world's executor, so that its requests arrive here.
    pub(crate) async fn start(world: &World) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let served = Arc::new(Served {
            root: folder.path().to_path_buf(),
            cut: Mutex::default(),
            asked: Mutex::default(),
        });
        let router = Router::new().fallback(serve).with_state(served.clone());
        world.tasks.spawn(async move { axum::serve(listener, router).await });
        let _link = dial(world, address).await;
        Self { address, folder, served, _link }
    }

    /// Dials an executor that was started again.
    pub(crate) async fn dial_again(&mut self, world: &World) {
        self._link = dial(world, self.address).await;
    }

    /// The requests whose answers broke.
    pub(crate) fn broken(&self) -> Vec<String> {
        let mut all: Vec<String> = self.served.cut.lock().unwrap().iter().cloned().collect();
        all.sort();
        all
    }

    /// How many requests came for a repository.
    pub(crate) fn asked(&self, repository: &str) -> u32 {
        let asked = self.served.asked.lock().unwrap();
        asked.iter().filter(|(what, _)| what.starts_with(repository)).map(|(_, count)| count).sum()
    }

    /// The address of a repository, as a user would give it.
    pub(crate) fn url(&self, name: &str) -> String {
        format!("http://{}/{name}.git", self.address)
    }

    /// Where a repository is on disk.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.git"))
    }

    /// A bare repository without commits.
    pub(crate) fn empty(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        git(self.folder.path(), &["init", "-q", "--bare", "-b", "main", path.to_str().unwrap()]);
        git(&path, &["config", "http.receivepack", "true"]);
        path
    }

    /// A bare repository with three commits on `main`, a branch `other` and an annotated tag `v1`.
    pub(crate) fn demo(&self, name: &str) -> PathBuf {
        let path = self.empty(name);
        let work = self.folder.path().join(format!("{name}-work"));
        git(self.folder.path(), &["clone", "-q", path.to_str().unwrap(), work.to_str().unwrap()]);
        for n in 1..=3 {
            std::fs::write(work.join("README.md"), format!("# Demo {n}\n")).unwrap();
            std::fs::write(work.join(format!("file-{n}")), "text\n").unwrap();
            git(&work, &["add", "-A"]);
            git(&work, &["commit", "-q", "-m", &format!("commit {n}")]);
        }
        git(&work, &["tag", "-a", "v1", "-m", "first", "HEAD~1"]);
        git(&work, &["push", "-q", "origin", "HEAD:main", "HEAD~2:refs/heads/other", "v1"]);
        path
    }
}

/// The backend's part: upgrades, accepts streams, joins each with a connection to `target`.
pub(crate) async fn dial(world: &World, target: SocketAddr) -> DropGuard {
    let request = world.request(reqwest::Method::GET, "/link");
    let response =
        request.header("connection", "upgrade").header("upgrade", "caisson-link").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    let socket = response.upgrade().await.unwrap();
    let mut link = yamux::Connection::new(socket.compat(), yamux::Config::default(), yamux::Mode::Server);
    let (tasks, stop) = (world.tasks.clone(), CancellationToken::new());
    let guard = stop.clone().drop_guard();
    world.tasks.spawn(async move {
        loop {
            let stream = tokio::select! {
                stream = std::future::poll_fn(|context| link.poll_next_inbound(context)) => stream,
                () = stop.cancelled() => return,
            };
            let Some(Ok(stream)) = stream else { return };
            tasks.spawn(async move {
                let mut server = TcpStream::connect(target).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut stream.compat(), &mut server).await;
            });
        }
    });
    guard
}

/// Runs git for the test itself, on disk only: it would wait for ever for a server of the same thread.
pub(crate) fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.args(arguments).current_dir(folder).env("GIT_CONFIG_GLOBAL", "/dev/null");
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "Test").env(format!("GIT_{who}_EMAIL"), "test@example.org");
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

async fn serve(State(served): State<Arc<Served>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    // `/git/http/HOST/NAME.git/…` is how it comes through the relay; nothing else may come. An SSH remote is
    // reached over HTTP as well: the broker speaks SSH to it.
    let place = path.strip_prefix("/git/http/").or_else(|| path.strip_prefix("/git/ssh/git@"));
    let Some((_, path)) = place.and_then(|rest| rest.split_once('/')) else {
        return (StatusCode::IM_A_TEAPOT, "not through the relay").into_response();
    };
    let what = format!("{path} {}", request.uri().query().unwrap_or_default());
    let count = {
        let mut asked = served.asked.lock().unwrap();
        let count = asked.entry(what).or_default();
        *count += 1;
        *count
    };
    if path.starts_with("busy.git") && count <= 2 {
        let status = if count == 1 { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::TOO_MANY_REQUESTS };
        return status.into_response();
    }
    let odd = path.starts_with("odd.git");
    if path.starts_with("private.git") {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    if path == "stalled.git/git-receive-pack" {
        return std::future::pending().await;
    }
    let post = request.method() == "POST";
    let cut = post && path.starts_with("cut.git/") && served.cut.lock().unwrap().insert(path.to_owned());
    let (path, query) = (format!("/{path}"), request.uri().query().unwrap_or_default().to_owned());
    let mut command = tokio::process::Command::new("git");
    command
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", served.root.as_path())
        .env("GIT_HTTP_EXPORT_ALL", "1");
    command
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("REQUEST_METHOD", request.method().as_str());
    for (header, variable) in
        [("content-type", "CONTENT_TYPE"), ("content-encoding", "HTTP_CONTENT_ENCODING")]
    {
        if let Some(value) = request.headers().get(header) {
            command.env(variable, value.to_str().unwrap());
        }
    }
    let body = axum::body::to_bytes(request.into_body(), 64 << 20).await.unwrap();
    command.env("CONTENT_LENGTH", body.len().to_string());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let (_, output) = tokio::join!(async move { stdin.write_all(&body).await }, child.wait_with_output());
    let mut output = output.unwrap().stdout;
    if odd {
        // As long as before, and not UTF-8.
        let said = b"pre-receive hook";
        while let Some(at) = output.windows(said.len()).position(|part| part == said) {
            output[at..at + said.len()].copy_from_slice(b"pr\xe9-receive h\xf6\xf6k");
        }
    }
    let response = answer(&output);
    if cut { broken(response).await } else { response }
}

/// This answer with its connection cut in the middle.
async fn broken(whole: Response) -> Response {
    let (parts, body) = whole.into_parts();
    let bytes = axum::body::to_bytes(body, 64 << 20).await.unwrap();
    let half = bytes.slice(..bytes.len() / 2);
    let cut = futures::stream::iter([Ok(half), Err(io::Error::other("cut"))]);
    Response::from_parts(parts, Body::from_stream(cut))
}

/// A CGI answer as an HTTP answer.
fn answer(output: &[u8]) -> Response {
    let end = output.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
    let mut response = Response::new(Bytes::copy_from_slice(&output[end + 4..]).into());
    for line in std::str::from_utf8(&output[..end]).unwrap().lines() {
        let (name, value) = line.split_once(": ").unwrap();
        if name == "Status" {
            *response.status_mut() = value[..3].parse().unwrap();
        } else {
            response.headers_mut().insert(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
    }
    response
}
