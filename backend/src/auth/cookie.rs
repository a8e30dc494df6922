//! The session cookie: how it is written and found again.

use axum::http::{HeaderMap, header};

use crate::secret::Secret;

/// How long a session lasts, in seconds: 30 days.
pub(super) const SESSION_SECONDS: i64 = 30 * 24 * 60 * 60;

const NAME: &str = "caisson_session";
/// Its name behind TLS: a browser takes it over HTTPS only, for this host alone and from this host alone, so no
/// neighbour under the same domain can plant one.
const HOST_NAME: &str = "__Host-caisson_session";

const fn name(secure: bool) -> &'static str {
    if secure { HOST_NAME } else { NAME }
}

/// The `Set-Cookie` of a new session. Scripts cannot read it, other sites cannot send it.
pub(super) fn set(session: &Secret, secure: bool) -> String {
    write(session.expose(), SESSION_SECONDS, secure)
}

/// The `Set-Cookie` that makes a browser forget its session.
pub(super) fn clear(secure: bool) -> String {
    write("", 0, secure)
}

fn write(value: &str, max_age: i64, secure: bool) -> String {
    let (name, secure) = (name(secure), if secure { "; Secure" } else { "" });
    format!("{name}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Strict{secure}")
}

/// The session a request carries, if any.
pub(super) fn find(headers: &HeaderMap, secure: bool) -> Option<Secret> {
    let ours = name(secure);
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(name, value)| (name == ours && !value.is_empty()).then(|| Secret::new(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_out_of_reach_of_scripts_and_other_sites() {
        let session = Secret::new("abc");
        assert_eq!(
            set(&session, false),
            "caisson_session=abc; Path=/; Max-Age=2592000; HttpOnly; SameSite=Strict"
        );
        let behind_tls = set(&session, true);
        assert!(behind_tls.starts_with("__Host-caisson_session=abc; Path=/; "), "{behind_tls}");
        assert!(behind_tls.ends_with("; Secure") && !behind_tls.contains("Domain"), "{behind_tls}");
        assert!(clear(true).starts_with("__Host-caisson_session=; Path=/; Max-Age=0;"));
    }

    #[test]
    fn a_session_is_found_among_other_cookies() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "theme=dark; xcaisson_session=no".parse().unwrap());
        assert_eq!(find(&headers, false), None);
        headers.append(header::COOKIE, "a=b;caisson_session=abc".parse().unwrap());
        assert_eq!(find(&headers, false), Some(Secret::new("abc")));
        assert_eq!(find(&headers, true), None, "a neighbour's cookie is none of ours");
        headers.append(header::COOKIE, "__Host-caisson_session=def".parse().unwrap());
        assert_eq!(find(&headers, true), Some(Secret::new("def")));
    }
}
