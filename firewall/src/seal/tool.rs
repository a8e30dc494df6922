//! How the programs of the image (`nft`, `setpriv`) are run: found in the system's folders only,
//! and with none of the container's environment, which holds the instance's token.

use std::{
    ffi::OsStr,
    io::Write,
    process::{Command, Output, Stdio},
};

use anyhow::{Context, Result, bail};

/// Where the image's own programs are; nothing the agent can write to.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A command with an empty environment but `PATH`.
pub(super) fn bare(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", PATH);
    command
}

/// Runs a program to its end with `input` on its standard input.
///
/// # Errors
/// When it cannot be started or does not exit with 0: its name and what it said on standard error.
pub(super) fn run(mut command: Command, input: &str) -> Result<Output> {
    let name = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("`{name}` cannot be started"))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).with_context(|| format!("`{name}` does not read its input"))?;
    }
    let output = child.wait_with_output().with_context(|| format!("`{name}` was lost"))?;
    if !output.status.success() {
        bail!("`{name}` failed ({}): {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(output)
}
