//! Pure but for the book: who may go where. The sentences say what to do about it.

use std::net::SocketAddr;

use crate::{
    border::Border,
    policy::{self, Name},
};

/// A refusal: of which host, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Denial {
    pub(super) host: String,
    pub(super) why: String,
}

/// What the destination alone decides.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// An entry names this address: whatever is said there.
    Named,
    /// The gate gave this address for these names: it depends on what is asked for.
    Ask(Vec<Name>),
    /// No.
    Deny(Denial),
}

/// Looks at the original destination.
pub(super) fn by_destination(border: &Border, to: SocketAddr) -> Verdict {
    let (address, port) = (to.ip(), to.port());
    let deny = |host: String, why: String| Verdict::Deny(Denial { host, why });
    if policy::metadata(address) {
        let why = format!("{address} is a link-local address or a metadata service, which nothing opens");
        return deny(address.to_string(), why);
    }
    if border.is_sealed(address) {
        return deny(address.to_string(), format!("{address} is this container itself or no single host"));
    }
    let policy = border.policy();
    if policy.permits_address(address, port) {
        return Verdict::Named;
    }
    let names = border.names(address);
    if border.is_closed(address) {
        let host = names.first().map_or_else(|| address.to_string(), Name::to_string);
        let why = format!(
            "{address} is a private or local address, which no name opens; allow {} itself",
            with_port(address, port)
        );
        return deny(host, why);
    }
    let permitted: Vec<Name> = names.iter().filter(|name| policy.permits_name(name, port)).cloned().collect();
    match (names.first(), permitted.is_empty()) {
        (_, false) => Verdict::Ask(permitted),
        (Some(name), true) => deny(name.to_string(), not_allowed(name, port)),
        (None, true) => deny(
            address.to_string(),
            format!(
                "no allowed name was looked up for this address; allow its name, or {}",
                with_port(address, port)
            ),
        ),
    }
}

/// Looks at the name that was asked for.
pub(super) fn by_name(border: &Border, name: &Name, port: u16) -> Result<(), Denial> {
    if border.policy().permits_name(name, port) {
        return Ok(());
    }
    Err(Denial { host: name.to_string(), why: not_allowed(name, port) })
}

fn not_allowed(name: &Name, port: u16) -> String {
    match port {
        80 | 443 => format!("{name} is not allowed; allow it by this name"),
        port => format!("{name} is not allowed at port {port}; allow {name}:{port}"),
    }
}

fn with_port(address: std::net::IpAddr, port: u16) -> String {
    match port {
        80 | 443 => address.to_string(),
        port => SocketAddr::new(address, port).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::own::Own;

    fn border(entries: &[&str]) -> Border {
        let own = Own::of(vec!["172.18.0.5/16".parse().unwrap(), "198.51.100.2/30".parse().unwrap()]);
        let border = Border::new(own);
        border.allow(&entries.iter().map(|&entry| entry.to_owned()).collect::<Vec<_>>());
        border
    }

    fn denied(border: &Border, to: &str) -> String {
        match by_destination(border, to.parse().unwrap()) {
            Verdict::Deny(denial) => format!("{}: {}", denial.host, denial.why),
            other => panic!("{to}: {other:?}"),
        }
    }

    #[test]
    fn an_address_that_the_gate_did_not_give_is_refused_even_if_its_name_is_allowed() {
        let border = border(&["example.org"]);
        assert!(denied(&border, "192.0.2.1:443").starts_with("192.0.2.1: no allowed name"));
        border.given("192.0.2.1".parse().unwrap(), &Name::ascii("example.org").unwrap());
        let verdict = by_destination(&border, "192.0.2.1:443".parse().unwrap());
        assert_eq!(verdict, Verdict::Ask(vec![Name::ascii("example.org").unwrap()]));
        assert!(denied(&border, "192.0.2.1:22").ends_with("allow example.org:22"));
        border.allow(&[]);
        assert!(denied(&border, "192.0.2.1:443").starts_with("example.org: "));
    }

    #[test]
    fn a_name_never_opens_a_closed_address_and_nothing_opens_the_container_itself() {
        let border = border(&[
            "example.org:*",
            "10.0.0.1:5432",
            "172.16.0.0/12:*",
            "198.51.100.0/24:*",
            "0.0.0.0/0:*",
        ]);
        for address in
            ["10.0.0.1", "169.254.169.254", "::ffff:10.0.0.1", "fd00:ec2::254", "127.0.0.1", "172.18.0.5"]
        {
            border.given(address.parse().unwrap(), &Name::ascii("example.org").unwrap());
            denied(&border, &SocketAddr::new(address.parse().unwrap(), 443).to_string());
        }
        for named in ["10.0.0.1:5432", "[::ffff:10.0.0.1]:5432", "172.18.0.1:22", "192.0.2.7:1"] {
            assert_eq!(by_destination(&border, named.parse().unwrap()), Verdict::Named, "{named}");
        }
        for port in [7335, 7336, 7337, 7353] {
            denied(&border, &format!("172.18.0.5:{port}"));
            denied(&border, &format!("127.0.0.1:{port}"));
            denied(&border, &format!("[::1]:{port}"));
            denied(&border, &format!("[::ffff:127.0.0.1]:{port}"));
            denied(&border, &format!("0.0.0.0:{port}"));
        }
    }
}
