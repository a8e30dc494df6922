//! How a container ended: what must be known of it before it is removed.

use std::{collections::HashMap, time::Duration};

use api::Timestamp;
use bollard::{
    Docker,
    errors::Error as Cause,
    models::{ContainerState, ContainerStateStatusEnum},
    query_parameters::{EventsOptionsBuilder, LogsOptionsBuilder},
};
use futures::{StreamExt, TryStreamExt};

use super::Exit;

/// How much of a container's output is kept when it ends, in bytes.
const LOG_TAIL: usize = 4096;
/// How many lines are read for it.
const LOG_LINES: &str = "200";
/// How long the engine may take to read them.
const LOG_PATIENCE: Duration = Duration::from_secs(5);

/// The exit code of a first process that was killed.
const KILLED: i64 = 137;
/// How long before its container's end the kernel may have killed the first process.
const JUST_BEFORE: Duration = Duration::from_secs(2);

/// How late an event may be.
const EVENT_PATIENCE: Duration = Duration::from_secs(3);

/// `None` while it runs.
pub(super) async fn read(docker: &Docker, container_id: &str, state: ContainerState) -> Option<Exit> {
    if state.running == Some(true) {
        return None;
    }
    let never_ran = state.status == Some(ContainerStateStatusEnum::CREATED);
    let code = state.exit_code.filter(|_| !never_ran);
    // The state is written before the engine hears why: a kill is asked after once more.
    let out_of_memory = state.oom_killed.unwrap_or_default()
        || (code == Some(KILLED)
            && killed_just_before(docker, container_id, state.finished_at.as_deref()).await);
    Some(Exit { code, out_of_memory, log_tail: log_tail(docker, container_id).await })
}

/// Whether the end of a container is that of a process that was killed for memory.
async fn killed_just_before(docker: &Docker, container_id: &str, finished_at: Option<&str>) -> bool {
    let finished = finished_at.and_then(|at| at.parse::<Timestamp>().ok()).unwrap_or_else(Timestamp::now);
    let since = finished.saturating_sub(JUST_BEFORE).unwrap_or(Timestamp::MIN).as_second();
    let until = finished.saturating_add(EVENT_PATIENCE).unwrap_or(Timestamp::MAX).as_second();
    killed(docker, container_id, since, Some(until)).await.unwrap_or_default()
}

/// Whether the kernel killed something in a container for want of memory, while the container itself went on.
///
/// Its state tells this only after its end, so the engine's events are asked. They may come a moment later
/// than the killed process's parent hears of it, therefore this waits for one a little while.
pub(super) async fn killed_for_memory(docker: &Docker, container_id: &str) -> Result<bool, Cause> {
    // By this machine's clock, because the engine may have another.
    let killed = killed(docker, container_id, 1, None);
    tokio::time::timeout(EVENT_PATIENCE, killed).await.unwrap_or(Ok(false))
}

/// Whether there is such an event between these seconds of the engine's clock. Without an end it waits for one.
async fn killed(docker: &Docker, container_id: &str, since: i64, until: Option<i64>) -> Result<bool, Cause> {
    let filters = HashMap::from([
        ("type", vec!["container"]),
        ("event", vec!["oom"]),
        ("container", vec![container_id]),
    ]);
    let mut options = EventsOptionsBuilder::default().since(&since.to_string()).filters(&filters);
    if let Some(until) = until {
        options = options.until(&until.to_string());
    }
    let mut events = std::pin::pin!(docker.events(Some(options.build())));
    Ok(events.try_next().await?.is_some())
}

/// Never an error: a container without output is better than one whose end is not told.
async fn log_tail(docker: &Docker, container_id: &str) -> String {
    let options = LogsOptionsBuilder::default().stdout(true).stderr(true).tail(LOG_LINES).build();
    let mut lines = std::pin::pin!(docker.logs(container_id, Some(options)));
    let mut tail = Vec::new();
    let read = async {
        while let Some(Ok(line)) = lines.next().await {
            tail.extend_from_slice(&line.into_bytes());
            tail.drain(..tail.len().saturating_sub(LOG_TAIL));
        }
    };
    // What was read until then is the tail. The engine may keep the stream open after the end.
    let _ = tokio::time::timeout(LOG_PATIENCE, read).await;
    String::from_utf8_lossy(&tail).into_owned()
}
