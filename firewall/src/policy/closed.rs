//! The addresses that no name opens, whatever the DNS says: the container's own, its neighbours', the
//! host's, private networks, metadata services. An entry opens them only by naming their range.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

const fn v4(a: u8, b: u8, c: u8, d: u8, bits: u8) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), bits))
}

const fn v6(a: u16, b: u16, c: u16, bits: u8) -> IpNet {
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), bits))
}

/// Never relayed to: this container itself, and what is no single host.
const SEALED: [IpNet; 7] = [
    v4(0, 0, 0, 0, 8),
    v4(127, 0, 0, 0, 8),
    v4(224, 0, 0, 0, 4),
    v4(255, 255, 255, 255, 32),
    v6(0xff00, 0, 0, 8),
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 128)),
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128)),
];

/// Open only to an entry that lies within the same block. `fd00:ec2::254`, a metadata service, is in `fc00::/7`.
const BLOCKS: [IpNet; 13] = [
    v4(10, 0, 0, 0, 8),
    v4(100, 64, 0, 0, 10),
    v4(169, 254, 0, 0, 16),
    v4(172, 16, 0, 0, 12),
    v4(192, 0, 0, 0, 24),
    v4(192, 168, 0, 0, 16),
    v4(240, 0, 0, 0, 4),
    // Teredo and the local NAT64 hide an IPv4 address where nobody can tell it from outside.
    v6(0x2001, 0, 0, 32),
    v6(0x64, 0xff9b, 1, 48),
    v6(0xfc00, 0, 0, 7),
    v6(0xfe80, 0, 0, 10),
    v6(0xfec0, 0, 0, 10),
    // Compatible addresses and other leftovers at the beginning of IPv6.
    v6(0, 0, 0, 32),
];

/// The address that is really meant: the IPv4 address inside a mapped, compatible, NAT64 or 6to4 one.
#[must_use]
pub fn embedded(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match v6.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => address,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => v4(high, low),
        _ => address,
    }
}

/// Whether this is an address that nothing may open: loopback, unspecified, multicast, broadcast.
#[must_use]
pub fn sealed(address: IpAddr) -> bool {
    let address = embedded(address);
    SEALED.iter().any(|net| net.contains(&address))
}

/// The closed block that this address lies in, if any.
#[must_use]
pub fn block(address: IpAddr) -> Option<IpNet> {
    let address = embedded(address);
    SEALED.iter().chain(&BLOCKS).find(|net| net.contains(&address)).copied()
}
