//! Tables: which hosts are ours, which pages are our own, whose address is believed.

use axum::body::Body;

use super::*;

fn guard(listen: &str, allowed: &[&str], trusted_proxy: bool) -> Guard {
    let allowed = allowed.iter().map(|host| (*host).to_owned()).collect();
    Guard { listen: listen.parse().unwrap(), allowed, trusted_proxy }
}

fn request(path: &str, headers: &[(&str, &str)]) -> Request {
    let request = Request::builder().uri(path);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.body(Body::empty()).unwrap()
}

#[test]
fn only_a_host_that_is_ours_is_answered() {
    let local = guard("127.0.0.1:7334", &["caisson.example", "other.example:8443"], false);
    let open = guard("0.0.0.0:7334", &[], false);
    let one = guard("192.0.2.7:7334", &[], false);
    let table = [
        (&local, "localhost:7334", true),
        (&local, "LocalHost", true),
        (&local, "127.0.0.1:7334", true),
        (&local, "127.8.8.8", true),
        (&local, "[::1]:7334", true),
        (&local, "[::ffff:127.0.0.1]", true),
        (&local, "caisson.example", true),
        (&local, "Caisson.Example:443", true),
        (&local, "other.example:8443", true),
        (&local, "other.example", false),
        (&local, "evil.example:7334", false),
        (&local, "localhost.evil.example", false),
        (&local, "127.0.0.1.evil.example", false),
        (&local, "192.0.2.7", false),
        (&local, "evil.example@localhost", false),
        (&open, "192.0.2.7:7334", true),
        (&open, "rebound.example", false),
        (&one, "192.0.2.7:7334", true),
        (&one, "192.0.2.8:7334", false),
    ];
    for (guard, host, ours) in table {
        assert_eq!(guard.check(&request("/", &[("host", host)])).is_ok(), ours, "{host}");
    }
}

#[test]
fn a_request_with_no_host_or_with_two_is_refused_and_told_the_setting() {
    let guard = guard("127.0.0.1:7334", &[], false);
    for headers in [&[][..], &[("host", "localhost"), ("host", "localhost")]] {
        let refused = guard.check(&request("/health", headers)).unwrap_err();
        assert!(refused.to_string().contains("CAISSON_ALLOWED_HOSTS"), "{refused}");
    }
}

#[test]
fn only_our_own_pages_may_call() {
    let guard = guard("127.0.0.1:7334", &["dev.example:8080"], true);
    let table = [
        ("localhost:7334", "http://localhost:7334", true),
        ("localhost:7334", "http://LOCALHOST:7334", true),
        ("localhost", "https://localhost", true),
        ("localhost:443", "https://localhost", true),
        ("localhost:7334", "http://dev.example:8080", true),
        ("localhost:7334", "http://localhost:3000", false),
        ("localhost:7334", "http://localhost", false),
        ("localhost:7334", "http://127.0.0.1:7334", false),
        ("localhost:7334", "https://evil.example", false),
        ("localhost:7334", "null", false),
        ("localhost:7334", "", false),
        ("localhost:7334", "file://localhost:7334", false),
    ];
    for (host, origin, own) in table {
        for path in ["/rpc", "/api/login"] {
            let result = guard.check(&request(path, &[("host", host), ("origin", origin)]));
            assert_eq!(result.is_ok(), own, "{origin} at {host}");
        }
        let page = guard.check(&request("/", &[("host", host), ("origin", origin)]));
        assert_eq!(page, Ok(()), "the page itself is open: {origin}");
    }
}

#[test]
fn a_session_changes_things_only_from_our_own_pages() {
    let intent = |method: &str, headers: &[(&str, &str)]| {
        let mut request = request("/rpc", headers);
        *request.method_mut() = method.parse().unwrap();
        check_intent(&request).is_ok()
    };
    assert!(intent("GET", &[]));
    assert!(!intent("POST", &[]));
    assert!(!intent("GET", &[("upgrade", "websocket")]));
    assert!(!intent("POST", &[("sec-fetch-site", "same-site")]));
    assert!(intent("POST", &[("sec-fetch-site", "same-origin")]));
    assert!(intent("GET", &[("upgrade", "websocket"), ("origin", "http://localhost:7334")]));
}

#[test]
fn only_a_trusted_proxy_is_believed_and_only_its_own_entry() {
    let mut request = request("/", &[("x-forwarded-for", "1.1.1.1, 192.0.2.9")]);
    request.extensions_mut().insert(Peer("10.0.0.1".parse().unwrap()));
    let address = |trusted| guard("127.0.0.1:7334", &[], trusted).client(&request).0.to_string();
    assert_eq!(address(false), "10.0.0.1");
    assert_eq!(address(true), "192.0.2.9");
}
