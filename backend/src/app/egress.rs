//! Which hosts a task or a person may name; pure.

use api::error::ApiError;
use firewall::policy::{Entry, MOST_ENTRIES, Ports};

/// Checks a task's list.
///
/// # Errors
/// `Invalid`, for the first entry that is no host rule.
pub(super) fn check(entries: &[String]) -> Result<(), ApiError> {
    // Some are for those that are allowed later.
    let most = MOST_ENTRIES / 2;
    if most < entries.len() {
        return Err(ApiError::invalid(
            "egress",
            format!("has {} entries, and may have {most}", entries.len()),
        ));
    }
    for (at, entry) in entries.iter().enumerate() {
        Entry::parse(entry)
            .map_err(|refused| ApiError::invalid(format!("egress[{at}]"), refused.to_string()))?;
    }
    Ok(())
}

/// One host that a person wants to allow, in its one spelling.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// As it stands in a list.
    pub(super) entry: String,
    /// It without its port.
    pub(super) host: String,
    /// The one port, where one was named.
    pub(super) port: Option<u16>,
}

impl Wanted {
    /// Reads a host and a port that may stand beside it.
    ///
    /// # Errors
    /// `Invalid`, for the field `host`.
    pub(super) fn read(host: &str, port: Option<u16>) -> Result<Self, ApiError> {
        let host = host.trim();
        let text = match port {
            None => host.to_owned(),
            // An IPv6 address needs brackets beside a port.
            Some(port) if host.contains(':') && !host.contains('[') => format!("[{host}]:{port}"),
            Some(port) => format!("{host}:{port}"),
        };
        let read = Entry::parse(&text).map_err(|refused| ApiError::invalid("host", refused.to_string()))?;
        let entry = read.to_string();
        let (bare, port) = match read {
            Entry::Name(name, Ports::One(port)) => (Entry::Name(name, Ports::Web), Some(port)),
            Entry::Below(name, Ports::One(port)) => (Entry::Below(name, Ports::Web), Some(port)),
            Entry::Network(network, Ports::One(port)) => (Entry::Network(network, Ports::Web), Some(port)),
            other => (other, None),
        };
        Ok(Self { entry, host: bare.to_string(), port })
    }

    /// Whether an entry, however it is spelled, means the same.
    pub(super) fn is(&self, entry: &str) -> bool {
        Entry::parse(entry).is_ok_and(|entry| entry.to_string() == self.entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_one_spelling() {
        for (host, port, entry, bare, one) in [
            ("Example.ORG", None, "example.org", "example.org", None),
            ("example.org", Some(22), "example.org:22", "example.org", Some(22)),
            (" Example.org:22", None, "example.org:22", "example.org", Some(22)),
            ("example.org:*", None, "example.org:*", "example.org:*", None),
            ("192.0.2.7:5432", None, "192.0.2.7:5432", "192.0.2.7", Some(5432)),
            ("2001:db8::1", Some(443), "[2001:db8::1]:443", "2001:db8::1", Some(443)),
            ("*.example.org", Some(8443), "*.example.org:8443", "*.example.org", Some(8443)),
            ("tool:npm", None, "tool:npm", "tool:npm", None),
        ] {
            let wanted = Wanted { entry: entry.to_owned(), host: bare.to_owned(), port: one };
            assert_eq!(Wanted::read(host, port).unwrap(), wanted);
            assert!(wanted.is(entry) && wanted.is(&entry.to_uppercase().replace("TOOL:NPM", "tool:npm")));
            assert!(!wanted.is("example.net"));
        }
    }

    #[test]
    fn what_is_no_host_is_refused_with_its_place_and_a_remedy() {
        let list = ["example.org", "https://example.org"].map(str::to_owned);
        let refused = check(&list).unwrap_err().to_string();
        assert!(refused.starts_with("egress[1]: ") && refused.contains("give the host only"), "{refused}");
        for (host, port) in [("", None), ("example.org", Some(0)), ("example.org:22", Some(23)), ("*", None)]
        {
            let refused = Wanted::read(host, port).unwrap_err().to_string();
            assert!(refused.starts_with("host: "), "{refused}");
        }
    }
}
