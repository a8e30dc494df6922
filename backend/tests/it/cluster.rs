//! A PostgreSQL cluster of one test's own, which may be stopped in the middle of its work and have no room.

use std::{
    fs::Permissions,
    io::{BufRead, BufReader},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use crate::disk::Disk;

/// A cluster on a small disk.
pub struct Cluster {
    /// Where its data is.
    pub disk: Disk,
    port: u16,
    server: Option<Child>,
}

impl Cluster {
    /// A new cluster that answers. A commit takes 20 ms in it, so that most of its time is spent in COMMIT.
    pub fn start() -> Self {
        let disk = Disk::new(96 << 10);
        std::fs::set_permissions(disk.path(), Permissions::from_mode(0o777)).expect("permissions");
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
        let mut cluster = Self { disk, port, server: None };
        let mut initdb = cluster.program("initdb");
        initdb.args([
            "--username",
            "postgres",
            "--auth",
            "trust",
            "--encoding",
            "UTF8",
            "--locale",
            "C.UTF-8",
        ]);
        let made = initdb
            .args(["--wal-segsize", "1", "--no-sync"])
            .arg(cluster.data())
            .output()
            .expect("`initdb` starts");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        cluster.resume();
        cluster
    }

    /// Where it answers.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Ends all of its processes at once, as a crash does.
    pub fn crash(&mut self) {
        let mut stop = self.program("pg_ctl");
        // It may have ended by itself: with no room for its log it does.
        let _ = stop.args(["stop", "--mode", "immediate", "--wait", "--pgdata"]).arg(self.data()).output();
        if let Some(mut server) = self.server.take() {
            server.wait().expect("an end");
        }
    }

    /// Starts it and waits until it answers.
    pub fn resume(&mut self) {
        let data = self.data();
        let mut postgres = self.program("postgres");
        let mut server = postgres
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(&data)
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string()])
            .args(["-c", "commit_delay=20000", "-c", "commit_siblings=0", "-c", "max_wal_size=8MB"])
            .args(["-c", "min_wal_size=2MB", "-c", "shared_buffers=16MB"])
            .stderr(Stdio::piped())
            .spawn()
            .expect("`postgres` starts");
        let mut messages = BufReader::new(server.stderr.take().expect("a pipe")).lines();
        let mut said = String::new();
        loop {
            let line = messages.next().unwrap_or_else(|| panic!("it ended: {said}")).expect("text");
            if line.contains("ready to accept connections") {
                break;
            }
            said = said + &line + "\n";
        }
        // Somebody must go on reading, or it stands still once the pipe is full.
        std::thread::spawn(move || messages.for_each(drop));
        self.server = Some(server);
    }

    fn data(&self) -> PathBuf {
        self.disk.path().join("cluster")
    }

    /// One of its programs, as the user that it insists on.
    fn program(&self, name: &str) -> Command {
        let folders = std::fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is installed");
        let newest = folders.flatten().map(|entry| entry.path()).max().expect("a version");
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "postgres", "--regid", "postgres", "--init-groups", "--"]);
        command.arg(newest.join("bin").join(name)).current_dir(Path::new("/"));
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.crash();
    }
}
