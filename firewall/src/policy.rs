//! Pure: which names and addresses the agent may reach, and at which ports. Nothing is allowed by default.

use std::net::IpAddr;

mod closed;
mod entry;
mod name;

pub use closed::{block, embedded, metadata, sealed};
#[cfg(feature = "gate")]
pub(crate) use entry::printable;
pub use entry::{Entry, Ports, Refused, Tool};
pub use name::{BadName, Name};

/// The most entries one policy may have; each is looked at for each connection.
pub const MOST_ENTRIES: usize = 1024;

/// A list of entries, asked as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    entries: Vec<Entry>,
}

impl Policy {
    /// A policy that allows what any of these entries allows. A tool (`tool:npm`) allows nothing by itself:
    /// whoever knows the container resolves it into hosts first.
    #[must_use]
    pub fn new(entries: Vec<Entry>) -> Self {
        Self { entries }
    }

    /// What it was made of.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Whether this name may be looked up: it is allowed at some port.
    #[must_use]
    pub fn name(&self, name: &Name) -> bool {
        self.entries.iter().any(|entry| entry.names(name))
    }

    /// Whether this name may be connected to at this port.
    #[must_use]
    pub fn permits_name(&self, name: &Name, port: u16) -> bool {
        self.entries.iter().any(|entry| entry.names(name) && entry.ports().contains(port))
    }

    /// Whether an entry names this address, at whatever port.
    #[must_use]
    pub fn address(&self, address: IpAddr) -> bool {
        self.entries.iter().any(|entry| entry.covers(address))
    }

    /// Whether an entry names this address at this port. What is [`sealed`] no entry opens.
    #[must_use]
    pub fn permits_address(&self, address: IpAddr, port: u16) -> bool {
        self.entries.iter().any(|entry| entry.covers(address) && entry.ports().contains(port))
    }
}

#[cfg(test)]
mod tests;
