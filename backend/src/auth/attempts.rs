//! Wrong tokens a minute from one address, and no more.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use api::error::ApiError;

use crate::server::guard::network;

/// The limit, as it is named in the settings.
pub(crate) const ATTEMPTS: &str = "CAISSON_LOGIN_ATTEMPTS a minute";
/// Entries of wrong tokens in the audit log in one window.
const TOLD: u32 = 100;
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
    /// How many were worth an entry in the audit log.
    told: u32,
}

impl Window {
    fn new() -> Self {
        Self { since: Instant::now(), wrong: HashMap::new(), told: 0 }
    }
}

impl Attempts {
    pub(super) fn new(limit: u32) -> Self {
        Self { limit, window: Mutex::new(Window::new()) }
    }

    /// Refuses an address that has guessed too often. What it shows is looked up all the same, see the gate.
    pub(super) fn check(&self, address: IpAddr) -> Result<(), ApiError> {
        let wrong = self.with(|window| window.wrong.get(&network(address)).copied().unwrap_or(0));
        if wrong < self.limit {
            return Ok(());
        }
        Err(ApiError::Limit { limit: ATTEMPTS.to_owned(), value: self.limit.into() })
    }

    /// Counts a wrong token. Returns whether it is worth an entry in the audit log: the first of an address in
    /// this minute and the one at which it becomes slow are, and not too many of them all together.
    pub(super) fn wrong(&self, address: IpAddr) -> bool {
        let address = network(address);
        self.with(|window| {
            let room = window.wrong.len() < ADDRESSES || window.wrong.contains_key(&address);
            let count = if room { window.wrong.entry(address).or_default() } else { &mut 0 };
            *count = count.saturating_add(1);
            let told = *count == 1 || *count == self.limit;
            window.told += u32::from(told);
            told && window.told <= TOLD
        })
    }

    fn with<T>(&self, look: impl FnOnce(&mut Window) -> T) -> T {
        // A panic elsewhere cannot leave a map of counters in a state worth refusing.
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if WINDOW <= window.since.elapsed() {
            *window = Window::new();
        }
        look(&mut window)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn an_address_that_guesses_is_refused_and_its_neighbours_are_not() {
        let attempts = Attempts::new(2);
        let guesser: IpAddr = "2001:db8::1".parse().unwrap();
        let (same_network, neighbour) = ("2001:db8::2".parse().unwrap(), "2001:db8:0:1::1".parse().unwrap());
        assert_eq!(attempts.check(guesser), Ok(()));
        assert!(attempts.wrong(guesser), "the first one is told");
        assert!(attempts.wrong(guesser), "and the one that shuts the door");
        assert!(!attempts.wrong(guesser));
        assert!(matches!(attempts.check(guesser), Err(ApiError::Limit { value: 2, .. })));
        assert!(attempts.check(same_network).is_err());
        assert_eq!(attempts.check(neighbour), Ok(()));
        attempts.window.lock().unwrap().since -= WINDOW;
        assert_eq!(attempts.check(guesser), Ok(()), "nobody is shut out for ever");
    }

    #[test]
    fn many_guessers_are_not_all_told() {
        let attempts = Attempts::new(5);
        let told = (0..100_000_u32).filter(|n| attempts.wrong(IpAddr::V4(Ipv4Addr::from_bits(*n)))).count();
        assert_eq!(told, TOLD as usize);
        assert_eq!(attempts.window.lock().unwrap().wrong.len(), ADDRESSES);
    }
}
