//! Rates: how many calls a second one caller may make, and how many at once. A caller is a token or a session; who
//! has neither is an address.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use api::error::ApiError;
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};

use super::{Client, guard::network, refuse};
use crate::config::Http;

/// The limits, as they are named in the settings.
pub(super) const PER_SECOND: &str = "CAISSON_CALLS_PER_SECOND";
const AT_ONCE: &str = "CAISSON_CALLS_AT_ONCE";
/// Callers remembered at once. Those beyond share what one has.
const CALLERS: usize = 10_000;
/// Between two looks for callers that may be forgotten.
const SWEEP: Duration = Duration::from_secs(1);

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Who {
    /// A token or a session, by its hash.
    Known([u8; 32]),
    /// Nobody known, from this address, at what is open to everybody.
    Address(IpAddr),
    /// Somebody at this address who was not let in. Apart from the one before, so that looking at what is open shuts
    /// nobody out.
    Refused(IpAddr),
    /// Everybody for whom there was no place.
    Others,
}

/// The rates of all callers. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Rates(Arc<Inner>);

struct Inner {
    per_second: f64,
    burst: f64,
    at_once: u32,
    callers: Mutex<Callers>,
}

struct Callers {
    buckets: HashMap<Who, Bucket>,
    swept: Instant,
}

/// What a caller has left: it fills up with time, a call takes one.
struct Bucket {
    left: f64,
    at: Instant,
    working: u32,
}

/// A call at work; dropping it makes place for another.
pub(crate) struct Working {
    rates: Rates,
    who: Who,
}

impl Rates {
    pub(crate) fn new(http: &Http) -> Self {
        let callers = Callers { buckets: HashMap::new(), swept: Instant::now() };
        Self(Arc::new(Inner {
            per_second: http.calls_per_second.into(),
            burst: http.calls_burst.into(),
            at_once: http.calls_at_once,
            callers: Mutex::new(callers),
        }))
    }

    /// Takes one call from what the caller has left.
    ///
    /// # Errors
    /// `Limit` when nothing is left.
    pub(crate) fn take(&self, who: Who) -> Result<(), ApiError> {
        self.with(who, |bucket| self.drain(bucket, 1.0))
    }

    /// Refuses a caller who has nothing left, and takes nothing.
    ///
    /// # Errors
    /// `Limit` when nothing is left.
    pub(crate) fn check(&self, who: Who) -> Result<(), ApiError> {
        self.with(who, |bucket| self.drain(bucket, 0.0))
    }

    /// Takes one call, and a place among those that are at work.
    ///
    /// # Errors
    /// `Limit` when there is none of the two.
    pub(crate) fn begin(&self, who: Who) -> Result<Working, ApiError> {
        let who = self.with_place(who, |who, bucket| {
            self.drain(bucket, 1.0)?;
            if self.0.at_once <= bucket.working {
                return Err(ApiError::Limit { limit: AT_ONCE.to_owned(), value: self.0.at_once.into() });
            }
            bucket.working += 1;
            Ok(who)
        })?;
        Ok(Working { rates: self.clone(), who })
    }

    fn drain(&self, bucket: &mut Bucket, calls: f64) -> Result<(), ApiError> {
        if bucket.left < 1.0 {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is a whole u32")]
            let value = self.0.per_second as u64;
            return Err(ApiError::Limit { limit: PER_SECOND.to_owned(), value });
        }
        bucket.left -= calls;
        Ok(())
    }

    fn with<T>(&self, who: Who, look: impl FnOnce(&mut Bucket) -> T) -> T {
        self.with_place(who, |_, bucket| look(bucket))
    }

    /// Looks at the caller's bucket, as full as it is now.
    fn with_place<T>(&self, who: Who, look: impl FnOnce(Who, &mut Bucket) -> T) -> T {
        let now = Instant::now();
        // A panic elsewhere cannot leave a map of counters in a state worth refusing.
        let mut callers = self.0.callers.lock().unwrap_or_else(PoisonError::into_inner);
        let who = callers.place(who, &self.0, now);
        let full = Bucket { left: self.0.burst, at: now, working: 0 };
        let bucket = callers.buckets.entry(who).or_insert(full);
        bucket.left = bucket.left_at(now, &self.0);
        bucket.at = now;
        look(who, bucket)
    }
}

impl Callers {
    /// The caller, if it is remembered or can be.
    fn place(&mut self, who: Who, rates: &Inner, now: Instant) -> Who {
        if self.buckets.len() < CALLERS || self.buckets.contains_key(&who) {
            return who;
        }
        if SWEEP <= now.duration_since(self.swept) {
            self.swept = now;
            // One that is full again is as good as new.
            self.buckets.retain(|_, it| 0 < it.working || it.left_at(now, rates) < rates.burst);
        }
        if self.buckets.len() < CALLERS { who } else { Who::Others }
    }
}

impl Bucket {
    fn left_at(&self, now: Instant, rates: &Inner) -> f64 {
        (self.left + now.duration_since(self.at).as_secs_f64() * rates.per_second).min(rates.burst)
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.rates.with_place(self.who, |_, bucket| bucket.working = bucket.working.saturating_sub(1));
    }
}

/// Who an address is: of IPv6 one customer has a whole /64.
pub(crate) fn address(address: IpAddr) -> Who {
    Who::Address(network(address))
}

/// Who is not let in at an address.
pub(crate) fn refused(address: IpAddr) -> Who {
    Who::Refused(network(address))
}

/// Middleware before what is open to everybody.
pub(super) async fn limit(State(rates): State<Rates>, request: Request, next: Next) -> Response {
    match rates.take(address(Client::of(&request))) {
        Ok(()) => next.run(request).await,
        Err(error) => refuse(error, request.uri().path()),
    }
}

#[cfg(test)]
mod tests;
