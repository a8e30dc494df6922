//! The addresses that are no public host's, for whatever connects on behalf of others: the firewall of a container
//! and the git gateway of the server. Some are opened by nothing, the others only by whoever names them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

const fn v4(a: u8, b: u8, c: u8, d: u8, bits: u8) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), bits))
}

const fn v6(a: u16, b: u16, c: u16, bits: u8) -> IpNet {
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), bits))
}

/// Never connected to: the machine itself, and what is no single host.
const SEALED: [IpNet; 7] = [
    v4(0, 0, 0, 0, 8),
    v4(127, 0, 0, 0, 8),
    v4(224, 0, 0, 0, 4),
    v4(255, 255, 255, 255, 32),
    v6(0xff00, 0, 0, 8),
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 128)),
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128)),
];

/// Never connected to, because whoever reaches them is given a machine's own credentials: link-local addresses, and
/// the services of clouds that tell a machine about itself and lie elsewhere.
const METADATA: [IpNet; 8] = [
    v4(169, 254, 0, 0, 16),
    // Alibaba, Azure and Oracle.
    v4(100, 100, 100, 200, 32),
    v4(168, 63, 129, 16, 32),
    v4(192, 0, 0, 192, 32),
    v6(0xfe80, 0, 0, 10),
    // Amazon, Google and Scaleway.
    v6(0xfd00, 0xec2, 0, 32),
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254), 128)),
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42), 128)),
];

/// Open only to an entry that lies within the same block.
const BLOCKS: [IpNet; 15] = [
    v4(10, 0, 0, 0, 8),
    v4(100, 64, 0, 0, 10),
    v4(172, 16, 0, 0, 12),
    v4(192, 0, 0, 0, 24),
    v4(192, 168, 0, 0, 16),
    // Tests of network equipment.
    v4(198, 18, 0, 0, 15),
    v4(240, 0, 0, 0, 4),
    // Teredo and the local NAT64 hide an IPv4 address where nobody can tell it from outside.
    v6(0x2001, 0, 0, 32),
    v6(0x64, 0xff9b, 1, 48),
    v6(0xfc00, 0, 0, 7),
    v6(0xfec0, 0, 0, 10),
    // Tests of network equipment, packets to throw away, routes of segments.
    v6(0x2001, 2, 0, 48),
    v6(0x100, 0, 0, 64),
    v6(0x5f00, 0, 0, 16),
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

/// The IPv4 address that translators between IPv4 and IPv6 may find in this one, beside those of [`embedded`].
fn translated(address: IpAddr) -> Option<IpAddr> {
    let IpAddr::V6(v6) = address else { return None };
    match v6.segments() {
        [0, 0, 0, 0, 0xffff, 0, high, low] | [0x64, 0xff9b, 1, _, _, _, high, low] => {
            Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)).into())
        }
        _ => None,
    }
}

fn is_in(nets: &[IpNet], address: IpAddr) -> bool {
    nets.iter().any(|net| net.contains(&address))
}

/// Whether this is a link-local address or a cloud's metadata service, however it is written.
#[must_use]
pub fn metadata(address: IpAddr) -> bool {
    is_in(&METADATA, embedded(address)) || translated(address).is_some_and(|inner| is_in(&METADATA, inner))
}

/// Whether this is an address that nothing may open: loopback, unspecified, multicast, broadcast, [`metadata`].
#[must_use]
pub fn sealed(address: IpAddr) -> bool {
    is_in(&SEALED, embedded(address)) || metadata(address)
}

/// The closed block that this address lies in, if any.
#[must_use]
pub fn block(address: IpAddr) -> Option<IpNet> {
    let address = embedded(address);
    SEALED.iter().chain(&METADATA).chain(&BLOCKS).find(|net| net.contains(&address)).copied()
}
