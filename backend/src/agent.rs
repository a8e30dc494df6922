//! Agent: the client of one executor, and the link on which its container's own requests come back.
//!
//! A stream that ends without its last line was cut: its last item is `Error::Unreachable`, and the
//! caller goes on from the last number it stored. Nothing here retries but `Agent::wait_ready`.

mod dial;
mod http;
mod lines;
mod link;

#[cfg(test)]
mod tests;

use std::time::Duration;

use api::{
    event::{AgentLine, AgentLineType},
    executor::{
        Ack, Checks, ChecksResult, CloneLine, Commit, CommitResult, Diff, DiffResult, EGRESS_WAIT_SECONDS,
        EgressReport, Execute, ExecutionLine, ExecutionStatus, Failure, GitClone, Health, InitGit,
        InitGitResult, Input, Kept, Push, PushResult, SetEgress,
    },
};
use axum::Router;
use bytes::Bytes;
use futures::Stream;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

pub use self::dial::Dial;
use self::http::{Ask, Http};
#[cfg(any(test, feature = "fuzz"))]
pub use self::lines::fuzz;
use crate::turn::Turn;

/// For what the executor does at once.
const QUICK: Duration = Duration::from_secs(30);
/// For `wait_ready`: one poll of many.
const POLL: Duration = Duration::from_secs(1);
/// For what reads and hashes a whole workspace.
const COMMIT: Duration = Duration::from_secs(600);
/// A push is given up by the executor when it stands still; this is for one that only moves slowly.
const PUSH: Duration = Duration::from_secs(3600);
/// How long a check may take that does not say so itself.
const CHECK_SECONDS: u64 = 600;
/// For the executor to stop a check that took too long, and to answer.
const CHECK_MARGIN: Duration = Duration::from_secs(60);

/// The client of one executor.
#[derive(Clone)]
pub struct Agent {
    http: Http,
}

/// Why the executor did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The connection failed or was cut, or the answer took too long.
    #[error("the executor cannot be reached: {0}")]
    Unreachable(String),
    /// The executor says no.
    #[error("the executor refused ({status}): {}", failure.error)]
    Refused {
        /// The HTTP status.
        status: u16,
        /// In the executor's words.
        failure: Failure,
    },
    /// It answered something that is not in the contract.
    #[error("unexpected response from the executor: {0}")]
    Protocol(String),
}

impl Agent {
    /// The executor that `dial` leads to. Connects when first asked something.
    #[must_use]
    pub fn new(dial: Dial, token: String) -> Self {
        Self { http: Http::new(dial, token) }
    }

    /// What the executor says about itself.
    pub async fn health(&self) -> Result<Health, Error> {
        self.http.call(Ask::get(&["health"]), QUICK).await
    }

    /// Polls until the executor answers. Give up early by selecting on `Engine::wait` beside it.
    /// Errors when it cannot be reached `within` this time, or at once when it answers something wrong.
    pub async fn wait_ready(&self, within: Duration) -> Result<Health, Error> {
        let mut last = Error::Unreachable("it was not asked".to_owned());
        let mut pause = Duration::from_millis(5);
        let polls = async {
            loop {
                // While nothing listens in the container, the engine's proxy accepts and hangs up.
                match self.http.call(Ask::get(&["health"]), POLL).await {
                    Err(error @ Error::Unreachable(_)) => last = error,
                    answer => return answer,
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_millis(20));
            }
        };
        let answer = tokio::time::timeout(within, polls).await;
        answer.unwrap_or(Err(last))
    }

    /// Sets the name, the address and the keys commits and pushes are made with.
    pub async fn init_git(&self, body: &InitGit) -> Result<(), Error> {
        let done: InitGitResult = self.http.call(Ask::post(&["init-git"]).body(body)?, QUICK).await?;
        if !done.success {
            return Err(Error::Refused { status: 200, failure: Failure { error: done.message, git: None } });
        }
        Ok(())
    }

    /// Says what the container may reach, as a whole.
    pub async fn set_egress(&self, allow: Vec<String>) -> Result<EgressReport, Error> {
        self.http.call(Ask::put(&["egress"]).body(&SetEgress { allow })?, QUICK).await
    }

    /// What the container was refused so far, without waiting for more.
    pub async fn egress(&self) -> Result<EgressReport, Error> {
        self.http.call(Ask::get(&["egress"]), QUICK).await
    }

    /// What the container was refused, as soon as there is something newer than this version.
    pub async fn egress_after(&self, after: u64) -> Result<EgressReport, Error> {
        let within = QUICK + Duration::from_secs(EGRESS_WAIT_SECONDS);
        self.http.call(Ask::get(&["egress"]).query("after", after), within).await
    }

    /// Clones; the last line is `Done` or `Failed`.
    pub async fn clone_repository(
        &self,
        body: &GitClone,
    ) -> Result<impl Stream<Item = Result<CloneLine, Error>> + Send + use<>, Error> {
        let answer = self.http.open(Ask::post(&["git-clone"]).body(body)?).await?;
        Ok(lines::read(answer, |line| matches!(line, CloneLine::Done { .. } | CloneLine::Failed(_)), None))
    }

    /// Starts an execution, or follows it from its beginning if there is one of this id; the last line is `End`.
    /// Dropping the stream does not stop the execution.
    pub async fn execute(
        &self,
        body: &Execute,
    ) -> Result<impl Stream<Item = Result<(ExecutionLine, Turn), Error>> + Send + use<>, Error> {
        let answer = self.http.open(Ask::post(&["execute"]).body(body)?).await?;
        Ok(lines::read_in_turn(answer, is_end, Some(left_out)))
    }

    /// Follows an execution from line `after + 1`; the last line is `End`.
    pub async fn events(
        &self,
        execution: &str,
        after: u64,
    ) -> Result<impl Stream<Item = Result<(ExecutionLine, Turn), Error>> + Send + use<>, Error> {
        let path = ["executions", execution, "events"];
        let answer = self.http.open(Ask::get(&path).query("after", after)).await?;
        Ok(lines::read_in_turn(answer, is_end, Some(left_out)))
    }

    /// Says that all lines up to `n` are stored, so that the executor may forget them.
    pub async fn ack(&self, execution: &str, n: u64) -> Result<(), Error> {
        self.http.tell(Ask::post(&["executions", execution, "ack"]).body(&Ack { n })?, QUICK).await
    }

    /// Gives the agent something while it works: a message, or what a person has decided.
    pub async fn input(&self, execution: &str, input: &Input) -> Result<(), Error> {
        self.http.tell(Ask::post(&["executions", execution, "input"]).body(input)?, QUICK).await
    }

    /// What is known of an execution from outside.
    pub async fn status(&self, execution: &str) -> Result<ExecutionStatus, Error> {
        self.http.call(Ask::get(&["executions", execution]), QUICK).await
    }

    /// Stops an execution. Its stream still brings its last lines and its end.
    pub async fn cancel(&self, execution: &str) -> Result<(), Error> {
        self.http.tell(Ask::post(&["executions", execution, "cancel"]), QUICK).await
    }

    /// Runs checks. May take as long as they may.
    pub async fn checks(&self, body: &Checks) -> Result<ChecksResult, Error> {
        let seconds = body.checks.iter().map(|check| check.timeout_seconds.unwrap_or(CHECK_SECONDS));
        let within = Duration::from_secs(seconds.fold(0, u64::saturating_add)).saturating_add(CHECK_MARGIN);
        self.http.call(Ask::post(&["checks"]).body(body)?, within).await
    }

    /// Takes the work out of the workspace, into the executor's own repository.
    pub async fn commit(&self, body: &Commit) -> Result<CommitResult, Error> {
        self.http.call(Ask::post(&["commit"]).body(body)?, COMMIT).await
    }

    /// What the executor has kept beside the commits.
    pub async fn kept(&self) -> Result<Kept, Error> {
        self.http.call(Ask::get(&["kept"]), COMMIT).await
    }

    /// One of the things it has kept, as it is. Errors with `Protocol` when it has more than `limit` bytes.
    pub async fn kept_bytes(&self, name: &str, limit: usize) -> Result<Bytes, Error> {
        self.http.bytes(Ask::get(&["kept", name]), COMMIT, limit).await
    }

    /// What has changed in the workspace.
    pub async fn diff(&self, body: &Diff) -> Result<DiffResult, Error> {
        self.http.call(Ask::post(&["diff"]).body(body)?, COMMIT).await
    }

    /// Pushes the run's commits.
    pub async fn push(&self, body: &Push) -> Result<PushResult, Error> {
        let within = PUSH.saturating_add(Duration::from_secs(body.stall_seconds));
        self.http.call(Ask::post(&["push"]).body(body)?, within).await
    }

    /// Opens the link and serves `router` to the container on every stream that comes in on it.
    /// Answers `Ok` after `stop`; errors when the link cannot be opened or breaks. All streams end with it.
    pub async fn serve_link(&self, router: Router, stop: CancellationToken) -> Result<(), Error> {
        let opened = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            opened = link::open(&self.http) => opened?,
        };
        link::serve(opened, router, stop).await
    }
}

/// What stands in the place of a line that is too long to be kept. Its number and time come first.
fn left_out(head: &[u8], bytes: usize) -> Option<ExecutionLine> {
    #[derive(Deserialize)]
    struct Head {
        r#type: String,
        n: u64,
        at: api::Timestamp,
    }

    let head = String::from_utf8_lossy(head);
    let end = [",\"line\":", ",\"text\":"].iter().filter_map(|key| head.find(key)).min()?;
    let Head { r#type, n, at } = serde_json::from_str(&format!("{}}}", &head[..end])).ok()?;
    let said = format!("… (a line of {bytes} bytes is left out)");
    Some(match r#type.as_str() {
        "agent" => ExecutionLine::Agent { n, at, line: AgentLine::plain(AgentLineType::Other, said) },
        _ => ExecutionLine::Stderr { n, at, text: said },
    })
}

fn is_end(line: &ExecutionLine) -> bool {
    matches!(line, ExecutionLine::End { .. })
}
