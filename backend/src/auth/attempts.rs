//! Wrong tokens a minute from one address, and no more.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use api::error::ApiError;

const WINDOW: Duration = Duration::from_secs(60);
/// Addresses remembered at once: a bound for memory, far above what a window of real mistakes needs.
const ADDRESSES: usize = 10_000;

/// Counts wrong tokens by address in windows of a minute.
pub(super) struct Attempts {
    limit: u32,
    window: Mutex<Window>,
}

struct Window {
    since: Instant,
    wrong: HashMap<IpAddr, u32>,
}

impl Attempts {
    pub(super) fn new(limit: u32) -> Self {
        Self { limit, window: Mutex::new(Window { since: Instant::now(), wrong: HashMap::new() }) }
    }

    /// Refuses an address that has guessed too often; asked before a token is looked up.
    pub(super) fn check(&self, address: IpAddr) -> Result<(), ApiError> {
        let wrong = self.with(|window| window.wrong.get(&network(address)).copied().unwrap_or(0));
        if wrong < self.limit {
            return Ok(());
        }
        Err(ApiError::Limit { limit: "CAISSON_LOGIN_ATTEMPTS a minute".to_owned(), value: self.limit.into() })
    }

    /// Notes a wrong token.
    pub(super) fn wrong(&self, address: IpAddr) {
        let address = network(address);
        self.with(|window| {
            if window.wrong.len() < ADDRESSES || window.wrong.contains_key(&address) {
                *window.wrong.entry(address).or_default() += 1;
            }
        });
    }

    fn with<T>(&self, look: impl FnOnce(&mut Window) -> T) -> T {
        // A panic elsewhere cannot leave a map of counters in a state worth refusing.
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if WINDOW <= window.since.elapsed() {
            *window = Window { since: Instant::now(), wrong: HashMap::new() };
        }
        look(&mut window)
    }
}

/// One IPv6 customer has a whole /64 to guess from.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !0 << 64)),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_guesses_is_refused_and_its_neighbours_are_not() {
        let attempts = Attempts::new(2);
        let guesser: IpAddr = "2001:db8::1".parse().unwrap();
        let (same_network, neighbour) = ("2001:db8::2".parse().unwrap(), "2001:db8:0:1::1".parse().unwrap());
        assert_eq!(attempts.check(guesser), Ok(()));
        attempts.wrong(guesser);
        attempts.wrong(guesser);
        assert!(matches!(attempts.check(guesser), Err(ApiError::Limit { value: 2, .. })));
        assert!(attempts.check(same_network).is_err());
        assert_eq!(attempts.check(neighbour), Ok(()));
    }
}
