//! A container as the engine lists it, read back from the labels it was given.

use api::{
    executor::PORT,
    id::{InstanceId, RunId},
};
use bollard::models::{ContainerInspectResponse, ContainerSummary, ContainerSummaryStateEnum};

use super::spec;

/// A container that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// The engine's id.
    pub container_id: String,
    /// The instance it is.
    pub instance: InstanceId,
    /// The run it serves; `None` when its label cannot be read.
    pub run: Option<RunId>,
    /// Whether its first process runs.
    pub running: bool,
    /// Where its executor is reached on 127.0.0.1; `None` unless it runs.
    pub port: Option<u16>,
}

impl Live {
    /// Where its executor is reached, as people and the store write it.
    #[must_use]
    pub fn host(&self) -> Option<String> {
        self.port.map(|port| format!("127.0.0.1:{port}"))
    }
}

/// `None` when the labels are not ours after all.
pub(super) fn from_summary(found: ContainerSummary) -> Option<Live> {
    let labels = found.labels?;
    let label = |name: &str| labels.get(name).map(String::as_str);
    let running = !matches!(
        found.state,
        None | Some(
            ContainerSummaryStateEnum::CREATED
                | ContainerSummaryStateEnum::EXITED
                | ContainerSummaryStateEnum::DEAD
                | ContainerSummaryStateEnum::REMOVING
        )
    );
    let ports = found.ports.unwrap_or_default();
    Some(Live {
        container_id: found.id?,
        instance: label(spec::INSTANCE)?.parse().ok()?,
        run: label(spec::RUN).and_then(|it| it.parse().ok()),
        running,
        port: ports.iter().filter(|it| it.private_port == PORT).find_map(|it| it.public_port),
    })
}

/// A container that was just started, as the engine tells it in full.
pub(super) fn from_inspection(
    container_id: &str,
    instance: InstanceId,
    run: RunId,
    found: ContainerInspectResponse,
) -> Live {
    let ports = found.network_settings.and_then(|it| it.ports).unwrap_or_default();
    let bindings = ports.get(&spec::port()).and_then(Option::as_deref).unwrap_or_default();
    Live {
        container_id: container_id.to_owned(),
        instance,
        run: Some(run),
        running: found.state.and_then(|it| it.running).unwrap_or_default(),
        port: bindings.iter().find_map(|it| it.host_port.as_ref()?.parse().ok()),
    }
}
