//! The meter: what a run's model calls cost is told here while it is spent.

use api::run::Usage;
use futures::future::BoxFuture;

/// What a run's model calls cost is told here while it is spent, and asked here before each call.
pub trait Meter: Send + Sync + 'static {
    /// Waits until the run may make one more call; `Err` says in a sentence why it never may.
    fn admit(&self) -> BoxFuture<'_, Result<(), String>>;
    /// A call was answered, wholly or in part.
    fn spent(&self, call: Spent) -> BoxFuture<'_, ()>;
    /// The upstream refused the credential: trying again is of no use.
    fn refused(&self, status: u16, message: String);
}

/// One model call.
#[derive(Clone, Debug)]
pub struct Spent {
    /// The model that answered.
    pub model: String,
    /// Its tokens.
    pub usage: Usage,
    /// US dollars; `None` when the model's price is unknown.
    pub usd: Option<f64>,
}
