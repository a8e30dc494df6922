//! A real `sshd` on loopback, one process for each connection, that lets in whoever runs the tests.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use serde_json::{Value, json};

const SSHD: &str = "/usr/sbin/sshd";

/// How the server treats its client.
pub struct Options {
    /// Whether the server takes the client's word for the protocol's version.
    pub accepts_version: bool,
    /// Whether the client may log in with its key.
    pub key_is_authorized: bool,
    /// The kind of the client's key.
    pub kind: &'static str,
}

impl Default for Options {
    fn default() -> Self {
        Self { accepts_version: true, key_is_authorized: true, kind: "ed25519" }
    }
}

/// A running server. Commands begin in its folder, so a path `~/name` is in there.
pub struct Sshd {
    folder: PathBuf,
    address: SocketAddr,
    stop: Arc<AtomicBool>,
}

impl Sshd {
    /// Makes its keys and settings in this folder, and the client's key `login`.
    pub fn start(folder: &Path, options: &Options) -> Self {
        assert!(Path::new(SSHD).exists(), "{SSHD} is missing: install openssh-server");
        key(folder, "host", "ed25519");
        // A second one, which the gateway must not ask for.
        key(folder, "host2", "ecdsa");
        let login = key(folder, "login", options.kind);
        let authorized = if options.key_is_authorized { login.as_str() } else { "" };
        fs::write(folder.join("authorized"), authorized).unwrap();
        fs::write(folder.join("sshd_config"), config(folder, options.accepts_version)).unwrap();
        // Without it sshd does not start as root.
        let _ = fs::create_dir_all("/run/sshd");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let server = Self {
            folder: folder.to_owned(),
            address: listener.local_addr().unwrap(),
            stop: Arc::new(AtomicBool::new(false)),
        };
        let (file, stop) = (folder.join("sshd_config"), Arc::clone(&server.stop));
        thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                answer(&file, socket);
            }
        });
        server
    }

    /// Who logs in where: `user@host:port`.
    pub fn place(&self) -> String {
        format!("{}@{}", user(), self.address)
    }

    /// The entry of the file of git credentials for it. The server's key is `host`; another name makes another key.
    pub fn credential(&self, host_key: &str) -> Value {
        let (at, key) = (self.address, key(&self.folder, host_key, "ed25519"));
        let known = format!("[{}]:{} {key}", at.ip(), at.port());
        json!({ "host": at.to_string(), "sshKeyFile": "login", "knownHosts": known })
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the thread, which sees that it is to stop.
        drop(TcpStream::connect(self.address));
    }
}

/// Serves one connection with a process of its own.
fn answer(config: &Path, socket: TcpStream) {
    let (input, output) = (OwnedFd::from(socket.try_clone().unwrap()), OwnedFd::from(socket));
    let mut server = Command::new(SSHD);
    server.args(["-i", "-e", "-f"]).arg(config).stdin(Stdio::from(input)).stdout(Stdio::from(output));
    let mut server = server.stderr(Stdio::null()).spawn().unwrap();
    thread::spawn(move || server.wait());
}

fn config(folder: &Path, accepts_version: bool) -> String {
    let root = folder.display();
    let accept = if accepts_version { "AcceptEnv GIT_PROTOCOL\n" } else { "" };
    format!(
        "HostKey {root}/host2\nHostKey {root}/host\nAuthorizedKeysFile {root}/authorized\nStrictModes no\nUsePAM no\n\
         PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n\
         PermitUserEnvironment no\nSetEnv PATH=/usr/local/bin:/usr/bin:/bin\nPidFile none\n\
         ForceCommand cd {root} && exec sh -c \"$SSH_ORIGINAL_COMMAND\"\n{accept}"
    )
}

/// Makes a key, if it is not there; answers its public half.
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
