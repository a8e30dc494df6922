//! Takes the container's default routes away, so that there is no way out even for a packet that
//! the rules would let pass. The published port goes on working: the engine connects from the
//! bridge's own subnet.

use anyhow::{Result, ensure};

use crate::tool;

/// Deletes every default route, IPv4 and IPv6, and looks again.
///
/// # Errors
/// When `ip` fails or a default route is still there.
pub(crate) fn delete_defaults() -> Result<()> {
    for family in ["-4", "-6"] {
        if show_defaults(family)?.is_empty() {
            continue;
        }
        ip(&[family, "route", "flush", "default"])?;
        let left = show_defaults(family)?;
        ensure!(left.is_empty(), "a default route is still there: {left}");
    }
    Ok(())
}

fn show_defaults(family: &str) -> Result<String> {
    Ok(ip(&[family, "route", "show", "default"])?.trim().to_owned())
}

fn ip(arguments: &[&str]) -> Result<String> {
    let mut command = tool::bare("ip");
    command.args(arguments);
    Ok(String::from_utf8_lossy(&tool::run(command, "")?.stdout).into_owned())
}
