//! A container whose network could not be closed, or is not closed, never starts its executor.

use std::process::Command;

use crate::harness::{docker, image, image_with, output};

/// A network without a route out.
struct Closed(String);

impl Closed {
    fn new() -> Self {
        let name = format!("caisson-test-closed-{}", std::process::id());
        docker(&["network", "create", "--internal", &name]);
        Self(name)
    }
}

impl Drop for Closed {
    fn drop(&mut self) {
        let _ = Command::new("docker").args(["network", "rm", &self.0]).output();
    }
}

#[test]
fn a_container_without_its_firewall_has_no_executor() {
    let image = image();
    // Without NET_ADMIN the rules cannot be set; on a network of its own that leads nowhere.
    let mut docker = Command::new("docker");
    docker.args(["run", "--rm", "--network=none", "--cap-drop=ALL", "--cap-add=SETUID", "--cap-add=SETGID"]);
    docker.args(["--cap-add=SETPCAP", "--cap-add=KILL", "--env=CAISSON_TOKEN=x", &image]);
    let ended = docker.output().expect("docker runs");
    assert_eq!(ended.status.code(), Some(78), "it refuses to start");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("firewall:"), "{said}");
    let left = ["ps", "--quiet", "--filter", &format!("ancestor={image}"), "--filter", "network=none"];
    assert_eq!(output(Command::new("docker").args(left)), "");
}

/// Rules that are not what they should be are found out by trying, whatever the tool that set them says.
#[test]
fn rules_that_do_not_hold_end_the_container() {
    let network = Closed::new();
    let flush = "flush chain inet caisson output; add chain inet caisson output { policy accept; }";
    let recipes = [
        ("no-rules", "cat > /dev/null".to_owned()),
        ("no-refusals", format!("/usr/sbin/nft.real \"$@\" && /usr/sbin/nft.real '{flush}'")),
        (
            "no-relay",
            "/usr/sbin/nft.real \"$@\" && /usr/sbin/nft.real 'flush chain inet caisson steer'".to_owned(),
        ),
    ];
    for (name, script) in recipes {
        let lines = format!(
            "RUN mv /usr/sbin/nft /usr/sbin/nft.real && \
             printf '%s\\n' '#!/bin/sh' {} > /usr/sbin/nft && chmod 755 /usr/sbin/nft",
            quoted(&script)
        );
        let image = image_with(name, &lines);
        let mut docker = Command::new("docker");
        // What the missing rules let through leads nowhere.
        docker.args(["run", "--rm", "--network", &network.0, "--cap-drop=ALL", "--cap-add=NET_ADMIN"]);
        docker.args(["--cap-add=SETUID", "--cap-add=SETGID", "--cap-add=SETPCAP", "--cap-add=KILL"]);
        let ended =
            docker.args(["--security-opt=no-new-privileges", "--env=CAISSON_TOKEN=x", &image]).output();
        let ended = ended.expect("docker runs");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(78), "{name}: {said}");
        assert!(said.contains("the rules do not hold"), "{name}: {said}");
    }
}

fn quoted(script: &str) -> String {
    format!("'{}'", script.replace('\'', r"'\''"))
}
