//! Which addresses a credential would reach in clear: plain HTTP beyond this machine.

use url::{Host, Url};

/// Whether what is sent there can be read on the way.
pub(crate) fn is_exposed(url: &Url) -> bool {
    url.scheme() != "https" && !(url.scheme() == "http" && is_loopback(url))
}

/// Whether it is this machine itself. A name is believed only if nobody can give it to another one.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_spoken_to_in_clear() {
        let exposed = |text: &str| is_exposed(&text.parse().unwrap());
        let closed = [
            "https://gateway.example",
            "http://localhost:8080/v1",
            "http://127.0.0.1",
            "http://127.1:80",
            "http://[::1]:8080",
            "http://[::ffff:127.0.0.1]",
        ];
        for url in closed {
            assert!(!exposed(url), "{url}");
        }
        let open = [
            "http://gateway.example",
            "http://10.0.0.7:8080",
            "http://192.168.1.2",
            "http://[fd00::1]",
            "http://[::ffff:10.0.0.1]",
            "http://localhost.example",
            "http://127.0.0.1.example",
            "http://0.0.0.0",
            "ftp://127.0.0.1",
        ];
        for url in open {
            assert!(exposed(url), "{url}");
        }
    }
}
