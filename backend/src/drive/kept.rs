//! What the executor has kept beside the commits, fetched before its container goes.

use std::time::Duration;

use api::{executor::Kept, run::Artifact};
use bytes::Bytes;

use super::{Driver, Halt};
use crate::{
    agent::{Agent, Error},
    config::Size,
    store::RunPatch,
};

/// How long the executor may take to list what it has kept, and how long each of them may take.
const FETCH: Duration = Duration::from_secs(60);
/// The longest name of an artifact.
const MAX_NAME: usize = 100;

impl Driver {
    /// Keeps as much of it as the server's settings allow, the smaller first. What is not kept is named.
    pub(super) async fn keep_kept(&mut self, agent: &Agent) -> Result<(), Halt> {
        let Kept { mut artifacts, notices } = match in_time(agent.kept()).await {
            Ok(kept) => kept,
            // An executor of an earlier version keeps nothing; one that is gone has lost it, and the run's end says so.
            Err(Error::Refused { status: 404, .. } | Error::Unreachable(_)) => return Ok(()),
            Err(error) => {
                let text = format!("What the container has kept could not be fetched: {error}");
                return self.notice("rescue", text).await;
            }
        };
        for text in notices {
            let text = self.mask.text(&text).into_owned();
            self.notice("rescue", text).await?;
        }
        artifacts.sort_by_key(|artifact| artifact.bytes);
        let mut room = self.app.config.storage.keep_bytes;
        for artifact in artifacts {
            match fetch(agent, &artifact, room).await {
                Ok(content) => {
                    room = room.saturating_sub(content.len() as u64);
                    let what = self.mask.text(&artifact.what).into_owned();
                    self.keep(&artifact.name, what, content.into()).await?;
                }
                Err(why) => {
                    let size = Size(artifact.bytes);
                    let name = artifact.name.escape_debug();
                    self.notice("rescue", format!("{name} ({size} bytes) was not kept: {why}.")).await?;
                }
            }
        }
        Ok(())
    }

    /// Stores bytes under a name, for everybody who may see the run.
    pub(super) async fn keep(&mut self, name: &str, what: String, content: Vec<u8>) -> Result<(), Halt> {
        let artifact = Artifact { name: name.to_owned(), bytes: content.len() as u64, what };
        let (store, run) = (self.app.store.clone(), self.record.run.id);
        self.patiently(|| store.artifact_put(run, name, content.clone())).await?;
        let mut artifacts = self.record.run.artifacts.clone();
        artifacts.retain(|known| known.name != name);
        artifacts.push(artifact);
        let write = self.change().patch(RunPatch { artifacts: Some(artifacts), ..RunPatch::default() });
        self.write(write).await
    }
}

/// One artifact, or why it cannot be had.
async fn fetch(agent: &Agent, artifact: &Artifact, room: u64) -> Result<Bytes, String> {
    if !is_name(&artifact.name) {
        return Err("its name is none that can be downloaded".to_owned());
    }
    if room < artifact.bytes {
        return Err(format!(
            "the server has room for {} more bytes of this run; raise --keep-bytes (CAISSON_KEEP_BYTES) and \
             retry the run",
            Size(room)
        ));
    }
    let limit = usize::try_from(room).unwrap_or(usize::MAX);
    in_time(agent.kept_bytes(&artifact.name, limit)).await.map_err(|error| error.to_string())
}

async fn in_time<T>(asked: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let late = |_| Error::Unreachable(format!("no answer within {} seconds", FETCH.as_secs()));
    tokio::time::timeout(FETCH, asked).await.map_err(late)?
}

/// Whether so many bytes more fit beside the artifacts whose names begin like this.
pub(super) fn has_room(artifacts: &[Artifact], name: &str, bytes: u64, room: u64) -> bool {
    let like = artifacts.iter().filter(|artifact| artifact.name.starts_with(name));
    like.fold(bytes, |sum, artifact| sum.saturating_add(artifact.bytes)) <= room
}

/// Whether it is a plain file name.
fn is_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    !name.is_empty() && name.len() <= MAX_NAME && !name.starts_with('.') && name.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_nowhere_else() {
        assert!(["branch.bundle", "left-out.tar.gz", "a"].into_iter().all(is_name));
        let long = "a".repeat(MAX_NAME + 1);
        assert!(!["", "..", ".a", "a/b", "a b", "ä", "a\nb", &long].into_iter().any(is_name));
    }
}
