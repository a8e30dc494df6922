//! One host rule as a person writes it: `example.org`, `*.example.org:8443`, `10.0.0.0/8:5432`, `tool:npm`.

use std::{fmt, net::IpAddr, str::FromStr};

use ipnet::IpNet;

use super::{
    closed,
    name::{BadName, Name},
};

/// The longest entry, in bytes: a name, a wildcard and a port.
const LONGEST: usize = 300;
/// What an entry without a port means: HTTP and HTTPS.
const WEB: [u16; 2] = [80, 443];

/// One host rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Entry {
    /// `example.org`: this name alone.
    Name(Name, Ports),
    /// `*.example.org`: every name below, at any depth, but not the name itself.
    Below(Name, Ports),
    /// `192.0.2.1`, `10.0.0.0/8`, `[2001:db8::1]:443`: addresses.
    Network(IpNet, Ports),
    /// `tool:npm`: the hosts this tool is set up for in the container.
    Tool(Tool),
}

/// The ports an entry allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ports {
    /// No port was named: 80 and 443.
    Web,
    /// One port.
    One(u16),
    /// `:*`, every port.
    Any,
}

/// A package manager whose own settings say which hosts it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tool {
    /// `tool:npm`
    Npm,
    /// `tool:pip`
    Pip,
    /// `tool:apt`
    Apt,
    /// `tool:cargo`
    Cargo,
}

/// Why an entry is none: the entry and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{entry}` is no host rule: {why}")]
pub struct Refused {
    /// The entry, shortened and without anything but printable ASCII.
    pub entry: String,
    /// The sentence with the remedy.
    pub why: String,
}

impl Entry {
    /// Reads one entry.
    ///
    /// # Errors
    /// With the remedy, when it is none.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        read(text.trim()).map_err(|why| Refused { entry: printable(text, LONGEST), why })
    }

    pub(super) fn names(&self, name: &Name) -> bool {
        match self {
            Self::Name(allowed, _) => allowed == name,
            Self::Below(parent, _) => name.is_below(parent),
            Self::Network(..) | Self::Tool(_) => false,
        }
    }

    /// A range that holds a closed block opens the rest of itself only: `0.0.0.0/0` is no way to metadata.
    pub(super) fn covers(&self, address: IpAddr) -> bool {
        let Self::Network(network, _) = self else { return false };
        let address = closed::embedded(address);
        network.contains(&address)
            && !closed::sealed(address)
            && closed::block(address).is_none_or(|block| block.contains(network))
    }

    pub(super) const fn ports(&self) -> Ports {
        match self {
            Self::Name(_, ports) | Self::Below(_, ports) | Self::Network(_, ports) => *ports,
            Self::Tool(_) => Ports::Web,
        }
    }
}

impl Ports {
    /// Whether this port is one of them.
    #[must_use]
    pub fn contains(self, port: u16) -> bool {
        match self {
            Self::Web => WEB.contains(&port),
            Self::One(one) => one == port,
            Self::Any => true,
        }
    }
}

/// Printable ASCII only and at most `longest` bytes: safe to show, whoever wrote it.
#[must_use]
pub(crate) fn printable(text: &str, longest: usize) -> String {
    text.chars().take(longest).map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect()
}

fn read(text: &str) -> Result<Entry, String> {
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
    let canonical = network.addr().to_canonical();
    let network = if canonical == network.addr() { network } else { unmapped(network, canonical) };
    if network != network.trunc() {
        return Ok(Err(format!(
            "bits are set beyond /{0}; write `{1}`",
            network.prefix_len(),
            network.trunc()
        )));
    }
    if closed::sealed(network.addr()) && closed::block(network.addr()).is_some_and(|b| b.contains(&network)) {
        return Ok(Err("loopback and multicast addresses are never relayed to; remove it".to_owned()));
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

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Npm => "npm",
            Self::Pip => "pip",
            Self::Apt => "apt",
            Self::Cargo => "cargo",
        })
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Web => Ok(()),
            Self::One(port) => write!(f, ":{port}"),
            Self::Any => f.write_str(":*"),
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name, ports) => write!(f, "{name}{ports}"),
            Self::Below(name, ports) => write!(f, "*.{name}{ports}"),
            Self::Network(network, ports) => {
                let single = network.prefix_len() == network.max_prefix_len();
                let text = if single { network.addr().to_string() } else { network.to_string() };
                match (network, ports) {
                    (IpNet::V6(_), Ports::One(_) | Ports::Any) => write!(f, "[{text}]{ports}"),
                    _ => write!(f, "{text}{ports}"),
                }
            }
            Self::Tool(tool) => write!(f, "tool:{tool}"),
        }
    }
}

impl FromStr for Entry {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        Self::parse(text)
    }
}
