//! Where an executor listens, in the one form that the store, the API and the client share.

use std::{fmt, net::IpAddr, str::FromStr};

use url::Host;

/// An executor's address. On loopback it is spoken to in plain HTTP; anywhere else in TLS, whatever is in between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    host: Host,
    port: u16,
}

/// A text that is no endpoint.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not HOST:PORT")]
pub struct Malformed(String);

impl Endpoint {
    /// The endpoint at this host and port.
    #[must_use]
    pub const fn new(host: Host, port: u16) -> Self {
        Self { host, port }
    }

    /// The host as a connection is opened to it: without the brackets of an IPv6 address.
    pub(crate) fn dialled(&self) -> (String, u16) {
        let host = match &self.host {
            Host::Domain(name) => name.clone(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        };
        (host, self.port)
    }

    /// Whether nothing but this machine is in between. A name never is: whoever answers for it decides.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }
}

/// Whether a host is this machine, by its address.
#[must_use]
pub fn is_loopback(host: &Host) -> bool {
    match host {
        Host::Domain(_) => false,
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

/// The host that an address is.
#[must_use]
pub const fn host_of(address: IpAddr) -> Host {
    match address {
        IpAddr::V4(address) => Host::Ipv4(address),
        IpAddr::V6(address) => Host::Ipv6(address),
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl FromStr for Endpoint {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let parsed = text
            .rsplit_once(':')
            .and_then(|(host, port)| Some(Self { host: Host::parse(host).ok()?, port: port.parse().ok()? }));
        parsed.ok_or_else(|| Malformed(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back_and_only_loopback_is_in_clear() {
        for (text, is_loopback) in [
            ("127.0.0.1:49153", true),
            ("[::1]:49153", true),
            ("10.231.0.2:49153", false),
            ("[2001:db8::1]:49153", false),
            ("engine.internal:49153", false),
            ("localhost:49153", false),
            ("0.0.0.0:49153", false),
        ] {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!((endpoint.to_string().as_str(), endpoint.is_loopback()), (text, is_loopback));
        }
        for text in ["", "127.0.0.1", "127.0.0.1:", "::1:80", "127.0.0.1:70000", "a b:1"] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }
}
