//! A container as the engine lists it, read back from the labels it was given.

use api::executor::PORT;
use bollard::models::{ContainerInspectResponse, ContainerSummary, ContainerSummaryStateEnum};

use super::{Live, Wanted, publish::Publish, spec};

/// `None` when the labels are not ours after all.
pub(super) fn from_summary(found: ContainerSummary, publish: &Publish) -> Option<Live> {
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
    let published = ports.iter().filter(|it| it.private_port == PORT);
    Some(Live {
        container_id: found.id?,
        instance: label(spec::INSTANCE)?.parse().ok()?,
        run: label(spec::RUN).and_then(|it| it.parse().ok()),
        running,
        endpoint: published.into_iter().find_map(|it| publish.endpoint(it.ip.as_deref(), it.public_port?)),
    })
}

/// A container that was just started, as the engine tells it in full.
pub(super) fn from_inspection(
    container_id: &str,
    wanted: &Wanted,
    found: ContainerInspectResponse,
    publish: &Publish,
) -> Live {
    let ports = found.network_settings.and_then(|it| it.ports).unwrap_or_default();
    let bindings = ports.get(&spec::port()).and_then(Option::as_deref).unwrap_or_default();
    let mut published = bindings.iter();
    Live {
        container_id: container_id.to_owned(),
        instance: wanted.instance,
        run: Some(wanted.run),
        running: found.state.and_then(|it| it.running).unwrap_or_default(),
        endpoint: published
            .find_map(|it| publish.endpoint(it.host_ip.as_deref(), it.host_port.as_ref()?.parse().ok()?)),
    }
}
