//! Pure: what is wanted → what the engine is asked for. Privileges and limits are decided here and nowhere else.

use std::collections::HashMap;

use api::{executor::PORT, id::InstanceId};
use bollard::models::{
    ContainerCreateBody, HostConfig, HostConfigLogConfig, NetworkCreateRequest, PortBinding,
    ResourcesUlimits, RestartPolicy, RestartPolicyNameEnum,
};

use super::{Profile, Wanted, publish::Publish};

/// The label that holds the id of the server a container or network belongs to.
pub(super) const SERVER: &str = "caisson.server";
/// The label that holds the instance's id.
pub(super) const INSTANCE: &str = "caisson.instance";
/// The label that holds the run's id.
pub(super) const RUN: &str = "caisson.run";

/// What the first process needs before it gives it up: to set the firewall's rules, to become the
/// executor's user, to empty the bounding set, and to stop its children.
const CAPABILITIES: [&str; 5] = ["NET_ADMIN", "SETUID", "SETGID", "SETPCAP", "KILL"];

/// The container's own output is for diagnosis only; the agent's goes another way.
/// Two files, so that a rotation does not leave an empty tail.
const LOG_SIZE: &str = "512k";
const LOG_FILES: &str = "2";

/// The option of the engine's bridge by which a network has a way out.
pub(super) const MASQUERADE: &str = "com.docker.network.bridge.enable_ip_masquerade";
/// An image with this label, and the value `writable`, is not given a read-only root.
pub(super) const ROOT: &str = "caisson.root";

/// What a container may write to: volumes of its own, which begin with what the image has there and go with the
/// container. All else is read-only or memory.
const VOLUMES: [&str; 3] = ["/workspace", "/home/agent", "/var/lib/caisson"];
/// Small files of running programs, in memory.
const RUN_TMPFS: &str = "rw,nosuid,nodev,noexec,size=16m,mode=0755";

/// The name of an instance's container.
pub(super) fn name(instance: InstanceId) -> String {
    format!("caisson-{instance}")
}

/// The name of a server's network.
pub(super) fn network_name(server: &str) -> String {
    format!("caisson-{server}")
}

/// The port inside the container as the engine spells it.
pub(super) fn port() -> String {
    format!("{PORT}/tcp")
}

/// The container itself.
pub(super) fn container(
    server: &str,
    wanted: &Wanted,
    profile: &Profile,
    publish: &Publish,
) -> ContainerCreateBody {
    let mut env = vec![
        format!("CAISSON_TOKEN={}", wanted.token),
        format!("CAISSON_DISK_BYTES={}", profile.limits.disk_bytes),
    ];
    if !publish.is_loopback() {
        env.push(format!("CAISSON_IDENTITY={}", wanted.identity));
    }
    ContainerCreateBody {
        image: Some(wanted.image.clone()),
        env: Some(env),
        labels: Some(HashMap::from([
            (SERVER.to_owned(), server.to_owned()),
            (INSTANCE.to_owned(), wanted.instance.to_string()),
            (RUN.to_owned(), wanted.run.to_string()),
        ])),
        exposed_ports: Some(vec![port()]),
        volumes: Some(VOLUMES.map(str::to_owned).to_vec()),
        host_config: Some(host(server, profile, publish)),
        ..Default::default()
    }
}

/// Nothing of the host but what the operator lists. What is not said here is the engine's default, and that is
/// meant: its profiles for seccomp and `AppArmor`, its masked and read-only paths, its user namespace remapping.
fn host(server: &str, profile: &Profile, publish: &Publish) -> HostConfig {
    let Profile { limits, runtime, mounts, dns, writable_root } = profile;
    let memory = i64::try_from(limits.memory_bytes).unwrap_or(i64::MAX);
    HostConfig {
        nano_cpus: Some(nano_cpus(limits.cpus)),
        memory: Some(memory),
        // Memory and swap together: the same number means no swap.
        memory_swap: Some(memory),
        pids_limit: Some(limits.pids),
        // The memory of a process that died may hold a secret.
        ulimits: Some(vec![ResourcesUlimits { name: Some("core".to_owned()), soft: Some(0), hard: Some(0) }]),
        readonly_rootfs: Some(!writable_root),
        tmpfs: Some(strings([
            ("/run", RUN_TMPFS),
            ("/tmp", &tmp(limits.tmp_bytes)),
            ("/var/tmp", &tmp(limits.tmp_bytes)),
        ])),
        binds: Some(mounts.iter().map(ToString::to_string).collect()),
        dns: Some(dns.iter().map(ToString::to_string).collect()),
        runtime: runtime.clone(),
        ipc_mode: Some("private".to_owned()),
        cap_drop: Some(vec!["ALL".to_owned()]),
        cap_add: Some(CAPABILITIES.map(str::to_owned).to_vec()),
        security_opt: Some(vec!["no-new-privileges".to_owned()]),
        restart_policy: Some(RestartPolicy {
            name: Some(RestartPolicyNameEnum::NO),
            maximum_retry_count: None,
        }),
        log_config: Some(HostConfigLogConfig {
            typ: Some("json-file".to_owned()),
            config: Some(strings([("max-size", LOG_SIZE), ("max-file", LOG_FILES)])),
        }),
        network_mode: Some(network_name(server)),
        port_bindings: Some(HashMap::from([(
            port(),
            // Port 0: the engine picks a free one, so two containers never want the same.
            Some(vec![PortBinding {
                host_ip: Some(publish.bound().to_string()),
                host_port: Some("0".to_owned()),
            }]),
        )])),
        ..Default::default()
    }
}

/// For everybody in the container; programs may run there, as builds do.
fn tmp(bytes: u64) -> String {
    format!("rw,nosuid,nodev,exec,size={bytes},mode=1777")
}

/// The engine counts in billionths of a core.
#[expect(clippy::cast_possible_truncation, reason = "float to int saturates, and 9 billion cores are enough")]
fn nano_cpus(cpus: f64) -> i64 {
    (cpus * 1e9) as i64
}

/// The network of a server's containers: they cannot see each other. The way out is shut in each container, by
/// name, because what is allowed may change while a run goes on.
pub(super) fn network(server: &str) -> NetworkCreateRequest {
    NetworkCreateRequest {
        name: network_name(server),
        driver: Some("bridge".to_owned()),
        options: Some(strings([("com.docker.network.bridge.enable_icc", "false")])),
        labels: Some(strings([(SERVER, server)])),
        ..Default::default()
    }
}

fn strings<const N: usize>(pairs: [(&str, &str); N]) -> HashMap<String, String> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            super::{Limits, Mount},
            address::Address,
        },
        *,
    };

    const ID: &str = "0190a1b2-c3d4-7000-8000-000000000001";

    fn wanted() -> Wanted {
        Wanted {
            instance: ID.parse().unwrap(),
            run: "0190a1b2-c3d4-7000-8000-000000000002".parse().unwrap(),
            image: "caisson-executor:dev".to_owned(),
            token: "t0ken".to_owned(),
            identity: "c3rtificate and k3y".to_owned(),
        }
    }

    fn profile() -> Profile {
        let limits =
            Limits { cpus: 1.5, memory_bytes: 2 << 30, pids: 512, disk_bytes: 20 << 30, tmp_bytes: 1 << 30 };
        Profile {
            limits,
            runtime: Some("runsc".to_owned()),
            mounts: vec![Mount::parse("/srv/cache:/cache").unwrap()],
            dns: vec![[192, 0, 2, 53].into()],
            writable_root: false,
        }
    }

    /// Maps have no order of their own.
    fn snapshot(name: &str, body: &impl serde::Serialize) {
        insta::with_settings!({ sort_maps => true }, { insta::assert_json_snapshot!(name, body) });
    }

    #[test]
    fn a_container_is_asked_for_with_these_privileges_and_limits() {
        let publish = Publish::new(&Address::default(), None);
        snapshot("container", &container("main", &wanted(), &profile(), &publish));
    }

    #[test]
    fn a_container_that_is_reached_over_a_network_has_its_port_there_and_an_identity() {
        let publish = Publish::new(&Address::default(), Some([192, 0, 2, 7].into()));
        let body = container("main", &wanted(), &profile(), &publish);
        let bindings = body.host_config.unwrap().port_bindings.unwrap().remove("7335/tcp").unwrap().unwrap();
        assert_eq!(bindings[0].host_ip.as_deref(), Some("192.0.2.7"));
        assert!(body.env.unwrap().contains(&"CAISSON_IDENTITY=c3rtificate and k3y".to_owned()));
    }

    #[test]
    fn a_network_keeps_its_containers_apart() {
        snapshot("network", &network("main"));
    }
}
