//! Which headers pass through the broker, in either direction.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

/// Headers that concern one connection only (RFC 9110, section 7.6.1).
const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// What a container's request must not bring along: credentials are the broker's to add.
const NOT_FROM_CONTAINERS: [HeaderName; 6] = [
    header::HOST,
    header::COOKIE,
    header::AUTHORIZATION,
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("x-api-key"),
    // Answered on this side already.
    header::EXPECT,
];

/// The headers of a container's request that go on to the upstream.
pub(super) fn of_request(headers: &HeaderMap) -> HeaderMap {
    without(headers, &NOT_FROM_CONTAINERS)
}

/// The headers of a git request that go on: those the protocol needs.
pub(super) fn of_git_request(headers: &HeaderMap) -> HeaderMap {
    let needed = [
        header::ACCEPT,
        header::CONTENT_ENCODING,
        header::CONTENT_LENGTH,
        header::CONTENT_TYPE,
        header::USER_AGENT,
        HeaderName::from_static("git-protocol"),
    ];
    let kept = headers.iter().filter(|(name, _)| needed.contains(name));
    let kept = kept.map(|(name, value)| (name.clone(), value.clone()));
    // How an answer begins is looked at, which is nothing to see in a packed one.
    kept.chain([(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"))]).collect()
}

/// The headers of an upstream's answer that go back into the container. An upstream's challenge
/// would only make a client there ask for a credential it cannot have.
pub(super) fn of_response(headers: &HeaderMap) -> HeaderMap {
    without(headers, &[header::SET_COOKIE, header::WWW_AUTHENTICATE])
}

fn without(headers: &HeaderMap, unwanted: &[HeaderName]) -> HeaderMap {
    let named_by_connection = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect::<Vec<_>>();
    let passes = |name: &HeaderName| {
        !HOP_BY_HOP.contains(name)
            && !unwanted.contains(name)
            && !named_by_connection.iter().any(|other| other == name.as_str())
    };
    headers
        .iter()
        .filter(|(name, _)| passes(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(headers: &HeaderMap) -> Vec<&str> {
        headers.keys().map(HeaderName::as_str).collect()
    }

    fn map(names: &[&'static str]) -> HeaderMap {
        let pair = |name: &&'static str| (HeaderName::from_static(name), "1".parse().unwrap());
        names.iter().map(pair).collect()
    }

    #[test]
    fn what_concerns_one_connection_stays_on_it() {
        let mut headers =
            map(&["keep-alive", "te", "transfer-encoding", "upgrade", "x-other", "x-one", "x-two"]);
        headers.append("connection", "close, X-One".parse().unwrap());
        headers.append("connection", "x-two".parse().unwrap());
        assert_eq!(names(&of_request(&headers)), ["x-other"]);
        assert_eq!(names(&of_response(&headers)), ["x-other"]);
    }

    #[test]
    fn a_container_brings_no_credential_along() {
        let headers =
            map(&["host", "cookie", "authorization", "proxy-authorization", "x-api-key", "expect", "accept"]);
        assert_eq!(names(&of_request(&headers)), ["accept"]);
        let headers = map(&["authorization", "cookie", "x-api-key", "host", "git-protocol", "x-other"]);
        assert_eq!(names(&of_git_request(&headers)), ["git-protocol", "accept-encoding"]);
    }

    #[test]
    fn an_upstream_sets_no_cookie_and_asks_for_no_credential() {
        let headers = map(&["set-cookie", "www-authenticate", "content-type", "retry-after"]);
        assert_eq!(names(&of_response(&headers)), ["content-type", "retry-after"]);
    }
}
