//! What the operator names beyond the public hosts: a host, an address or a range, with a port or without. Pure.

use std::{fmt, net::IpAddr, str::FromStr};

use firewall::policy::{self, Name};
use ipnet::IpNet;
use url::{Host, Url};

/// A host or a range of addresses that git servers may have although they are loopback or private.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    what: What,
    /// `None` is any.
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    Name(Name),
    Network(IpNet),
}

impl Named {
    /// The host and the port of a credential.
    pub(in crate::broker::git) fn of(host: &str, port: u16) -> Option<Self> {
        what(host.trim_matches(['[', ']'])).ok().map(|what| Self { what, port: Some(port) })
    }

    pub(super) const fn port(&self) -> Option<u16> {
        self.port
    }

    /// Whether it is this host, as a URL has it, or this address.
    pub(super) fn is(&self, host: &str, port: u16, address: IpAddr) -> bool {
        let is_it = match &self.what {
            What::Name(name) => Name::ascii(host).is_ok_and(|host| host == *name),
            What::Network(network) => network.contains(&policy::embedded(address)),
        };
        is_it && self.port.is_none_or(|one| one == port)
    }
}

impl FromStr for Named {
    type Err = String;

    /// Reads `git.internal`, `git.internal:3000`, `10.1.2.0/24`, `10.1.2.3:22`, `fd00::/8`, `[fd00::1]:3000`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (host, port) = split(text.trim())?;
        let number =
            |text: &str| text.parse().ok().filter(|port: &u16| *port != 0 && port.to_string() == text);
        let port = match port {
            Some(port) => Some(number(port).ok_or("the port is a number from 1 to 65535")?),
            None => None,
        };
        Ok(Self { what: what(host)?, port })
    }
}

/// Takes the port off the end. Brackets keep the colons of an IPv6 address together.
fn split(text: &str) -> Result<(&str, Option<&str>), &'static str> {
    let Some(inside) = text.strip_prefix('[') else {
        return Ok(match text.split_once(':') {
            Some((host, port)) if !port.contains(':') => (host, Some(port)),
            _ => (text, None),
        });
    };
    let wrong = "brackets are for an IPv6 address before its port: `[fd00::1]:3000`";
    match inside.split_once(']') {
        Some((host, "")) if host.contains(':') => Ok((host, None)),
        Some((host, port)) if host.contains(':') => Ok((host, Some(port.strip_prefix(':').ok_or(wrong)?))),
        _ => Err(wrong),
    }
}

fn what(host: &str) -> Result<What, String> {
    let network = host.parse().or_else(|_| host.parse::<IpAddr>().map(IpNet::from));
    let Ok(network) = network else {
        return Name::parse(host).map(What::Name).map_err(|why| {
            format!("{why}: name a host, an address or a range, such as `git.internal`, `10.1.2.3:3000` or `10.1.2.0/24`")
        });
    };
    if network != network.trunc() {
        return Err(format!("bits are set beyond /{}: write `{}`", network.prefix_len(), network.trunc()));
    }
    let canonical = network.addr().to_canonical();
    let network = match canonical == network.addr() {
        true => network,
        false => IpNet::new(canonical, network.prefix_len().saturating_sub(96)).unwrap_or(network),
    };
    let alone = network.prefix_len() == network.max_prefix_len();
    let within = || policy::block(network.addr()).is_some_and(|block| block.contains(&network));
    if policy::metadata(network.addr()) && (alone || within()) {
        return Err("link-local addresses and metadata services are never connected to: remove it".to_owned());
    }
    Ok(What::Network(network))
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match &self.what {
            What::Name(name) => name.to_string(),
            What::Network(network) if network.prefix_len() == network.max_prefix_len() => {
                network.addr().to_string()
            }
            What::Network(network) => network.to_string(),
        };
        match self.port {
            None => f.write_str(&text),
            Some(port) if text.contains(':') => write!(f, "[{text}]:{port}"),
            Some(port) => write!(f, "{text}:{port}"),
        }
    }
}

/// The address that a URL names without any resolver, in whatever spelling; names that are this machine by
/// definition have one, too.
pub(super) fn literal(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.into()),
        Host::Domain(name) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            if name == "localhost" || name.ends_with(".localhost") {
                return Some(std::net::Ipv4Addr::LOCALHOST.into());
            }
            // URLs of SSH keep `127.1` and `0x7f000001` as they are written, and resolvers read them.
            match Url::parse(&format!("http://{name}/")).ok()?.host()? {
                Host::Ipv4(address) => Some(address.into()),
                Host::Ipv6(_) | Host::Domain(_) => None,
            }
        }
    }
}

#[cfg(test)]
mod tests;
