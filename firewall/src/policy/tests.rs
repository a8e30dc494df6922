//! What entries mean, what they refuse, and what always holds.

use proptest::prelude::*;

use super::*;

fn policy(entries: &[&str]) -> Policy {
    Policy::new(entries.iter().map(|entry| Entry::parse(entry).unwrap()).collect())
}

fn name(text: &str) -> Name {
    Name::ascii(text).unwrap()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn a_name_allows_itself_at_the_ports_of_the_web() {
    let policy = policy(&["Example.ORG."]);
    assert!(policy.permits_name(&name("example.org"), 80) && policy.permits_name(&name("EXAMPLE.org."), 443));
    assert!(!policy.permits_name(&name("example.org"), 22));
    assert!(!policy.name(&name("a.example.org")) && !policy.name(&name("notexample.org")));
}

#[test]
fn a_wildcard_allows_what_is_below_and_not_the_name_itself() {
    let policy = policy(&["*.example.org:8443", "*.b.example:*"]);
    assert!(
        policy.permits_name(&name("a.b.c.example.org"), 8443) && policy.permits_name(&name("x.b.example"), 1)
    );
    for other in ["example.org", "xexample.org", "b.example", "example.org.evil.example"] {
        assert!(!policy.name(&name(other)), "{other}");
    }
    assert!(!policy.permits_name(&name("a.example.org"), 443));
}

#[test]
fn addresses_are_allowed_by_range_and_port_in_every_spelling() {
    let policy = policy(&["192.0.2.1", "10.0.0.0/8:5432", "[2001:db8::1]:443", "2001:db8:1::/48"]);
    for (address, port) in [
        ("192.0.2.1", 443),
        ("::ffff:192.0.2.1", 80),
        ("64:ff9b::192.0.2.1", 80),
        ("10.9.8.7", 5432),
        ("2001:db8::1", 443),
        ("2001:db8:1:2::3", 80),
    ] {
        assert!(policy.permits_address(ip(address), port), "{address} {port}");
    }
    for (address, port) in [("192.0.2.1", 22), ("192.0.2.2", 80), ("10.9.8.7", 80), ("2001:db8::1", 80)] {
        assert!(!policy.permits_address(ip(address), port), "{address} {port}");
    }
}

#[test]
fn a_wide_range_does_not_open_what_is_closed() {
    let policy = policy(&["0.0.0.0/0:*", "[::/0]:*", "192.168.7.0/24"]);
    assert!(policy.permits_address(ip("192.0.2.9"), 22) && policy.permits_address(ip("2001:db8::9"), 22));
    assert!(policy.permits_address(ip("192.168.7.1"), 80), "it is named");
    for closed in [
        "10.0.0.1",
        "127.0.0.1",
        "::1",
        "fe80::1",
        "fd00:ec2::254",
        "169.254.1.1",
        "::ffff:10.0.0.1",
        "198.18.0.1",
        "168.63.129.16",
    ] {
        assert!(!policy.permits_address(ip(closed), 22), "{closed}");
    }
    for closed in
        ["64:ff9b::127.0.0.1", "2002:7f00:1::", "2002:a00:1::", "::", "0.0.0.0", "224.0.0.1", "ff02::1"]
    {
        assert!(!policy.permits_address(ip(closed), 22), "{closed}");
    }
}

#[test]
fn no_entry_opens_a_link_local_address_or_a_metadata_service_in_any_spelling() {
    let around = policy(&[
        "100.64.0.0/10:*",
        "168.63.0.0/16:*",
        "192.0.0.0/24:*",
        "[fc00::/7]:*",
        "[64:ff9b:1::/48]:*",
    ]);
    for alone in [
        "169.254.169.254",
        "169.254.0.0/16",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "fe80::a9fe:a9fe",
        "fe80::/10",
        "fd00:ec2::254",
        "fd20:ce::254",
        "fd00:42::42",
        "::ffff:169.254.169.254",
        "::ffff:169.254.0.0/112",
        "64:ff9b::169.254.169.254",
        "2002:a9fe:a9fe::",
        "64:ff9b:1::169.254.169.254",
        "::ffff:0:169.254.169.254",
        "::169.254.169.254",
    ] {
        let refused = Entry::parse(alone).expect_err(alone).to_string();
        assert!(refused.contains("link-local addresses and metadata services"), "{refused}");
        if let Ok(address) = alone.parse() {
            assert!(metadata(address) && sealed(address) && block(address).is_some(), "{alone}");
            assert!(!around.permits_address(address, 80), "{alone}");
        }
    }
    for neighbour in
        ["100.100.100.201", "168.63.129.17", "192.0.0.193", "fd00:ec3::254", "64:ff9b:1::10.0.0.1"]
    {
        assert!(around.permits_address(ip(neighbour), 80) && !metadata(ip(neighbour)), "{neighbour}");
    }
}

#[test]
fn what_is_no_host_rule_is_refused_with_the_remedy() {
    let wrong = [
        "",
        "*",
        "*.*",
        "a.*.example",
        "*example.org",
        "https://example.org",
        "example.org/path",
        "a b",
        "u@h",
        "example.org:0",
        "example.org:99999",
        "example.org:+80",
        "example.org:",
        "a..b",
        ".",
        "-:",
        "127.1",
        "0x7f.0x1",
        "10.1.2.3/8",
        "127.0.0.1",
        "::1",
        "224.0.0.1",
        "2001:db8::/32:443",
        "[2001:db8::1",
        "[2001:db8::1]x",
        "[192.0.2.1]:443",
        "tool:go",
        "host:*:80",
        "*.1.2.3.4",
        "1.2.3.4.5",
        "ex\u{7}mple.org",
        "::ffff:127.0.0.1",
    ];
    let refusals: Vec<String> = wrong.map(|entry| Entry::parse(entry).unwrap_err().to_string()).to_vec();
    insta::assert_snapshot!(refusals.join("\n"));
}

#[test]
fn letters_beyond_ascii_become_punycode() {
    assert_eq!(Entry::parse("*.Bücher.example").unwrap().to_string(), "*.xn--bcher-kva.example");
}

#[test]
fn entries_are_shown_as_they_are_read() {
    for entry in [
        "example.org",
        "*.example.org:443",
        "h.example:*",
        "192.0.2.1",
        "10.0.0.0/8:5432",
        "[2001:db8::1]:443",
        "2001:db8::/32",
        "[2001:db8::/32]:*",
        "tool:npm",
        "tool:cargo",
    ] {
        assert_eq!(Entry::parse(entry).unwrap().to_string(), entry);
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_fail_otherwise_than_with_a_short_printable_sentence(text in ".{0,400}") {
        if let Err(refused) = Entry::parse(&text) {
            prop_assert!(refused.entry.len() <= 300 && refused.entry.chars().all(|c| c == ' ' || c.is_ascii_graphic()));
        }
    }

    #[test]
    fn what_is_shown_reads_back_the_same(text in r"(\*\.)?[a-z0-9.\[\]:/*-]{1,40}(:[0-9*]{1,5})?") {
        if let Ok(entry) = Entry::parse(&text) {
            prop_assert_eq!(Entry::parse(&entry.to_string()), Ok(entry));
        }
    }

    #[test]
    fn a_name_entry_never_allows_an_address(bits in any::<u128>(), port in any::<u16>()) {
        let policy = policy(&["example.org:*", "*.example:*"]);
        prop_assert!(!policy.permits_address(IpAddr::V6(bits.into()), port));
    }

    #[test]
    fn nothing_opens_what_is_sealed(bits in any::<u32>(), port in any::<u16>(), prefix in 0u8..=32) {
        let address = IpAddr::V4(bits.into());
        let entry = ipnet::IpNet::new(address, prefix).unwrap().trunc();
        let policy = Policy::new(vec![Entry::Network(entry, Ports::Any)]);
        if sealed(address) {
            prop_assert!(!policy.permits_address(address, port));
        }
        if block(address).is_none() {
            prop_assert!(policy.permits_address(address, port));
        }
    }
}
