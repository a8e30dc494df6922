//! One host rule as a person writes it: `example.org`, `*.example.org:8443`, `10.0.0.0/8:5432`, `tool:npm`.

use std::{fmt, net::IpAddr, str::FromStr};

use ipnet::IpNet;

use super::{closed, name::Name};

mod read;

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
        read::entry(text.trim()).map_err(|why| Refused { entry: printable(text, read::LONGEST), why })
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
