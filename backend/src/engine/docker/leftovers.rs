//! What may be left beside containers: networks and volumes that carry this server's label.

use std::collections::{HashMap, HashSet};

use api::id::RunId;
use bollard::{
    errors::Error as Cause,
    query_parameters::{ListNetworksOptionsBuilder, ListVolumesOptionsBuilder, RemoveVolumeOptionsBuilder},
};

use super::{
    Error,
    connection::{Connection, status},
    spec,
};

/// Removes the networks and volumes of this server that are neither used nor of one of these runs. The server's own
/// network stays. Returns the names of what was removed.
pub(super) async fn remove(
    connection: &Connection,
    server: &str,
    live: &HashSet<RunId>,
) -> Result<Vec<String>, Error> {
    let is_left = |labels: &HashMap<String, String>| {
        let run = labels.get(spec::RUN).and_then(|run| run.parse().ok());
        run.is_none_or(|run| !live.contains(&run))
    };
    // The engine does not remove what is in use; that is no failure.
    let is_gone = |result: Result<(), Cause>| match result {
        Ok(()) => Ok(true),
        Err(cause) if matches!(status(&cause), Some(403 | 404 | 409)) => Ok(false),
        Err(cause) => Err(connection.error(cause)),
    };
    let client = connection.client().await?;
    let ours = HashMap::from([("label", vec![format!("{}={server}", spec::SERVER)])]);
    let options = ListNetworksOptionsBuilder::default().filters(&ours).build();
    let networks = client.list_networks(Some(options)).await.map_err(|cause| connection.error(cause))?;
    let mut removed = Vec::new();
    let own = spec::network_name(server);
    for network in networks {
        let name = network.name.unwrap_or_default();
        if name != own
            && is_left(&network.labels.unwrap_or_default())
            && is_gone(client.remove_network(&name).await)?
        {
            removed.push(name);
        }
    }
    let options = ListVolumesOptionsBuilder::default().filters(&ours).build();
    let volumes = client.list_volumes(Some(options)).await.map_err(|cause| connection.error(cause))?;
    for volume in volumes.volumes.unwrap_or_default() {
        let options = RemoveVolumeOptionsBuilder::default().build();
        if is_left(&volume.labels) && is_gone(client.remove_volume(&volume.name, Some(options)).await)? {
            removed.push(volume.name);
        }
    }
    Ok(removed)
}
