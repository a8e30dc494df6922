//! Who is told what a run's model calls cost while they are made, and asked before each one.

#[cfg(test)]
pub(super) mod recorder;

use api::run::Usage;
use futures::future::BoxFuture;

/// What a run's model calls cost is told here while it is spent, and asked here before each call.
/// Calls of one run can overlap.
pub trait Meter: Send + Sync + 'static {
    /// Whether there is a limit to what the run may cost: then what a call can cost is asked before it leaves.
    fn has_limit(&self) -> bool;

    /// Waits until the run may make one more call, which costs at most `most` US dollars (`None`: its price is
    /// unknown); `Err` says in a sentence why it never may. The wait may take hours. It is dropped when the agent
    /// hangs up.
    fn admit(&self, most: Option<f64>) -> BoxFuture<'_, Result<Permit, String>>;

    /// A call was answered, wholly or in part. Awaited before the last bytes go to the agent, and to its
    /// end even when the agent has hung up.
    fn spent(&self, call: Spent) -> BoxFuture<'_, ()>;

    /// The upstream refused the credential (401, 403): trying again is of no use. The message holds no
    /// credential.
    fn refused(&self, status: u16, message: String);

    /// A call named its models; `forbidden` when one of them is none that the run may ask. The last call counts: an
    /// agent may go on after a refusal.
    fn named(&self, forbidden: bool);
}

/// What an admitted call holds until it is over and what it cost is noted.
pub type Permit = Box<dyn Send + Sync>;

/// One model call.
#[derive(Clone, Debug, PartialEq)]
pub struct Spent {
    /// The model that answered, by its full name; `unknown` when it did not get to say so.
    pub model: String,
    /// Tokens used, as far as the upstream said. Output that was cut off is estimated.
    pub usage: Usage,
    /// US dollars; `None` when the price is unknown.
    pub usd: Option<f64>,
}
