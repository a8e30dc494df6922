//! What the agent finds when it looks around in its container.

use crate::harness::{World, ended, launch, output, step};

/// Run by the agent itself. Each line is `name=outcome`.
const PROBE: &str = r#"
gateway=$(awk 'NR > 1 && $2 != "00000000" { print $2 }' /proc/net/route | head -1)
host=$((16#${gateway:6:2})).$((16#${gateway:4:2})).$((16#${gateway:2:2})).$(( 16#${gateway:0:2} + 1 ))
reach() { timeout 5 bash -c "exec 3<>/dev/tcp/$1/$2" 2>/dev/null && echo reached || echo refused; }
echo "host=$(reach "$host" 22)"
echo "host_any=$(reach "$host" 9)"
echo "foreign=$(reach 192.0.2.1 443)"
echo "metadata=$(reach 169.254.169.254 80)"
echo "ipv6=$(reach 2001:db8::1 443)"
echo "dns=$(timeout 5 getent hosts example.org > /dev/null && echo resolved || echo refused)"
echo "relay=$(reach 127.0.0.1 7336)"
echo "uid=$(id -u)"
echo "caps=$(grep -E '^Cap(Inh|Prm|Eff|Bnd|Amb)' /proc/self/status | awk '{ print $2 }' | sort -u | tr -d '\n')"
echo "nonewprivs=$(awk '/^NoNewPrivs/ { print $2 }' /proc/self/status)"
echo "rules=$(nft list ruleset > /dev/null 2>&1 && echo read || echo refused)"
executor=$(pgrep -x caisson-executo | head -1)
echo "executor_environment=$(cat /proc/$executor/environ > /dev/null 2>&1 && echo read || echo refused)"
echo "spool=$(ls /var/lib/caisson > /dev/null 2>&1 && echo read || echo refused)"
echo "setuid=$(find / -xdev -perm /6000 -type f 2> /dev/null | wc -l)"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_reaches_the_relay_and_nothing_else() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let repository = world.repository("sample");
    world.commit("sample", "probe.sh", PROBE);
    let run = launch(&client, vec![step("[[probe]]", &[])], &repository).await;
    let run = ended(&client, run.id).await;
    let probed = world.git("sample", &["show", &format!("{}:probe.txt", run.branch)]);
    for expected in [
        "host=refused",
        "host_any=refused",
        "foreign=refused",
        "metadata=refused",
        "ipv6=refused",
        "dns=refused",
        "relay=reached",
        "uid=1000",
        "caps=0000000000000000",
        "nonewprivs=1",
        "rules=refused",
        "executor_environment=refused",
        "spool=refused",
        "setuid=0",
    ] {
        assert!(probed.lines().any(|line| line == expected), "expected {expected} in:\n{probed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_without_its_firewall_has_no_executor() {
    let image = crate::harness::image();
    // Without NET_ADMIN the rules cannot be set; on a network of its own that leads nowhere.
    let mut docker = std::process::Command::new("docker");
    docker.args(["run", "--rm", "--network=none", "--cap-drop=ALL", "--cap-add=SETUID", "--cap-add=SETGID"]);
    docker.args(["--cap-add=SETPCAP", "--cap-add=KILL", "--env=CAISSON_TOKEN=x", &image]);
    let ended = docker.output().expect("docker runs");
    assert_eq!(ended.status.code(), Some(78), "it refuses to start");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("firewall:"), "{said}");
    assert_eq!(
        output(std::process::Command::new("docker").args([
            "ps",
            "--quiet",
            "--filter",
            &format!("ancestor={image}"),
            "--filter",
            "network=none"
        ])),
        ""
    );
}
