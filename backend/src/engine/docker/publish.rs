//! Where containers' ports are published on the engine's host, and where this server dials them.

use std::net::{IpAddr, Ipv4Addr};

use url::Host;

use super::address::Address;
use crate::endpoint::{Endpoint, host_of};

/// The address of the executors of one engine.
pub(super) struct Publish {
    bound: IpAddr,
    dialled: Host,
    /// Whether the engine's loopback is another machine's.
    is_remote: bool,
}

impl Publish {
    /// On the address that the operator names; else on loopback, or on the address at which a remote engine is reached.
    /// A remote engine that is reached by a name publishes on all its addresses, because its own are not known.
    pub(super) fn new(engine: &Address, named: Option<IpAddr>) -> Self {
        let remote = engine.remote_host();
        let (bound, dialled) = match (named, remote) {
            (Some(address), _) => (address, host_of(address)),
            (None, Some(Host::Domain(name))) => (Ipv4Addr::UNSPECIFIED.into(), Host::Domain(name.clone())),
            (None, Some(Host::Ipv4(address))) => ((*address).into(), Host::Ipv4(*address)),
            (None, Some(Host::Ipv6(address))) => ((*address).into(), Host::Ipv6(*address)),
            (None, None) => (Ipv4Addr::LOCALHOST.into(), Host::Ipv4(Ipv4Addr::LOCALHOST)),
        };
        Self { bound, dialled, is_remote: remote.is_some() }
    }

    /// The address the engine is asked to publish on.
    pub(super) const fn bound(&self) -> IpAddr {
        self.bound
    }

    /// Whether a container's port is published on this machine's loopback only.
    pub(super) const fn is_loopback(&self) -> bool {
        self.bound.is_loopback()
    }

    /// How this server reaches a port that the engine says it has published there; `None` when it cannot. What was
    /// published under other settings is reached as it was published.
    pub(super) fn endpoint(&self, published_on: Option<&str>, port: u16) -> Option<Endpoint> {
        // Some engines leave the address out when it is any.
        let text = published_on.filter(|text| !text.is_empty()).unwrap_or("0.0.0.0");
        let address: IpAddr = text.parse().ok()?;
        let host = if address.is_unspecified() { self.dialled.clone() } else { host_of(address) };
        let endpoint = Endpoint::new(host, port);
        // On loopback nothing is encrypted, so it must be ours, and published there.
        let is_ours = !self.is_remote && address.is_loopback();
        (!endpoint.is_loopback() || is_ours).then_some(endpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engine(host: &str) -> Address {
        let folder = tempfile::tempdir().unwrap();
        for name in ["key.pem", "cert.pem", "ca.pem"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        Address::read(Some(&format!("tcp://{host}:2376")), Some(folder.path())).unwrap()
    }

    #[test]
    fn an_executor_is_dialled_where_its_port_is_published() {
        let local = Address::default();
        for (publish, bound, on, dialled) in [
            (Publish::new(&local, None), "127.0.0.1", "127.0.0.1", Some("127.0.0.1:9")),
            // Published by an earlier server, or under other settings.
            (Publish::new(&local, None), "127.0.0.1", "192.0.2.7", Some("192.0.2.7:9")),
            (Publish::new(&local, None), "127.0.0.1", "0.0.0.0", None),
            (
                Publish::new(&local, Some([192, 0, 2, 7].into())),
                "192.0.2.7",
                "192.0.2.7",
                Some("192.0.2.7:9"),
            ),
            (
                Publish::new(&local, Some([192, 0, 2, 7].into())),
                "192.0.2.7",
                "127.0.0.1",
                Some("127.0.0.1:9"),
            ),
            (Publish::new(&engine("10.231.0.2"), None), "10.231.0.2", "10.231.0.2", Some("10.231.0.2:9")),
            (Publish::new(&engine("10.231.0.2"), None), "10.231.0.2", "127.0.0.1", None),
            (
                Publish::new(&engine("[2001:db8::1]"), None),
                "2001:db8::1",
                "2001:db8::1",
                Some("[2001:db8::1]:9"),
            ),
            (Publish::new(&engine("engine.internal"), None), "0.0.0.0", "0.0.0.0", Some("engine.internal:9")),
            (Publish::new(&engine("engine.internal"), None), "0.0.0.0", "", Some("engine.internal:9")),
            (Publish::new(&engine("localhost"), None), "127.0.0.1", "127.0.0.1", Some("127.0.0.1:9")),
        ] {
            assert_eq!(publish.bound().to_string(), bound);
            let endpoint = publish.endpoint(Some(on), 9).map(|endpoint| endpoint.to_string());
            assert_eq!(endpoint.as_deref(), dialled, "published on {on:?}");
        }
    }
}
