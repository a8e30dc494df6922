//! Reads one entry, and says what to write instead of one that is none.

use std::{net::IpAddr, str::FromStr};

use ipnet::IpNet;

use super::{Entry, Ports, Tool};
use crate::policy::{
    closed,
    name::{BadName, Name},
};

/// The longest entry, in bytes: a name, a wildcard and a port.
pub(super) const LONGEST: usize = 300;

/// Reads one entry. The error is the sentence with the remedy.
pub(super) fn entry(text: &str) -> Result<Entry, String> {
    if text.is_empty() {
        return Err("it is empty; give a host, for example `example.org`".to_owned());
    }
    if LONGEST < text.len() {
        return Err(BadName::TooLong.to_string());
    }
    if let Some(tool) = text.strip_prefix("tool:") {
        return tool.parse().map(Entry::Tool);
    }
    if text.contains("://") || text.contains(['@', '?', '#', ' ']) {
        return Err("give the host only, without scheme, user or path".to_owned());
    }
    if let Ok(network) = network(text) {
        return Ok(Entry::Network(network?, Ports::Web));
    }
    let (host, ports) = split(text)?;
    if let Ok(network) = network(host) {
        return Ok(Entry::Network(network?, ports));
    }
    named(host, ports)
}

/// Takes the port off the end. Brackets keep the colons of an IPv6 address together.
fn split(text: &str) -> Result<(&str, Ports), String> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or("the bracket is not closed: `[2001:db8::1]:443`")?;
        if host.contains('.') && !host.contains(':') {
            return Err("brackets are for IPv6 addresses".to_owned());
        }
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, port.parse()?)),
            None if rest.is_empty() => Ok((host, Ports::Web)),
            None => Err("only a port may follow the bracket: `[2001:db8::1]:443`".to_owned()),
        };
    }
    match text.split_once(':') {
        None => Ok((text, Ports::Web)),
        Some((host, port)) if !port.contains(':') => Ok((host, port.parse()?)),
        Some(_) => Err("write an IPv6 address with a port in brackets: `[2001:db8::1]:443`".to_owned()),
    }
}

/// The outer error: it is not written like an address. The inner one: it is, and is wrong.
fn network(text: &str) -> Result<Result<IpNet, String>, ()> {
    let network = match text.parse::<IpNet>() {
        Ok(network) => network,
        Err(_) => IpNet::from(text.parse::<IpAddr>().map_err(drop)?),
    };
    if network != network.trunc() {
        return Ok(Err(format!(
            "bits are set beyond /{0}; write `{1}`",
            network.prefix_len(),
            network.trunc()
        )));
    }
    let canonical = network.addr().to_canonical();
    let network = if canonical == network.addr() { network } else { unmapped(network, canonical) };
    let alone = network.prefix_len() == network.max_prefix_len();
    if closed::sealed(network.addr())
        && (alone || closed::block(network.addr()).is_some_and(|block| block.contains(&network)))
    {
        let what = match closed::metadata(network.addr()) {
            true => "link-local addresses and metadata services, which give a machine's credentials away,",
            false => "loopback and multicast addresses",
        };
        return Ok(Err(format!("{what} are never relayed to; remove it")));
    }
    Ok(Ok(network))
}

/// `::ffff:192.0.2.1` is an IPv4 address.
fn unmapped(network: IpNet, address: IpAddr) -> IpNet {
    IpNet::new(address, network.prefix_len().saturating_sub(96)).unwrap_or(network)
}

fn named(host: &str, ports: Ports) -> Result<Entry, String> {
    if host.contains('/') {
        return Err(
            "give the host only, without a path; a range of addresses is written `192.0.2.0/24`".to_owned()
        );
    }
    let (parent, below) = host.strip_prefix("*.").map_or((host, false), |parent| (parent, true));
    if parent.contains('*') {
        let why = "a `*` may only be the first part, before a name: `*.example.org`";
        return Err(why.to_owned());
    }
    let name = Name::parse(parent).map_err(|why| why.to_string())?;
    Ok(if below { Entry::Below(name, ports) } else { Entry::Name(name, ports) })
}

impl FromStr for Ports {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(port) if digits && port != 0 => Ok(Self::One(port)),
            _ => Err("the port is a number from 1 to 65535, or `*`".to_owned()),
        }
    }
}

impl FromStr for Tool {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "npm" => Ok(Self::Npm),
            "pip" => Ok(Self::Pip),
            "apt" => Ok(Self::Apt),
            "cargo" => Ok(Self::Cargo),
            _ => Err("known tools are `tool:npm`, `tool:pip`, `tool:apt` and `tool:cargo`".to_owned()),
        }
    }
}
