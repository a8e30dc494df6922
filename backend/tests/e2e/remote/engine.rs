//! Another machine: a network namespace with a second Docker engine that only takes TLS with client certificates.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

use crate::harness::{image, output, within};

/// Where the engine listens.
pub(super) const PORT: u16 = 2376;

/// The other machine. Making it needs root, which CI has.
pub(super) struct RemoteEngine {
    folder: TempDir,
    /// Names the namespace and, with a letter after it, both ends of the cable.
    name: String,
    address: String,
    daemon: Child,
}

impl RemoteEngine {
    /// A running engine that has the image under test.
    pub(super) async fn start() -> Self {
        let folder = TempDir::new().expect("a folder");
        let number = std::process::id();
        let name = format!("cai{number}");
        // One network for each process of the suite.
        let subnet = format!("10.231.{}", number % 256);
        let (ours, address) = (format!("{subnet}.1"), format!("{subnet}.2"));
        cable(&name, &ours, &address);
        certificates(folder.path(), &address);
        let daemon = daemon(folder.path(), &name, &address);
        let engine = Self { folder, name, address, daemon };
        within("the engine's first answer", async {
            while !engine.command(&["version"]).output().expect("docker runs").status.success() {
                tokio::task::yield_now().await;
            }
        })
        .await;
        let mut save =
            Command::new("docker").args(["save", &image()]).stdout(Stdio::piped()).spawn().expect("docker");
        output(engine.command(&["load"]).stdin(save.stdout.take().expect("a pipe")));
        assert!(save.wait().expect("an end").success());
        engine
    }

    /// Its address.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// The end of the cable on this side.
    pub(super) fn interface(&self) -> String {
        format!("{}a", self.name)
    }

    /// What a server is told to use it.
    pub(super) fn settings(&self) -> [String; 3] {
        [
            format!("--docker-host=tcp://{}:{PORT}", self.address),
            "--docker-tls-verify=1".to_owned(),
            format!("--docker-cert-path={}", self.folder.path().display()),
        ]
    }

    /// Runs Docker's command line on it, with the same three settings.
    pub(super) fn docker(&self, arguments: &[&str]) -> String {
        output(&mut self.command(arguments))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command
            .args(arguments)
            .env("DOCKER_HOST", format!("tcp://{}:{PORT}", self.address))
            .env("DOCKER_TLS_VERIFY", "1")
            .env("DOCKER_CERT_PATH", self.folder.path());
        command
    }
}

impl Drop for RemoteEngine {
    fn drop(&mut self) {
        // What a failed test has left runs on without its engine otherwise.
        if let Ok(left) = self.command(&["ps", "--all", "--quiet"]).output() {
            for container in String::from_utf8_lossy(&left.stdout).lines() {
                let _ = self.command(&["rm", "--force", "--volumes", container]).output();
            }
        }
        let _ = kill(Pid::from_raw(self.daemon.id().cast_signed()), Signal::SIGTERM);
        let _ = self.daemon.wait();
        // Takes the cable with it.
        let _ = Command::new("ip").args(["netns", "delete", &self.name]).status();
    }
}

/// A namespace, and a cable from here to there.
fn cable(name: &str, ours: &str, address: &str) {
    let (here, there) = (format!("{name}a"), format!("{name}b"));
    let ip = |arguments: &str| output(Command::new("ip").args(arguments.split(' ')));
    ip(&format!("netns add {name}"));
    ip(&format!("link add {here} type veth peer name {there} netns {name}"));
    ip(&format!("address add {ours}/24 dev {here}"));
    ip(&format!("link set {here} up"));
    ip(&format!("-netns {name} address add {address}/24 dev {there}"));
    ip(&format!("-netns {name} link set {there} up"));
    ip(&format!("-netns {name} link set lo up"));
}

/// The files that Docker's clients want, and those of the engine.
fn certificates(folder: &Path, address: &str) {
    let params = |name: &str, alternative: &[&str]| {
        let alternative: Vec<_> = alternative.iter().map(|&text| text.to_owned()).collect();
        let mut params = CertificateParams::new(alternative).expect("names");
        params.distinguished_name.push(DnType::CommonName, name);
        params
    };
    let write = |name: &str, text: String| fs::write(folder.join(name), text).expect("written");
    let key = || KeyPair::generate().expect("a key");
    let (mut authority, authority_key) = (params("authority", &[]), key());
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    write("ca.pem", authority.self_signed(&authority_key).expect("signed").pem());
    let authority = Issuer::new(authority, authority_key);
    let mut server = params("engine", &[address]);
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let mut client = params("caisson", &[]);
    client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    for (params, certificate, private) in
        [(server, "server.pem", "server-key.pem"), (client, "cert.pem", "key.pem")]
    {
        let key = key();
        write(certificate, params.signed_by(&key, &authority).expect("signed").pem());
        write(private, key.serialize_pem());
    }
}

/// An engine that shares nothing with the one of this machine.
fn daemon(folder: &Path, name: &str, address: &str) -> Child {
    let at = |name: &str| folder.join(name).display().to_string();
    let settings = serde_json::json!({
        "hosts": [format!("tcp://{address}:{PORT}")],
        "tlsverify": true,
        "tlscacert": at("ca.pem"),
        "tlscert": at("server.pem"),
        "tlskey": at("server-key.pem"),
        "data-root": at("data"),
        "exec-root": at("exec"),
        "pidfile": at("pid"),
        "cgroup-parent": format!("/{name}"),
        "containerd-namespace": name,
        "containerd-plugins-namespace": format!("{name}-plugins"),
        "bip": "10.232.0.1/24",
        "default-address-pools": [{"base": "10.233.0.0/16", "size": 24}],
    });
    fs::write(folder.join("daemon.json"), settings.to_string()).expect("written");
    let log = fs::File::create(folder.join("log")).expect("a file");
    // Not `ip netns exec`, which mounts another /sys, without the control groups.
    Command::new("nsenter")
        .args([&format!("--net=/var/run/netns/{name}"), "dockerd", "--config-file", &at("daemon.json")])
        .stdout(log.try_clone().expect("a file"))
        .stderr(log)
        .spawn()
        .expect("dockerd starts")
}
