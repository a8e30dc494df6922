//! Which address was given for which names: what lets the relay know what a connection is for.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
};

use crate::policy::Name;

/// The most addresses that are remembered. An agent that asks for more forgets its own.
const MOST_ADDRESSES: usize = 4096;
/// The most names that are remembered for one address.
const MOST_NAMES: usize = 16;

/// Addresses and the names they were given for. What was not used for longest goes first.
#[derive(Default)]
pub(crate) struct Book {
    pages: HashMap<IpAddr, Page>,
    by_use: BTreeMap<u64, IpAddr>,
    clock: u64,
}

struct Page {
    /// The one asked for last is last.
    names: Vec<Name>,
    used: u64,
}

impl Book {
    /// Remembers that this address was the answer for this name.
    pub(crate) fn note(&mut self, address: IpAddr, name: &Name) {
        let used = self.touch(address);
        let page = self.pages.entry(address).or_insert_with(|| Page { names: Vec::new(), used });
        page.used = used;
        page.names.retain(|known| known != name);
        page.names.push(name.clone());
        if MOST_NAMES < page.names.len() {
            page.names.remove(0);
        }
        if MOST_ADDRESSES < self.pages.len()
            && let Some((_, oldest)) = self.by_use.pop_first()
        {
            self.pages.remove(&oldest);
        }
    }

    /// The names this address was given for, the one asked for last first.
    pub(crate) fn names(&mut self, address: IpAddr) -> Vec<Name> {
        if !self.pages.contains_key(&address) {
            return Vec::new();
        }
        let used = self.touch(address);
        let page = self.pages.get_mut(&address);
        page.map(|page| {
            page.used = used;
            page.names.iter().rev().cloned().collect()
        })
        .unwrap_or_default()
    }

    fn touch(&mut self, address: IpAddr) -> u64 {
        if let Some(page) = self.pages.get(&address) {
            self.by_use.remove(&page.used);
        }
        self.clock += 1;
        self.by_use.insert(self.clock, address);
        self.clock
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn what_was_not_used_for_longest_is_forgotten_first() {
        let (mut book, name) = (Book::default(), Name::ascii("example.org").unwrap());
        let address = |n: usize| IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(n).unwrap()));
        for n in 0..MOST_ADDRESSES {
            book.note(address(n), &name);
        }
        assert_eq!(book.names(address(0)).len(), 1);
        book.note(address(MOST_ADDRESSES), &name);
        assert_eq!(book.names(address(1)), []);
        assert_eq!(book.names(address(0)), [name]);
        assert_eq!((book.pages.len(), book.by_use.len()), (MOST_ADDRESSES, MOST_ADDRESSES));
    }

    #[test]
    fn an_address_has_the_names_it_was_given_for() {
        let (mut book, address) = (Book::default(), IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)));
        let names = ["a.example", "b.example", "a.example"].map(|name| Name::ascii(name).unwrap());
        names.iter().for_each(|name| book.note(address, name));
        assert_eq!(book.names(address), names[..2]);
        assert_eq!(book.names(address)[0].as_str(), "a.example");
    }
}
