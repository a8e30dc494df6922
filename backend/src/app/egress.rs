//! Which hosts a task or a person may name; pure.

use api::error::ApiError;
use firewall::policy::{Entry, MOST_ENTRIES};

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

/// The entry for a host and a port that may stand beside it, in its one spelling.
///
/// # Errors
/// `Invalid`, for the field `host`.
pub(super) fn entry(host: &str, port: Option<u16>) -> Result<String, ApiError> {
    let host = host.trim();
    let text = match port {
        None => host.to_owned(),
        // An IPv6 address needs brackets beside a port.
        Some(port) if host.contains(':') && !host.contains('[') => format!("[{host}]:{port}"),
        Some(port) => format!("{host}:{port}"),
    };
    let entry = Entry::parse(&text).map_err(|refused| ApiError::invalid("host", refused.to_string()))?;
    Ok(entry.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_one_spelling() {
        for (host, port, entry) in [
            ("Example.ORG", None, "example.org"),
            ("example.org", Some(22), "example.org:22"),
            ("2001:db8::1", Some(443), "[2001:db8::1]:443"),
            ("*.example.org", Some(8443), "*.example.org:8443"),
            ("tool:npm", None, "tool:npm"),
        ] {
            assert_eq!(super::entry(host, port).as_deref(), Ok(entry));
        }
    }

    #[test]
    fn what_is_no_host_is_refused_with_its_place_and_a_remedy() {
        let list = ["example.org", "https://example.org"].map(str::to_owned);
        let refused = check(&list).unwrap_err().to_string();
        assert!(refused.starts_with("egress[1]: ") && refused.contains("give the host only"), "{refused}");
        for (host, port) in [("", None), ("example.org", Some(0)), ("example.org:22", Some(23)), ("*", None)]
        {
            let refused = entry(host, port).unwrap_err().to_string();
            assert!(refused.starts_with("host: "), "{refused}");
        }
    }
}
