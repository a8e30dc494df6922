//! Which hosts a task or a person may name; pure.

use api::error::ApiError;

/// The entry for a host and a port that stands beside it.
///
/// # Errors
/// `Invalid`, for the field `host` or `port`.
pub(super) fn entry(host: &str, port: Option<u16>) -> Result<String, ApiError> {
    let host = host.trim();
    let entry = match port {
        None => host.to_owned(),
        Some(0) => {
            return Err(ApiError::invalid("port", "is 0: give 1 to 65535, or leave it out for 80 and 443"));
        }
        Some(port) if host.contains(':') && !host.starts_with('[') => format!("[{host}]:{port}"),
        Some(port) => format!("{host}:{port}"),
    };
    Ok(entry)
}
