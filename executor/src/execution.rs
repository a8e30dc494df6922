//! One execution of the agent: what others may do with it.
//!
//! Its driver is the only writer of its spool. Everybody else reads the spool or sends the driver a request.

mod clock;
mod driver;
pub(crate) mod follow;
#[cfg(any(test, feature = "fuzz"))]
pub(crate) mod fuzz;
mod inbox;
mod lines;
mod memory;
pub(crate) mod request;
mod speak;
pub(crate) mod spool;

use std::{io, path::Path, sync::Arc};

use api::{
    Timestamp,
    executor::{ExecutionLine, ExecutionStatus, Exit, ExitCause, Input},
    task::Agent,
};
use axum::body::Body;
use tokio::sync::{broadcast, mpsc};
use tokio_util::sync::CancellationToken;

use crate::{
    account::Account,
    agents::{self, Adapter},
    refusal::Refusal,
};
use follow::Partial;
use inbox::Inbox;
use spool::{Log, Spool};

pub(crate) use driver::{Driver, keep_tail};

/// How many tokens wait for a slow reader before it misses some, which it may.
const PARTIALS: usize = 256;

/// The handle to an execution, running or over.
pub(crate) struct Execution {
    log: Arc<Log>,
    partials: broadcast::Sender<Partial>,
    inbox: Arc<Inbox>,
    cancel: CancellationToken,
}

/// The driver's ends of the handle.
struct Ends {
    partials: broadcast::Sender<Partial>,
    inbox: Arc<Inbox>,
    input: mpsc::Receiver<String>,
    cancel: CancellationToken,
}

impl Execution {
    /// A handle to an execution that is over.
    pub(crate) fn over(log: Arc<Log>) -> Self {
        // Nothing is said to it any more, whatever it was.
        Self::new(log, agents::adapter(Agent::default())).0
    }

    fn new(log: Arc<Log>, agent: &'static dyn Adapter) -> (Self, Ends) {
        let (inbox, input) = Inbox::new(agent);
        let inbox = Arc::new(inbox);
        let (partials, cancel) = (broadcast::Sender::new(PARTIALS), CancellationToken::new());
        let ends = Ends { partials: partials.clone(), inbox: inbox.clone(), input, cancel: cancel.clone() };
        (Self { log, partials, inbox, cancel }, ends)
    }

    /// Whether it runs.
    pub(crate) fn runs(&self) -> bool {
        !self.log.subscribe().borrow().ended
    }

    /// Everything that was not acknowledged, then live, to the end.
    pub(crate) fn follow(&self) -> Body {
        self.follow_after(self.log.acknowledged())
    }

    /// Everything after `n`, then live, to the end.
    ///
    /// # Errors
    /// `Gone` when some of it was acknowledged.
    pub(crate) fn events(&self, after: u64) -> Result<Body, Refusal> {
        match self.log.acknowledged() {
            kept if after < kept => Err(Refusal::Gone(kept)),
            _ => Ok(self.follow_after(after)),
        }
    }

    fn follow_after(&self, after: u64) -> Body {
        Body::from_stream(follow::follow(self.log.clone(), self.partials.subscribe(), after))
    }

    /// Forgets lines that are safe elsewhere.
    pub(crate) fn acknowledge(&self, n: u64) {
        self.log.acknowledge(n);
    }

    /// Something for the agent; what was given before is taken and not repeated.
    ///
    /// # Errors
    /// `Conflict` when the agent takes no more, or has not asked this.
    pub(crate) fn give(&self, input: &Input) -> Result<(), Refusal> {
        self.inbox.give(input)
    }

    /// What is known of it from outside.
    pub(crate) fn status(&self, id: &str, account: &Account) -> ExecutionStatus {
        let (processes, cpu_seconds) = account.usage(id);
        ExecutionStatus { running: self.runs(), processes, cpu_seconds, n: self.log.subscribe().borrow().n }
    }

    /// Asks it to end. Asking again changes nothing.
    pub(crate) fn cancel(&self) {
        self.cancel.cancel();
    }
}

/// Takes over an execution that an earlier executor left behind. If it has no end, its agent may still be
/// at work: it is killed, and the execution gets one.
///
/// # Errors
/// When its spool cannot be read.
pub(crate) async fn recover(path: &Path, id: &str, account: &Account) -> io::Result<Execution> {
    let mut spool = Spool::reopen(path)?;
    if !spool.mark().ended {
        account.kill(id).await;
        let cause = ExitCause::ExecutorRestarted;
        let exit =
            Exit { cause, code: None, signal: None, result: None, stderr: String::new(), memory_kills: 0 };
        spool.append(|n| ExecutionLine::End { n, at: Timestamp::now(), exit })?;
    }
    Ok(Execution::over(spool.log().clone()))
}
