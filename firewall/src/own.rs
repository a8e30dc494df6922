//! The container's own addresses and networks, as they stand when it starts.

use std::{
    io::Result,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use ipnet::IpNet;
use nix::ifaddrs::getifaddrs;

/// Addresses of this container, each with the network it is in.
#[derive(Clone, Debug, Default)]
pub struct Own {
    networks: Vec<IpNet>,
}

impl Own {
    /// Asks the kernel.
    ///
    /// # Errors
    /// When the interfaces cannot be listed.
    pub fn read() -> Result<Self> {
        let networks = getifaddrs()?.filter_map(|interface| {
            let (address, mask) = (interface.address?, interface.netmask?);
            let v4 = || Some((address.as_sockaddr_in()?.ip().into(), mask.as_sockaddr_in()?.ip().into()));
            let v6 = || Some((address.as_sockaddr_in6()?.ip().into(), mask.as_sockaddr_in6()?.ip().into()));
            let (address, mask): (IpAddr, IpAddr) = v4().or_else(v6)?;
            IpNet::with_netmask(address, mask).ok()
        });
        Ok(Self { networks: networks.collect() })
    }

    /// These addresses with their networks.
    #[must_use]
    pub const fn of(networks: Vec<IpNet>) -> Self {
        Self { networks }
    }

    /// Whether anything beyond link-local is reached over IPv6.
    #[must_use]
    pub fn has_ipv6(&self) -> bool {
        let mut addresses = self.networks.iter().map(IpNet::addr);
        addresses.any(|address| matches!(address, IpAddr::V6(v6) if !v6.is_loopback() && !link_local(v6)))
    }

    /// Addresses next to this container, one in each of its networks that is not its own: the bridge on the host.
    #[must_use]
    pub fn neighbours(&self) -> Vec<IpAddr> {
        let others = self.networks.iter().filter(|network| !network.addr().is_loopback());
        let first = others.filter_map(|network| match network {
            IpNet::V4(v4) => Some(Ipv4Addr::from_bits(v4.network().to_bits() | 1).into()),
            IpNet::V6(v6) if link_local(v6.addr()) => None,
            IpNet::V6(v6) => Some(Ipv6Addr::from_bits(v6.network().to_bits() | 1).into()),
        });
        first.filter(|address| !self.is_self(*address)).collect()
    }

    pub(crate) fn is_self(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.addr() == address)
    }

    pub(crate) fn is_neighbour(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
    }
}

const fn link_local(address: Ipv6Addr) -> bool {
    address.segments()[0] & 0xffc0 == 0xfe80
}
