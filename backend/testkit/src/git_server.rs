//! A git server on loopback: `git http-backend`, the real one, behind a small HTTP server.
//!
//! Serves every bare repository of a folder to anyone on this machine; a repository takes pushes when its
//! `http.receivepack` is true. One thread a connection, one request a connection.

use std::{
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context, Result};

/// A head longer than this is no git client's.
const MAX_HEAD_BYTES: u64 = 64 * 1024;
/// A client that is silent for so long has gone.
const SILENCE: Duration = Duration::from_secs(60);

/// A running git server; it serves as long as the process lives.
pub struct GitServer {
    address: SocketAddr,
}

impl GitServer {
    /// Serves the repositories of this folder on this port of loopback, or on a free one if it is in use.
    ///
    /// # Errors
    /// When no port is free or the folder does not exist.
    pub fn start(folder: PathBuf, port: u16) -> Result<Self> {
        let folder = fs::canonicalize(&folder).with_context(|| format!("no folder {}", folder.display()))?;
        let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
        let listener = bind(port).or_else(|_| bind(0)).context("no free port for the git server")?;
        let address = listener.local_addr()?;
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let folder = folder.clone();
                thread::spawn(move || {
                    if let Err(error) = serve(&stream, &folder) {
                        eprintln!("git server: {error}");
                    }
                });
            }
        });
        Ok(Self { address })
    }

    /// The URL of a repository: its path in the folder.
    pub fn url(&self, repository: &str) -> String {
        format!("http://{}/{repository}", self.address)
    }
}

/// The head of a request.
struct Head {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
}

impl Head {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

fn serve(stream: &TcpStream, folder: &Path) -> io::Result<()> {
    stream.set_read_timeout(Some(SILENCE))?;
    let mut reader = BufReader::new(stream);
    let Some(head) = read_head(&mut reader)? else { return refuse(stream, "400 Bad Request") };
    if head.path.split('/').any(|part| part == "..") || !matches!(head.method.as_str(), "GET" | "POST") {
        return refuse(stream, "403 Forbidden");
    }
    if head.header("expect").is_some_and(|expect| expect.eq_ignore_ascii_case("100-continue")) {
        let mut out = stream;
        out.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let mut backend = start_backend(&head, folder)?;
    // The answer can begin before the request is read whole, so both go on at once.
    thread::scope(|scope| {
        let input = backend.stdin.take();
        scope.spawn(|| input.map(|input| copy_body(&head, &mut reader, input)));
        answer(&mut backend, stream)
    })?;
    backend.wait()?;
    Ok(())
}

fn read_head(reader: &mut impl BufRead) -> io::Result<Option<Head>> {
    let mut limited = reader.take(MAX_HEAD_BYTES);
    let mut first = String::new();
    limited.read_line(&mut first)?;
    let mut words = first.split_whitespace();
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(None) };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut head = Head {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: Vec::new(),
    };
    loop {
        let mut line = String::new();
        if limited.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        match line.trim_end().split_once(':') {
            Some((name, value)) => head.headers.push((name.to_ascii_lowercase(), value.trim().to_owned())),
            None if line.trim_end().is_empty() => return Ok(Some(head)),
            None => return Ok(None),
        }
    }
}

/// CGI, as far as `git http-backend` reads it.
fn start_backend(head: &Head, folder: &Path) -> io::Result<Child> {
    let mut backend = Command::new("git");
    backend.arg("http-backend").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    backend.env("GIT_PROJECT_ROOT", folder).env("GIT_HTTP_EXPORT_ALL", "1");
    backend.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    backend.env("REQUEST_METHOD", &head.method).env("PATH_INFO", &head.path).env("QUERY_STRING", &head.query);
    backend.env("REMOTE_ADDR", "127.0.0.1");
    for (header, variable) in [
        ("content-type", "CONTENT_TYPE"),
        ("content-length", "CONTENT_LENGTH"),
        ("content-encoding", "HTTP_CONTENT_ENCODING"),
        ("git-protocol", "GIT_PROTOCOL"),
    ] {
        if let Some(value) = head.header(header) {
            backend.env(variable, value);
        }
    }
    backend.spawn()
}

/// Hands the request's body over; dropping the pipe at the end is what says that it is complete.
fn copy_body(head: &Head, reader: &mut impl BufRead, mut input: impl Write) -> io::Result<()> {
    let is_chunked =
        head.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
    if !is_chunked {
        let length = head.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        return io::copy(&mut reader.take(length), &mut input).map(drop);
    }
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(size, 16).map_err(io::Error::other)?;
        io::copy(&mut reader.take(size), &mut input)?;
        // After the last chunk this is the empty line that ends the body; nobody sends trailers.
        reader.read_line(&mut String::new())?;
        if size == 0 {
            return Ok(());
        }
    }
}

/// Turns the CGI's answer into HTTP: its `Status` header is the status line.
fn answer(backend: &mut Child, mut stream: &TcpStream) -> io::Result<()> {
    let Some(output) = backend.stdout.take() else { return Ok(()) };
    let mut output = BufReader::new(output);
    let mut status = "200 OK".to_owned();
    let mut headers = String::new();
    loop {
        let mut line = String::new();
        if output.read_line(&mut line)? == 0 || line.trim_end().is_empty() {
            break;
        }
        match line.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("status") => {
                value.trim().clone_into(&mut status)
            }
            _ => headers.push_str(&format!("{}\r\n", line.trim_end())),
        }
    }
    write!(stream, "HTTP/1.1 {status}\r\n{headers}Connection: close\r\n\r\n")?;
    io::copy(&mut output, &mut stream)?;
    stream.flush()
}

fn refuse(mut stream: &TcpStream, status: &str) -> io::Result<()> {
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}
