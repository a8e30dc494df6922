//! Every spelling of an address that is not connected to, and what the operator's names open.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use proptest::prelude::*;
use tokio::net::TcpListener;
use url::Url;

use super::{
    dial::{Error, Way, refusal},
    judge::{Judge, Refused},
    named::Named,
};
use crate::app::repository;

fn judge(named: &[&str]) -> Judge {
    Judge::new(named.iter().map(|text| text.parse().unwrap()).collect())
}

fn way(named: &[&str]) -> Way {
    let named = named.iter().map(|text| text.parse().unwrap()).collect();
    Way::new(named, reqwest::Client::new(), || reqwest::Client::builder().timeout(Duration::from_secs(20)))
        .unwrap()
}

/// What becomes of a repository as people write it.
fn check(judge: &Judge, repository: &str) -> Result<(), Refused> {
    judge.url(&repository::parse(repository).unwrap_or_else(|why| panic!("{repository}: {why}")))
}

/// Written in every way that a URL or a resolver reads as this address.
fn spellings(address: Ipv4Addr) -> Vec<String> {
    let [a, b, c, d] = address.octets();
    let (number, tail, three) =
        (address.to_bits(), address.to_bits() & 0xff_ffff, u32::from(c) << 8 | u32::from(d));
    vec![
        address.to_string(),
        format!("{address}."),
        number.to_string(),
        format!("{number:#x}"),
        format!("0X{number:X}"),
        format!("0{number:o}"),
        format!("{a}.{tail}"),
        format!("{a}.{b}.{three}"),
        format!("{a:#x}.{b:#x}.{c:#x}.{d:#x}"),
        format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}"),
        format!("{a:#x}.0{b:o}.{three}"),
    ]
}

/// The same inside of IPv6.
fn embedded(address: Ipv4Addr) -> Vec<String> {
    let bits = address.to_bits();
    let (high, low) = (bits >> 16, bits & 0xffff);
    vec![
        format!("[::ffff:{address}]"),
        format!("[0:0:0:0:0:FFFF:{high:X}:{low:x}]"),
        format!("[::{address}]"),
        format!("[64:ff9b::{address}]"),
        format!("[2002:{high:x}:{low:x}::1]"),
    ]
}

const NEVER: [Ipv4Addr; 8] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 1, 2),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(192, 0, 0, 192),
    Ipv4Addr::new(0, 1, 2, 3),
    Ipv4Addr::new(224, 0, 0, 1),
    Ipv4Addr::BROADCAST,
];
const CLOSED: [Ipv4Addr; 11] = [
    Ipv4Addr::LOCALHOST,
    Ipv4Addr::new(127, 255, 0, 3),
    Ipv4Addr::new(10, 1, 2, 3),
    Ipv4Addr::new(172, 16, 0, 9),
    Ipv4Addr::new(172, 31, 255, 1),
    Ipv4Addr::new(192, 168, 7, 7),
    Ipv4Addr::new(100, 64, 0, 1),
    Ipv4Addr::new(192, 0, 0, 9),
    Ipv4Addr::new(198, 18, 0, 1),
    Ipv4Addr::new(198, 19, 255, 1),
    Ipv4Addr::new(240, 0, 0, 1),
];
const EVERYTHING: [&str; 2] = ["0.0.0.0/0", "::/0"];

#[test]
fn no_spelling_of_an_address_that_nothing_opens_is_connected_to() {
    let (nobody, everything) = (judge(&[]), judge(&EVERYTHING));
    let written = NEVER.into_iter().flat_map(|it| [spellings(it), embedded(it)].concat());
    let more = [
        "[fe80::1]",
        "[fe80::a9fe:a9fe]",
        "[febf::1]",
        "[fd00:ec2::254]",
        "[fd00:ec2::23]",
        "[fd20:ce::254]",
        "[fd00:42::42]",
        "[::]",
        "[ff02::1]",
        "0",
        "[64:ff9b:1::169.254.169.254]",
        "[::ffff:0:169.254.169.254]",
        "１６９.２５４.１６９.２５４",
    ];
    for host in written.chain(more.map(str::to_owned)) {
        for repository in [format!("http://{host}:8080/o/r"), format!("https://{host}/o/r")] {
            for judge in [&nobody, &everything] {
                let refused = check(judge, &repository).expect_err(&repository);
                assert!(matches!(refused, Refused::Never { .. }), "{repository}: {refused}");
            }
        }
    }
    for host in NEVER.into_iter().flat_map(spellings) {
        let repository = format!("ssh://git@{}/o/r", host.trim_end_matches('.'));
        assert!(matches!(check(&everything, &repository), Err(Refused::Never { .. })), "{repository}");
    }
}

#[test]
fn loopback_and_private_addresses_are_connected_to_only_where_they_are_named() {
    let (nobody, everything) = (judge(&[]), judge(&EVERYTHING));
    let written = CLOSED.into_iter().flat_map(|it| [spellings(it), embedded(it)].concat());
    let more = [
        "[::1]",
        "[fd12:3456::1]",
        "[fc00::1]",
        "[fec0::1]",
        "[2001:0:1::1]",
        "localhost",
        "LocalHost.",
        "a.localhost",
        "１２７.1",
    ];
    for host in written.chain(more.map(str::to_owned)) {
        let repository = format!("http://{host}:8080/o/r");
        let refused = check(&nobody, &repository).expect_err(&repository);
        assert!(matches!(refused, Refused::Private { port: 8080, .. }), "{repository}: {refused}");
        assert_eq!(check(&everything, &repository), Ok(()), "{repository}");
    }
    for host in CLOSED.into_iter().flat_map(spellings).chain(["localhost".to_owned()]) {
        let short = format!("git@{host}:o/r");
        assert!(matches!(check(&nobody, &short), Err(Refused::Private { port: 22, .. })), "{short}");
    }
    for public in [
        "https://github.com/o/r",
        "http://93.184.216.34/o/r",
        "https://[2606:4700::1]/o/r",
        "git@example.org:o/r",
        "https://127.0.0.1.example/o/r",
        "https://169.254.169.254.example/o/r",
    ] {
        assert_eq!(check(&nobody, public), Ok(()), "{public}");
    }
}

#[test]
fn a_name_opens_itself_at_its_port_and_nothing_else() {
    let judge = judge(&["git.internal", "10.1.2.0/24", "localhost:8080", "[fd00::1]:3000", "10.9.0.1:22"]);
    let ask = |host: &str, port, address: &str| judge.address(host, port, address.parse().unwrap()).is_ok();
    for (host, port, address) in [
        ("git.internal", 443, "10.0.0.1"),
        ("GIT.internal.", 22, "127.0.0.1"),
        ("10.1.2.9", 3000, "10.1.2.9"),
        ("other.internal", 3000, "10.1.2.9"),
        ("[::ffff:a01:209]", 80, "::ffff:10.1.2.9"),
        ("localhost", 8080, "127.0.0.1"),
        ("localhost", 8080, "::1"),
        ("[fd00::1]", 3000, "fd00::1"),
        ("ten.nine", 22, "10.9.0.1"),
    ] {
        assert!(ask(host, port, address), "{host} {port} {address}");
    }
    for (host, port, address) in [
        ("git.internal", 443, "169.254.169.254"),
        ("git.internal", 443, "fe80::1"),
        ("git.internal", 443, "0.0.0.0"),
        ("xgit.internal", 443, "10.0.0.1"),
        ("a.git.internal", 443, "10.0.0.1"),
        ("git.internal.example", 443, "10.0.0.1"),
        ("10.1.3.1", 443, "10.1.3.1"),
        ("localhost", 8081, "127.0.0.1"),
        ("127.0.0.1", 8080, "127.0.0.1"),
        ("[fd00::1]", 3001, "fd00::1"),
        ("[fd00::2]", 3000, "fd00::2"),
        ("ten.nine", 23, "10.9.0.1"),
    ] {
        assert!(!ask(host, port, address), "{host} {port} {address}");
    }
}

#[test]
fn of_several_addresses_those_that_are_open_are_left() {
    let found = |addresses: &[&str]| -> Vec<SocketAddr> {
        addresses.iter().map(|it| SocketAddr::new(it.parse().unwrap(), 0)).collect()
    };
    let open = |addresses: &[&str]| judge(&[]).open("git.example", 443, found(addresses).into_iter());
    let mixed = open(&["10.0.0.1", "93.184.216.34", "169.254.169.254", "::1"]).unwrap();
    assert_eq!(mixed, found(&["93.184.216.34"]));
    assert_eq!(open(&[]).unwrap(), []);
    let refused = open(&["10.0.0.1", "::1"]).unwrap_err().to_string();
    let expected = "git.example resolves to 10.0.0.1, a loopback or private address, to which Caisson connects only \
                    where the operator of this server names it: git.example:443 in CAISSON_GIT_PRIVATE, or a \
                    credential for it in CAISSON_GIT_CREDENTIALS";
    assert_eq!(refused, expected);
    let refused = check(&judge(&[]), "http://169.254.169.254/latest/meta-data").unwrap_err().to_string();
    assert!(
        refused.starts_with("169.254.169.254 is a link-local address, the metadata service"),
        "{refused}"
    );
}

#[tokio::test]
async fn what_is_not_named_is_not_connected_to_by_name_or_by_number() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (nobody, named) = (way(&[]), way(&[&format!("localhost:{port}"), &format!("127.0.0.1:{port}")]));
    let url = |host: &str| format!("http://{host}:{port}/o/r").parse::<Url>().unwrap();
    let numbers = ["127.0.0.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "localhost"].map(url);
    for number in &numbers {
        assert!(nobody.client(number).await.is_err() && nobody.look(number).await.is_err(), "{number}");
    }
    // A name is judged where it is resolved, which is where the connection begins.
    let public = nobody.client(&url("git.example")).await.unwrap();
    let error = public.get(url("localhost")).send().await.unwrap_err();
    assert!(matches!(refusal(&error), Some(Refused::Private { .. })), "{error:?}");
    let other = named.client(&url("git.example").join("//git.example:1/").unwrap()).await.unwrap();
    let error = other.get(url("localhost")).send().await.unwrap_err();
    assert!(refusal(&error).is_some(), "a client of another port: {error:?}");
    for ssh in ["ssh://git@2130706433", "ssh://git@localhost", "ssh://git@0x7f.1", "ssh://git@127.1"] {
        let ssh = format!("{ssh}:{port}/o/r").parse().unwrap();
        assert!(matches!(nobody.dial(&ssh).await, Err(Error::Refused(Refused::Private { .. }))), "{ssh}");
    }
    let waiting = tokio::time::timeout(Duration::ZERO, listener.accept()).await;
    assert!(waiting.is_err(), "somebody connected");
    // The control: the same with a name.
    let ssh = format!("ssh://git@localhost:{port}/o/r").parse().unwrap();
    let (connected, accepted) = tokio::join!(named.dial(&ssh), listener.accept());
    assert!(connected.is_ok() && accepted.is_ok());
    let client = named.client(&url("localhost")).await.unwrap();
    let asked = client.get(url("localhost")).send();
    tokio::select! {
        answer = asked => panic!("nobody answers: {answer:?}"),
        accepted = listener.accept() => assert!(accepted.is_ok()),
    }
}

proptest! {
    #[test]
    fn no_spelling_of_a_closed_address_is_taken_for_an_open_one(bits in any::<u32>(), octet in 0usize..20) {
        // Every second address lies in a block that something closes.
        let first = [0, 10, 100, 127, 169, 172, 192, 198, 224, 240].get(octet);
        let address = first.map_or(bits, |first| bits & 0xff_ffff | first << 24);
        let address = Ipv4Addr::from_bits(address);
        let judge = judge(&[]);
        let verdict = judge.address("x", 80, address.into()).is_ok();
        for host in [spellings(address), embedded(address)].concat() {
            let url: Url = format!("http://{host}/o/r").parse().unwrap();
            prop_assert_eq!(judge.url(&url).is_ok(), verdict, "{}", host);
        }
    }

    #[test]
    fn nothing_opens_metadata(bits in any::<u128>(), low in any::<u16>(), prefix in 0u8..=128) {
        let local = Ipv4Addr::from_bits(0xa9fe_0000 | u32::from(low));
        let link = Ipv6Addr::from_bits(bits >> 10 | 0xfe80 << 112);
        let range = ipnet::Ipv6Net::new(link, prefix).unwrap().trunc().to_string();
        let named: Vec<Named> = [range.as_str(), "0.0.0.0/0", "::/0"].iter().filter_map(|text| text.parse().ok()).collect();
        let judge = Judge::new(named);
        for address in [IpAddr::from(local), local.to_ipv6_mapped().into(), link.into()] {
            prop_assert!(judge.address("git.internal", 443, address).is_err(), "{}", address);
        }
    }
}
