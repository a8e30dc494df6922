//! A PostgreSQL server for the tests alone: in a temporary folder, on a free port, gone when dropped.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader},
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
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
        let programs = machine::postgres_programs().context("PostgreSQL's programs are not installed")?;
        let folder =
            run::output(unprivileged("mktemp").args(["--directory", "--tmpdir", "caisson-postgres.XXXXXX"]))?;
        let mut initdb = unprivileged(programs.join("initdb"));
        initdb.args(["--pgdata", &folder, "--username", USER, "--auth", "trust", "--encoding", "UTF8"]);
        run::output(initdb.args(["--locale", "C.UTF-8", "--no-sync"]))?;

        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let mut server = unprivileged(programs.join("postgres"))
            .args(["-D", &folder, "-k", &folder, "-h", "127.0.0.1", "-p", &port.to_string()])
            // Its data need not survive this program.
            .args(["-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=300"])
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
        format!("postgres://{USER}@127.0.0.1:{}/postgres", self.port)
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
        if let Err(error) = std::fs::remove_dir_all(&self.folder) {
            eprintln!("{} is left behind: {error}", self.folder);
        }
    }
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

    #[test]
    fn a_cluster_answers_and_leaves_nothing_behind() {
        let cluster = Cluster::start().unwrap();
        let psql = |query: &str| {
            run::output(Command::new("psql").args(["--no-align", "--tuples-only"]).args([
                "--command",
                query,
                &cluster.url(),
            ]))
        };
        assert_eq!(psql("SELECT 6 * 7").unwrap(), "42");
        let folder = PathBuf::from(&cluster.folder);
        drop(cluster);
        assert!(!folder.exists());
    }
}
