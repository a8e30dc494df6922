//! Tries the rules from inside, as the agent. Every forbidden address that is tried is one of our own
//! machine or reserved for documentation: if the rules do not hold, still no packet reaches a stranger.

use std::{
    io::{Error, ErrorKind, Result as IoResult},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use nix::ifaddrs::getifaddrs;

use crate::{privilege, tool};

/// The argument with which this program tries the rules.
pub(crate) const SUBCOMMAND: &str = "verify";
/// The engine's DNS server in networks that people define.
const ENGINE_DNS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 11);
/// From the range reserved for documentation: nobody's.
const NOBODY: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
/// A refusal is immediate. Whatever takes longer was not refused.
const PATIENCE: Duration = Duration::from_millis(200);
const DNS_PORT: u16 = 53;

/// Runs this program again as the agent, to try the rules.
///
/// # Errors
/// With the sentence of the attempt that did not end as it must.
pub(crate) fn as_agent() -> Result<()> {
    let this_program = std::env::current_exe().context("this program's own path is unknown")?;
    let mut command = privilege::as_agent(&this_program);
    command.arg(SUBCOMMAND);
    tool::run(command, "").context("the rules do not hold")?;
    Ok(())
}

/// Tries everything that must fail and the one thing that must work.
///
/// # Errors
/// At the first attempt that does not end as it must.
pub(crate) fn from_inside() -> Result<()> {
    holds_no_capability()?;
    for neighbour in neighbours()? {
        must_be_refused("a TCP connection", (neighbour, DNS_PORT).into(), connect)?;
        must_be_refused("a DNS question", (neighbour, DNS_PORT).into(), send)?;
    }
    must_be_refused("a DNS question", (ENGINE_DNS, DNS_PORT).into(), send)?;
    must_be_refused("a TCP connection", (NOBODY, 443).into(), connect)?;
    must_be_refused("a datagram", (NOBODY, 443).into(), send)?;
    loopback_works().context("loopback does not work")
}

fn holds_no_capability() -> Result<()> {
    let status = std::fs::read_to_string("/proc/self/status").context("/proc/self/status cannot be read")?;
    let empty = status.lines().filter(|line| line.starts_with("Cap") && line.ends_with("\t0000000000000000"));
    ensure!(empty.count() == 5, "the agent would hold a capability");
    ensure!(status.contains("\nNoNewPrivs:\t1\n"), "the agent could gain privileges");
    Ok(())
}

/// The first address of each IPv4 network this container is in: the bridge on our own host.
fn neighbours() -> Result<Vec<IpAddr>> {
    let addresses = getifaddrs().context("the network interfaces cannot be listed")?;
    let networks = addresses.filter_map(|interface| {
        let own = interface.address?.as_sockaddr_in()?.ip();
        let mask = interface.netmask?.as_sockaddr_in()?.ip();
        (!own.is_loopback()).then(|| Ipv4Addr::from_bits((own & mask).to_bits() | 1).into())
    });
    Ok(networks.collect())
}

fn must_be_refused(what: &str, to: SocketAddr, attempt: fn(SocketAddr) -> IoResult<()>) -> Result<()> {
    match attempt(to) {
        Ok(()) => bail!("{what} to {to} was let through"),
        Err(error) if is_refusal(&error, to) => Ok(()),
        Err(error) => bail!("{what} to {to} was not refused by the rules: {error}"),
    }
}

/// Whether this error comes from our own kernel before a packet left. A closed port of another host
/// answers "connection refused", silence is a time-out: both mean that the packet went out.
fn is_refusal(error: &Error, to: SocketAddr) -> bool {
    match error.kind() {
        ErrorKind::HostUnreachable | ErrorKind::PermissionDenied => true,
        // No route, or no IPv6 at all: nothing to refuse.
        ErrorKind::NetworkUnreachable | ErrorKind::AddrNotAvailable | ErrorKind::Unsupported => to.is_ipv6(),
        _ => to.is_ipv6() && error.raw_os_error() == Some(nix::errno::Errno::EAFNOSUPPORT as i32),
    }
}

fn connect(to: SocketAddr) -> IoResult<()> {
    TcpStream::connect_timeout(&to, PATIENCE).map(drop)
}

fn send(to: SocketAddr) -> IoResult<()> {
    let from: IpAddr = if to.is_ipv6() { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
    UdpSocket::bind((from, 0))?.send_to(b"caisson", to).map(drop)
}

fn loopback_works() -> IoResult<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    connect(listener.local_addr()?)
}

#[cfg(test)]
mod tests {
    use nix::errno::Errno;

    use super::*;

    #[test]
    fn an_answer_of_another_host_and_silence_are_no_refusals() {
        let bridge = SocketAddr::from((Ipv4Addr::new(172, 17, 0, 1), DNS_PORT));
        let refusal = |errno: Errno, to| is_refusal(&Error::from_raw_os_error(errno as i32), to);
        for errno in [Errno::EHOSTUNREACH, Errno::EACCES, Errno::EPERM] {
            assert!(refusal(errno, bridge), "{errno}");
        }
        for errno in [Errno::ECONNREFUSED, Errno::ETIMEDOUT, Errno::ENETUNREACH, Errno::ECONNRESET] {
            assert!(!refusal(errno, bridge), "{errno}");
        }
        assert!(refusal(Errno::ENETUNREACH, (NOBODY, DNS_PORT).into()));
        assert!(!refusal(Errno::ECONNREFUSED, (NOBODY, DNS_PORT).into()));
    }
}
