//! How other programs are run: an error names the whole command line and how it ended.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io,
    os::fd::AsFd,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
};

use anyhow::{Context, Result, bail, ensure};

/// How much of a log is shown when a command fails, in lines.
const LOG_TAIL: usize = 25;

/// A cargo command in the workspace, with the toolchain that runs this program, and without what
/// `cargo run` told this program about its own package: tools of cargo take it for being run by hand.
pub(crate) fn cargo(root: &Path) -> Command {
    let mut command =
        Command::new(std::env::var_os("CARGO").as_deref().unwrap_or_else(|| OsStr::new("cargo")));
    command.current_dir(root);
    let own = |name: &str| ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|start| name.starts_with(start));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(own)) {
        command.env_remove(name);
    }
    command
}

/// The folder cargo builds into: this program was built into a profile's folder in it.
///
/// # Errors
/// When the path of this program is unknown.
pub(crate) fn target_folder() -> Result<PathBuf> {
    let program = std::env::current_exe().context("this program's own path is unknown")?;
    // Tests are built one folder deeper.
    let profile = program.ancestors().find(|folder| folder.join(".fingerprint").is_dir());
    let target = profile.and_then(Path::parent);
    Ok(target.with_context(|| format!("{} is not in a target folder", program.display()))?.to_owned())
}

/// Runs a command to its end; it prints where this program prints.
///
/// # Errors
/// When it cannot be started or does not exit with 0.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("`{}` cannot be started", line(command)))?;
    succeeded(command, status)
}

/// Judges how a command ended.
///
/// # Errors
/// When it did not exit with 0.
pub(crate) fn succeeded(command: &Command, status: ExitStatus) -> Result<()> {
    ensure!(status.success(), "`{}` failed: {status}", line(command));
    Ok(())
}

/// Sends what this program and its children print from now on to standard error. Returns the real standard output.
///
/// # Errors
/// When the system refuses.
pub(crate) fn divert_stdout() -> Result<File> {
    let stdout = io::stdout().as_fd().try_clone_to_owned().context("cannot duplicate standard output")?;
    nix::unistd::dup2_stdout(io::stderr()).context("cannot divert standard output")?;
    Ok(File::from(stdout))
}

/// Runs a command to its end and returns what it printed, without the white space around it.
///
/// # Errors
/// When it cannot be started or does not exit with 0; with what it said on standard error.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    command.stdin(Stdio::null());
    let output = command.output().with_context(|| format!("`{}` cannot be started", line(command)))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` failed: {}: {}", line(command), output.status, said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Runs a talkative command to its end; what it prints goes to a file, and is shown only if it fails.
///
/// # Errors
/// When it cannot be started or does not exit with 0; with the end of the file.
pub(crate) fn logged(command: &mut Command, log: &Path) -> Result<()> {
    let file = File::create(log).with_context(|| format!("{} cannot be written", log.display()))?;
    command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
    run(command).with_context(|| tail(log))
}

/// The last lines of a log, after its name.
pub(crate) fn tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let end = lines[lines.len().saturating_sub(LOG_TAIL)..].join("\n");
    format!("the end of {}:\n{end}", log.display())
}

fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_command_line_and_the_exit_code() {
        let error = run(Command::new("sh").args(["-c", "exit 3"])).unwrap_err();
        assert_eq!(error.to_string(), "`sh -c exit 3` failed: exit status: 3");
    }

    #[test]
    fn a_failed_command_shows_the_end_of_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "seq 100; exit 1"]);
        let error = logged(&mut command, &folder.path().join("log")).unwrap_err();
        assert!(error.to_string().ends_with("\n99\n100"), "{error}");
        assert!(!error.to_string().contains("\n70\n"), "{error}");
    }
}
