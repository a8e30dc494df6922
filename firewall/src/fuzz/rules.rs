//! Host rules.

use std::net::IpAddr;

use crate::policy::{Entry, Name, Policy};

/// What no rule opens: loopback, the unspecified address, multicast, broadcast, metadata, however they are written.
const SEALED: [&str; 12] = [
    "127.0.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "ff02::1",
    "::ffff:127.0.0.1",
    "169.254.169.254",
    "100.100.100.200",
    "fe80::1",
    "fd00:ec2::254",
];
/// What only a rule within the same block opens.
const CLOSED: [(&str, &str); 2] = [("10.0.0.1", "10."), ("192.168.0.1", "192.168.")];

/// Ports with a meaning, their neighbours and the ends.
const PORTS: [u16; 10] = [0, 1, 22, 79, 80, 81, 443, 444, 8443, u16::MAX];

/// A host rule: it reads as it is shown, and permits what it says and nothing else.
///
/// # Panics
/// When it does not.
pub fn host_rules(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match Entry::parse(&text) {
        Err(refused) => {
            let printable = refused.entry.bytes().all(|byte| (b' '..=b'~').contains(&byte));
            assert!(printable && refused.entry.len() <= 300 && !refused.why.is_empty(), "{refused:?}");
        }
        Ok(entry) => {
            assert_eq!(Entry::parse(&entry.to_string()).as_ref(), Ok(&entry), "it is shown otherwise");
            permits_only_itself(&entry);
        }
    }
}

fn permits_only_itself(entry: &Entry) {
    let policy = Policy::new(vec![entry.clone()]);
    let address = |text: &str| text.parse::<IpAddr>().expect(text);
    let all = |permits: &dyn Fn(u16) -> bool| PORTS.into_iter().any(permits);
    assert!(SEALED.iter().all(|text| !policy.address(address(text))), "{entry} opens what is sealed");
    for (closed, block) in CLOSED {
        assert!(
            !policy.address(address(closed)) || entry.to_string().starts_with(block),
            "{entry}: {closed}"
        );
    }
    match entry {
        Entry::Name(name, ports) => {
            assert!(PORTS.into_iter().all(|port| policy.permits_name(name, port) == ports.contains(port)));
            for other in others(name) {
                assert!(!policy.name(&other) && !all(&|port| policy.permits_name(&other, port)), "{other}");
            }
        }
        Entry::Below(parent, _) => {
            assert!(!policy.name(parent), "a name lies below itself");
            for other in others(parent) {
                let below = other.as_str().ends_with(&format!(".{parent}"));
                assert_eq!(policy.name(&other), below, "{other}");
            }
        }
        Entry::Network(network, ports) => {
            for address in [network.addr(), network.broadcast()] {
                let permitted = |port| policy.permits_address(address, port);
                assert!(
                    PORTS
                        .into_iter()
                        .all(|port| permitted(port) == (policy.address(address) && ports.contains(port)))
                );
            }
        }
        Entry::Tool(_) => {
            let name = Name::ascii("registry.example").expect("a name");
            assert!(!policy.name(&name) && !policy.address(address("192.0.2.1")), "a tool opens something");
        }
    }
}

/// Names that look like this one and are another.
fn others(name: &Name) -> impl Iterator<Item = Name> {
    let parent = name.as_str().split_once('.').map_or("example", |(_, parent)| parent);
    let texts =
        [format!("x.{name}"), format!("x{name}"), format!("{name}x"), format!("{name}.x"), parent.to_owned()];
    let others = texts.into_iter().filter_map(|text| Name::ascii(&text).ok());
    let name = name.clone();
    others.filter(move |other| *other != name)
}
