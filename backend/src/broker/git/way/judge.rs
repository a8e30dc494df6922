//! Which addresses the gateway may connect to. Pure.

use std::net::{IpAddr, SocketAddr};

use firewall::policy;
use url::Url;

use super::named::{Named, literal};

/// Why a git server is not connected to. Answered before any packet leaves, so that it tells nothing of what is there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::broker) enum Refused {
    /// Whatever anybody names.
    #[error(
        "{host} {} a link-local address, the metadata service of a cloud or no single host, to which Caisson never \
         connects, whatever is set: check the address", leads(host, *address)
    )]
    Never {
        /// As the URL has it.
        host: String,
        /// What it resolves to.
        address: IpAddr,
    },
    /// Unless the operator names it.
    #[error(
        "{host} {} a loopback or private address, to which Caisson connects only where the operator of this server \
         names it: {host}:{port} in CAISSON_GIT_PRIVATE, or a credential for it in CAISSON_GIT_CREDENTIALS",
        leads(host, *address)
    )]
    Private {
        /// As the URL has it.
        host: String,
        /// Its port.
        port: u16,
        /// What it resolves to.
        address: IpAddr,
    },
}

fn leads(host: &str, address: IpAddr) -> String {
    match host.trim_matches(['[', ']']).parse() == Ok(address) {
        true => "is".to_owned(),
        false => format!("resolves to {address},"),
    }
}

/// What the operator has named, and what follows.
#[derive(Debug, Default)]
pub(super) struct Judge(Vec<Named>);

impl Judge {
    pub(super) const fn new(named: Vec<Named>) -> Self {
        Self(named)
    }

    pub(super) fn named(&self) -> impl Iterator<Item = &Named> {
        self.0.iter()
    }

    /// The ports at which something else counts than at the others.
    pub(super) fn ports(&self) -> impl Iterator<Item = u16> {
        self.0.iter().filter_map(Named::port)
    }

    /// Whether an address of this host may be connected to.
    pub(super) fn address(&self, host: &str, port: u16, address: IpAddr) -> Result<(), Refused> {
        let is_loopback = policy::embedded(address).is_loopback();
        if policy::sealed(address) && !is_loopback {
            return Err(Refused::Never { host: host.to_owned(), address });
        }
        let named = || self.0.iter().any(|named| named.is(host, port, address));
        if policy::block(address).is_none() || named() {
            return Ok(());
        }
        Err(Refused::Private { host: host.to_owned(), port, address })
    }

    /// The addresses of a name that may be connected to.
    ///
    /// # Errors
    /// When there are addresses, and none may.
    pub(super) fn open(
        &self,
        host: &str,
        port: u16,
        found: impl Iterator<Item = SocketAddr>,
    ) -> Result<Vec<SocketAddr>, Refused> {
        let (mut open, mut refused) = (Vec::new(), None);
        for address in found {
            match self.address(host, port, address.ip()) {
                Ok(()) => open.push(address),
                Err(why) => refused = refused.or(Some(why)),
            }
        }
        match refused {
            Some(refused) if open.is_empty() => Err(refused),
            _ => Ok(open),
        }
    }

    /// What can be judged without asking a resolver.
    pub(super) fn url(&self, url: &Url) -> Result<(), Refused> {
        let (host, port) = place(url);
        literal(url).map_or(Ok(()), |address| self.address(host, port, address))
    }
}

/// The host and the port of a repository.
pub(super) fn place(url: &Url) -> (&str, u16) {
    let default = if url.scheme() == "ssh" { 22 } else { 443 };
    (url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or(default))
}
