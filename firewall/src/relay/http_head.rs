//! Pure: who an HTTP request is for, and what in its head could be read in two ways.

use hyper::{
    HeaderMap, Method, Uri,
    header::{CONTENT_LENGTH, HOST, HeaderName, TRANSFER_ENCODING, UPGRADE},
    http::uri::Authority,
};

use crate::policy::Name;

/// Who the request is for.
///
/// # Errors
/// With a sentence, when the head does not say so in exactly one way.
pub fn host(method: &Method, uri: &Uri, headers: &HeaderMap, port: u16) -> Result<Name, &'static str> {
    if method == Method::CONNECT {
        return Err("this is no proxy");
    }
    if 1 < headers.get_all(CONTENT_LENGTH).iter().count()
        || headers.contains_key(TRANSFER_ENCODING) && headers.contains_key(CONTENT_LENGTH)
        || headers.get_all(TRANSFER_ENCODING).iter().any(|coding| coding != "chunked")
    {
        return Err("the length of the request can be read in two ways");
    }
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Err("a request must have one Host header");
    };
    let host = host.to_str().map_err(|_| "the Host header is no host")?;
    let authority: Authority = host.parse().map_err(|_| "the Host header is no host")?;
    let name = read(&authority, port)?;
    match uri.authority() {
        Some(other) if read(other, port)? != name => {
            Err("the target and the Host header name different hosts")
        }
        _ => Ok(name),
    }
}

/// Whether the connection may become something else: only a WebSocket, which names no host again.
#[must_use]
pub fn becomes_websocket(headers: &HeaderMap) -> bool {
    let mut upgrades = headers.get_all(UPGRADE).iter();
    matches!((upgrades.next(), upgrades.next()), (Some(one), None) if one.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Takes away what offers another protocol. The server goes on in HTTP/1.1, as it may.
pub(super) fn drop_upgrade(headers: &mut HeaderMap) {
    if headers.remove(UPGRADE).is_some() {
        headers.remove(HeaderName::from_static("http2-settings"));
        headers.remove(hyper::header::CONNECTION);
    }
}

fn read(authority: &Authority, port: u16) -> Result<Name, &'static str> {
    if authority.as_str().contains('@') {
        return Err("the Host header is no host");
    }
    let colon = authority.as_str().rsplit(']').next().is_some_and(|rest| rest.contains(':'));
    if colon && authority.port_u16() != Some(port) {
        return Err("the port in the Host header is not the one that was connected to");
    }
    Name::ascii(authority.host())
        .map_err(|_| "the Host header holds no name; ask by name, or allow the address itself")
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn judge(uri: &str, headers: &[(&'static str, &str)]) -> Result<Name, &'static str> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).unwrap());
        }
        host(&Method::GET, &uri.parse().unwrap(), &map, 8080)
    }

    #[test]
    fn the_host_is_read_with_and_without_its_port_and_from_an_absolute_target() {
        let name = Name::ascii("example.org").unwrap();
        for (uri, host) in [
            ("/", "Example.org"),
            ("/", "example.org:8080"),
            ("http://example.org/", "example.org"),
            ("http://example.org:8080/x", "EXAMPLE.org."),
        ] {
            assert_eq!(judge(uri, &[("host", host)]), Ok(name.clone()), "{uri} {host}");
        }
    }

    #[test]
    fn tricks_are_refused() {
        for (uri, headers) in [
            ("/", &[][..]),
            ("/", &[("host", "a.example"), ("host", "b.example")]),
            ("/", &[("host", "a.example, b.example")]),
            ("/", &[("host", "a.example:80")]),
            ("/", &[("host", "a.example:")]),
            ("/", &[("host", "u@a.example")]),
            ("/", &[("host", "a.example/x")]),
            ("/", &[("host", "192.0.2.1")]),
            ("/", &[("host", "[2001:db8::1]:8080")]),
            ("/", &[("host", "")]),
            ("http://b.example/", &[("host", "a.example")]),
            ("/", &[("host", "a.example"), ("content-length", "1"), ("transfer-encoding", "chunked")]),
            ("/", &[("host", "a.example"), ("transfer-encoding", "chunked, identity")]),
            ("/", &[("host", "a.example"), ("content-length", "1"), ("content-length", "2")]),
        ] {
            assert!(judge(uri, headers).is_err(), "{uri} {headers:?}");
        }
    }

    proptest! {
        #[test]
        fn any_host_header_is_read_without_a_panic(text in "[ -~]{0,80}") {
            drop(judge("/", &[("host", &text)]));
        }
    }
}
