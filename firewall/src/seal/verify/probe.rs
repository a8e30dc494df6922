//! What is tried, and how it may end.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

/// The engine's DNS server in networks that people define.
const ENGINE_DNS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 11));
/// From the ranges reserved for documentation: nobody's.
const NOBODY: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const NOBODY_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));
const DNS: u16 = 53;
/// What the gate is asked for; a name that cannot exist.
const DOMAIN: &str = "verify.caisson.invalid";

/// How something is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// A datagram that is no question: the kernel refuses it.
    Datagram,
    /// A connection: the relay answers it.
    Connection,
    /// A question: the gate answers it.
    Question,
    /// The same over TCP.
    LongQuestion,
}

/// One attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Probe {
    pub(super) how: How,
    pub(super) to: SocketAddr,
}

/// How an attempt ended, as far as that is fine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// By us.
    Refused,
    /// There is no way there at all.
    NoRoute,
}

/// Everything that is tried in a container with these neighbours.
pub(super) fn all(neighbours: &[IpAddr]) -> Vec<Probe> {
    let strangers = || neighbours.iter().copied().chain([NOBODY, NOBODY_V6]);
    let probe = |how, port| move |address| Probe { how, to: SocketAddr::new(address, port) };
    let mut probes = vec![probe(How::Question, DNS)(ENGINE_DNS), probe(How::LongQuestion, DNS)(NOBODY)];
    probes.extend(strangers().map(probe(How::Question, DNS)));
    probes.extend(strangers().map(probe(How::Datagram, 443)));
    probes.extend(strangers().map(probe(How::Connection, 443)));
    probes
}

impl Probe {
    /// The name that is asked for: another one each time, so that each answer is known to be the gate's.
    pub(super) fn name(&self) -> String {
        let address = self.to.ip().to_string().replace(['.', ':'], "-");
        let kind = if self.how == How::LongQuestion { "tcp" } else { "udp" };
        // A label may not be empty; `::1` would begin with a hyphen, which is fine.
        format!("{kind}{address}.{DOMAIN}")
    }

    /// What gate or relay keep of this, once they have refused it.
    pub(super) fn recorded(&self) -> Option<(String, Option<u16>)> {
        match self.how {
            How::Datagram => None,
            How::Connection => Some((self.to.ip().to_string(), Some(self.to.port()))),
            How::Question | How::LongQuestion => Some((self.name(), None)),
        }
    }
}

impl How {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Datagram, "datagram"),
        (Self::Connection, "connection"),
        (Self::Question, "question"),
        (Self::LongQuestion, "long-question"),
    ];
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = How::ALL.iter().find(|(how, _)| *how == self.how).map_or("?", |(_, word)| word);
        write!(f, "{how}@{}", self.to)
    }
}

impl FromStr for Probe {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || format!("`{text}` is no attempt");
        let (word, to) = text.split_once('@').ok_or_else(unknown)?;
        let (how, _) = *How::ALL.iter().find(|(_, known)| *known == word).ok_or_else(unknown)?;
        Ok(Self { how, to: to.parse().map_err(|_| unknown())? })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "refused",
            Self::NoRoute => "no-route",
        })
    }
}

impl FromStr for Outcome {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "refused" => Ok(Self::Refused),
            "no-route" => Ok(Self::NoRoute),
            _ => Err(format!("`{text}` is no outcome")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_survive_the_way_to_the_agents_process() {
        for probe in all(&["172.18.0.1".parse().unwrap(), "2001:db8:7::1".parse().unwrap()]) {
            assert_eq!(probe.to_string().parse(), Ok(probe));
        }
    }
}
