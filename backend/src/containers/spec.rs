//! Pure: what is wanted → what the engine is asked for. Privileges and limits are decided here and nowhere else.

use std::collections::HashMap;

use api::{
    executor::PORT,
    id::{InstanceId, RunId},
};
use bollard::models::{
    ContainerCreateBody, HostConfig, HostConfigLogConfig, NetworkCreateRequest, PortBinding, RestartPolicy,
    RestartPolicyNameEnum,
};

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

/// What one container may use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Processor cores.
    pub cpus: f64,
    /// Memory in bytes; there is no swap beside it.
    pub memory_bytes: u64,
    /// Processes and threads.
    pub pids: i64,
}

/// A container that shall be started.
#[derive(Clone)]
pub struct Wanted {
    /// Its id.
    pub instance: InstanceId,
    /// The run it serves.
    pub run: RunId,
    /// The image to make it from; never pulled.
    pub image: String,
    /// What the backend shows the executor.
    pub token: String,
    /// More environment of the first process.
    pub env: Vec<(String, String)>,
}

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
pub(super) fn container(server: &str, wanted: &Wanted, limits: Limits) -> ContainerCreateBody {
    let token = format!("CAISSON_TOKEN={}", wanted.token);
    let env = wanted.env.iter().map(|(name, value)| format!("{name}={value}"));
    ContainerCreateBody {
        image: Some(wanted.image.clone()),
        env: Some(std::iter::once(token).chain(env).collect()),
        labels: Some(HashMap::from([
            (SERVER.to_owned(), server.to_owned()),
            (INSTANCE.to_owned(), wanted.instance.to_string()),
            (RUN.to_owned(), wanted.run.to_string()),
        ])),
        exposed_ports: Some(vec![port()]),
        host_config: Some(host(server, limits)),
        ..Default::default()
    }
}

fn host(server: &str, limits: Limits) -> HostConfig {
    let memory = i64::try_from(limits.memory_bytes).unwrap_or(i64::MAX);
    HostConfig {
        nano_cpus: Some(nano_cpus(limits.cpus)),
        memory: Some(memory),
        // Memory and swap together: the same number means no swap.
        memory_swap: Some(memory),
        pids_limit: Some(limits.pids),
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
                host_ip: Some("127.0.0.1".to_owned()),
                host_port: Some("0".to_owned()),
            }]),
        )])),
        ..Default::default()
    }
}

/// The engine counts in billionths of a core.
#[expect(clippy::cast_possible_truncation, reason = "float to int saturates, and 9 billion cores are enough")]
fn nano_cpus(cpus: f64) -> i64 {
    (cpus * 1e9) as i64
}

/// The network of a server's containers: they cannot see each other, and have no way out.
pub(super) fn network(server: &str) -> NetworkCreateRequest {
    NetworkCreateRequest {
        name: network_name(server),
        driver: Some("bridge".to_owned()),
        options: Some(strings([
            ("com.docker.network.bridge.enable_icc", "false"),
            ("com.docker.network.bridge.enable_ip_masquerade", "false"),
        ])),
        labels: Some(strings([(SERVER, server)])),
        ..Default::default()
    }
}

fn strings<const N: usize>(pairs: [(&str, &str); N]) -> HashMap<String, String> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0190a1b2-c3d4-7000-8000-000000000001";

    fn wanted() -> Wanted {
        Wanted {
            instance: ID.parse().unwrap(),
            run: "0190a1b2-c3d4-7000-8000-000000000002".parse().unwrap(),
            image: "caisson-executor:dev".to_owned(),
            token: "t0ken".to_owned(),
            env: vec![("CAISSON_EGRESS".to_owned(), "example.com".to_owned())],
        }
    }

    /// Maps have no order of their own.
    fn snapshot(name: &str, body: &impl serde::Serialize) {
        insta::with_settings!({ sort_maps => true }, { insta::assert_json_snapshot!(name, body) });
    }

    #[test]
    fn a_container_is_asked_for_with_these_privileges_and_limits() {
        let limits = Limits { cpus: 1.5, memory_bytes: 2 << 30, pids: 512 };
        snapshot("container", &container("main", &wanted(), limits));
    }

    #[test]
    fn a_network_keeps_its_containers_apart() {
        snapshot("network", &network("main"));
    }
}
