//! The range: test hosts that carry the attacked addresses, on networks without a route out. A hole in the
//! firewall shows as a contact that they tell of, and no packet can leave the machine.

use std::{collections::BTreeSet, path::Path, process::Command, sync::LazyLock};

use tokio::sync::{Mutex, MutexGuard};

use crate::harness::{docker, image, output};

/// The addresses exist once on a machine.
static ONE: LazyLock<Mutex<()>> = LazyLock::new(Mutex::default);

/// Networks: name, IPv4 subnet, address of the test host in it.
const NETWORKS: [(&str, &str, &str); 2] = [
    ("caisson-test-range", "203.0.113.0/24", "203.0.113.10"),
    ("caisson-test-metadata", "169.254.169.0/24", "169.254.169.254"),
];
const SUBNET6: &str = "2001:db8:cafe::/64";
const HOST6: &str = "2001:db8:cafe::10";
/// The test host itself.
const HOST: &str = "caisson-test-range-host";
/// How the server names the range's resolver to its containers.
pub(super) const DNS: &str = "--dns=203.0.113.53";

/// The test hosts, for as long as it lives.
pub(super) struct Range {
    _one: MutexGuard<'static, ()>,
}

impl Range {
    /// Sets the range up, after removing what a test run that was killed has left.
    pub(super) async fn set_up() -> Self {
        let range = Self { _one: ONE.lock().await };
        tear_down();
        for (name, subnet, _) in NETWORKS {
            let mut command = Command::new("docker");
            command.args(["network", "create", "--internal", "--subnet", subnet]);
            if name == NETWORKS[0].0 {
                command.args(["--ipv6", "--subnet", SUBNET6]);
            }
            output(command.arg(name));
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/attacks/range.py");
        let script = std::fs::read_to_string(script).unwrap();
        let [(network, _, address), (metadata, _, metadata_address)] = NETWORKS;
        docker(&[
            "run",
            "--detach",
            "--name",
            HOST,
            "--network",
            network,
            "--ip",
            address,
            "--ip6",
            HOST6,
            "--cap-add=NET_ADMIN",
            "--user=root",
            "--entrypoint=python3",
            &image(),
            "-u",
            "-c",
            &script,
        ]);
        docker(&["network", "connect", "--ip", metadata_address, metadata, HOST]);
        range.until_said("ready").await;
        range
    }

    /// Puts a container within reach of the range.
    pub(super) fn admit(&self, container: &str) {
        for (network, _, _) in NETWORKS {
            docker(&["network", "connect", network, container]);
        }
    }

    /// Every contact so far.
    pub(super) fn contacts(&self) -> BTreeSet<String> {
        docker(&["logs", HOST])
            .lines()
            .map(|line| line.trim().to_owned())
            .filter(|line| line != "ready")
            .collect()
    }

    /// Runs a script as the agent's user in a container of the same image that has no firewall, within the
    /// range: what the range sees of an attack that nobody stops.
    pub(super) fn unsealed(&self, script: &str) -> String {
        let id = docker(&[
            "create",
            "--network",
            NETWORKS[0].0,
            "--dns=203.0.113.53",
            "--user=agent",
            "--entrypoint=bash",
            &image(),
            "-c",
            script,
        ]);
        docker(&["network", "connect", NETWORKS[1].0, &id]);
        let done = Command::new("docker").args(["start", "--attach", &id]).output().unwrap();
        docker(&["rm", "--force", &id]);
        String::from_utf8_lossy(&done.stdout).into_owned()
    }

    async fn until_said(&self, word: &str) {
        use tokio::io::{AsyncBufReadExt, BufReader};
        let mut logs = tokio::process::Command::new("docker")
            .args(["logs", "--follow", HOST])
            .stdout(std::process::Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(logs.stdout.take().unwrap()).lines();
        loop {
            let line = crate::harness::within("the range", lines.next_line()).await.unwrap();
            let line = line.unwrap_or_else(|| panic!("the range ended: {}", docker(&["logs", HOST])));
            if line == word {
                return;
            }
        }
    }
}

impl Drop for Range {
    fn drop(&mut self) {
        tear_down();
    }
}

fn tear_down() {
    let quietly = |arguments: &[&str]| drop(Command::new("docker").args(arguments).output());
    quietly(&["rm", "--force", HOST]);
    for (name, _, _) in NETWORKS {
        let filter = format!("network={name}");
        let listed = Command::new("docker").args(["ps", "--all", "--quiet", "--filter", &filter]).output();
        let listed = listed.map(|it| String::from_utf8_lossy(&it.stdout).into_owned()).unwrap_or_default();
        for id in listed.lines() {
            quietly(&["network", "disconnect", "--force", name, id]);
        }
        quietly(&["network", "rm", name]);
    }
}
