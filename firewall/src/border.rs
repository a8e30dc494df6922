//! What gate, relay and control line share: the policy in force, the addresses given, the refusals.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use crate::{
    book::Book,
    denials::Denials,
    line::{FromGate, RefusedEntry},
    own::Own,
    policy::{self, Entry, MOST_ENTRIES, Name, Policy, Refused},
};

/// The shared state. It starts with nothing allowed.
pub struct Border {
    pub(crate) own: Own,
    pub(crate) denials: Denials,
    policy: RwLock<Arc<Policy>>,
    book: Mutex<Book>,
}

impl Border {
    /// Nothing allowed, for a container with these addresses of its own.
    #[must_use]
    pub fn new(own: Own) -> Self {
        Self { own, denials: Denials::default(), policy: RwLock::default(), book: Mutex::default() }
    }

    /// Puts these entries in the place of the policy, and says which are in force.
    pub fn allow(&self, entries: &[String]) -> FromGate {
        let (mut allowed, mut refused) = (Vec::new(), Vec::new());
        for (position, text) in entries.iter().enumerate() {
            match Entry::parse(text).and_then(|entry| usable(entry, position)) {
                Ok(entry) => allowed.push(entry),
                Err(Refused { entry, why }) => refused.push(RefusedEntry { entry, why }),
            }
        }
        let answer = FromGate::Policy { allowed: allowed.iter().map(Entry::to_string).collect(), refused };
        let policy = Arc::new(Policy::new(allowed));
        *self.policy.write().unwrap_or_else(PoisonError::into_inner) = policy;
        answer
    }

    /// The refusals and notices that are due; waits for the first.
    pub async fn told(&self) -> Vec<FromGate> {
        self.denials.next().await
    }

    pub(crate) fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.policy.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Remembers an answer of the gate.
    pub(crate) fn given(&self, address: IpAddr, name: &Name) {
        self.book.lock().unwrap_or_else(PoisonError::into_inner).note(policy::embedded(address), name);
    }

    /// The names that this address was given for.
    pub(crate) fn names(&self, address: IpAddr) -> Vec<Name> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner).names(policy::embedded(address))
    }

    /// Whether nothing at all opens this address: it is this container itself, or no single host.
    pub(crate) fn is_sealed(&self, address: IpAddr) -> bool {
        policy::sealed(address) || self.own.is_self(policy::embedded(address))
    }

    /// Whether no name opens this address.
    pub(crate) fn is_closed(&self, address: IpAddr) -> bool {
        self.is_sealed(address)
            || policy::block(address).is_some()
            || self.own.is_neighbour(policy::embedded(address))
    }
}

/// The gate does not know the container's tools, and looks at each entry for each connection.
fn usable(entry: Entry, position: usize) -> Result<Entry, Refused> {
    let refuse = |why: &str| Err(Refused { entry: entry.to_string(), why: why.to_owned() });
    match entry {
        Entry::Tool(_) => refuse("the executor resolves tools into hosts before it asks the gate"),
        _ if MOST_ENTRIES <= position => refuse("there are too many entries; use wildcards or ranges"),
        entry => Ok(entry),
    }
}
