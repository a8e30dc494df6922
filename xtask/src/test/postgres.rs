//! A PostgreSQL server for the tests alone: in a temporary folder, on a free port, gone when dropped. Or kept, for
//! tests that are run by hand, until it is stopped.

use std::{
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader},
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Stdio},
    thread,
};

use anyhow::{Context, Result, bail};

use crate::{machine, run};

/// The server refuses to run as root; Debian's package makes this user.
const USER: &str = "postgres";
/// What the server says once it answers.
const READY: &str = "ready to accept connections";

/// A running server.
pub(crate) struct Cluster {
    server: Child,
    programs: PathBuf,
    folder: String,
    port: u16,
}

impl Cluster {
    /// Makes a new, empty cluster and waits until it answers.
    ///
    /// # Errors
    /// When PostgreSQL is not installed or does not start; with what it said.
    pub(crate) fn start() -> Result<Self> {
        let programs = programs()?;
        let folder = new_folder(&programs)?;
        let port = free_port()?;
        let mut server = unprivileged(programs.join("postgres"))
            .args(["-D", &folder])
            .args(options(&folder, port))
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("`postgres` cannot be started")?;
        let messages = server.stderr.take();
        let cluster = Self { server, programs, folder, port };
        wait_until_ready(messages.context("`postgres` has no standard error")?)?;
        Ok(cluster)
    }

    /// Where it answers, with the right to create databases.
    pub(crate) fn url(&self) -> String {
        url(self.port)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let mut stop = unprivileged(self.programs.join("pg_ctl"));
        stop.args(["stop", "--mode", "immediate", "--wait", "--pgdata", &self.folder]);
        if let Err(error) = run::output(&mut stop) {
            eprintln!("the tests' PostgreSQL is killed: {error:#}");
            let _ = self.server.kill();
        }
        let _ = self.server.wait();
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            eprintln!("{} is left behind: {error}", self.folder);
        }
    }
}

/// The URL of a server that goes on after this program: the one that an earlier call started, or a new one. `note` is
/// the file that remembers its folder.
///
/// # Errors
/// When PostgreSQL is not installed or does not start; with what it said.
pub(crate) fn kept(note: &Path) -> Result<String> {
    if let Some(port) = noted(note).and_then(|folder| port_of_running(&folder)) {
        return Ok(url(port));
    }
    // One whose server was killed, by a restart of the machine for example.
    stop_kept(note)?;
    let programs = programs()?;
    let folder = new_folder(&programs)?;
    fs::write(note, &folder).with_context(|| format!("{} cannot be written", note.display()))?;
    let port = free_port()?;
    let log = format!("{folder}/log");
    let mut start = unprivileged(programs.join("pg_ctl"));
    start.args(["start", "--wait", "--pgdata", &folder, "--log", &log]);
    start.args(["--options", &options(&folder, port).join(" ")]);
    run::output(&mut start).with_context(|| run::tail(Path::new(&log)))?;
    Ok(url(port))
}

/// Stops the server of [`kept`] and removes its data. Without one it does nothing.
///
/// # Errors
/// When it cannot be stopped or its data cannot be removed.
pub(crate) fn stop_kept(note: &Path) -> Result<()> {
    let Some(folder) = noted(note) else { return Ok(()) };
    if port_of_running(&folder).is_some() {
        let mut stop = unprivileged(programs()?.join("pg_ctl"));
        run::output(stop.args(["stop", "--mode", "immediate", "--wait", "--pgdata", &folder]))?;
    }
    if Path::new(&folder).exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("{folder} cannot be removed"))?;
    }
    fs::remove_file(note).with_context(|| format!("{} cannot be removed", note.display()))
}

fn noted(note: &Path) -> Option<String> {
    fs::read_to_string(note).ok()
}

/// The port of the server that runs on the data in a folder.
fn port_of_running(folder: &str) -> Option<u16> {
    let mut status = unprivileged(programs().ok()?.join("pg_ctl"));
    run::output(status.args(["status", "--pgdata", folder])).ok()?;
    // The file's format is fixed: process, folder, start time, port, and more.
    fs::read_to_string(format!("{folder}/postmaster.pid")).ok()?.lines().nth(3)?.parse().ok()
}

fn programs() -> Result<PathBuf> {
    machine::postgres_programs().context("PostgreSQL's programs are not installed")
}

/// A temporary folder with an empty cluster.
fn new_folder(programs: &Path) -> Result<String> {
    let folder =
        run::output(unprivileged("mktemp").args(["--directory", "--tmpdir", "caisson-postgres.XXXXXX"]))?;
    let mut initdb = unprivileged(programs.join("initdb"));
    initdb.args(["--pgdata", &folder, "--username", USER, "--auth", "trust", "--encoding", "UTF8"]);
    run::output(initdb.args(["--locale", "C.UTF-8", "--no-sync"]))?;
    Ok(folder)
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// The server's options: loopback only, and quick, because its data need not survive a crash.
fn options(folder: &str, port: u16) -> Vec<String> {
    let port = port.to_string();
    ["-k", folder, "-h", "127.0.0.1", "-p", &port]
        .into_iter()
        .chain(["-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=300"])
        .map(str::to_owned)
        .collect()
}

fn url(port: u16) -> String {
    format!("postgres://{USER}@127.0.0.1:{port}/postgres")
}

fn wait_until_ready(messages: ChildStderr) -> Result<()> {
    let mut messages = BufReader::new(messages).lines();
    let mut said = String::new();
    for line in messages.by_ref() {
        let line = line?;
        if line.contains(READY) {
            // Somebody must go on reading, or the server stands still once the pipe is full.
            thread::spawn(move || messages.for_each(drop));
            return Ok(());
        }
        said.push_str(&line);
        said.push('\n');
    }
    bail!("`postgres` ended: {said}")
}

/// A command that runs as `postgres` if this program runs as root, and in a folder that user may be in.
fn unprivileged(program: impl AsRef<OsStr>) -> Command {
    let mut command = if machine::is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", USER, "--regid", USER, "--init-groups", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir("/");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(url: &str) -> Result<String> {
        let mut psql = Command::new("psql");
        run::output(psql.args(["--no-align", "--tuples-only", "--command", "SELECT 6 * 7", url]))
    }

    #[test]
    fn a_kept_cluster_is_found_again_until_it_is_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let note = folder.path().join("note");
        let url = kept(&note).unwrap();
        assert_eq!(answer(&url).unwrap(), "42");
        assert_eq!(kept(&note).unwrap(), url);
        let data = PathBuf::from(noted(&note).unwrap());
        stop_kept(&note).unwrap();
        assert!(answer(&url).is_err());
        assert!(!data.exists());
    }

    #[test]
    fn a_cluster_answers_and_leaves_nothing_behind() {
        let cluster = Cluster::start().unwrap();
        assert_eq!(answer(&cluster.url()).unwrap(), "42");
        let folder = PathBuf::from(&cluster.folder);
        drop(cluster);
        assert!(!folder.exists());
    }
}
