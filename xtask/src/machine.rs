//! What a machine needs beside a Rust toolchain, and how it is installed when it is missing.
//! Looking comes first: on a machine that has everything, nothing is run and no package index is read.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

pub(crate) mod apt;
mod rust;

/// A thing that a command of this program cannot work without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// The repositories of tests and demos.
    Git,
    /// An SSH server and its client's tools, for tests.
    Ssh,
    /// Docker's daemon and client.
    Engine,
    /// What makes a base image where none can be downloaded.
    BaseImage,
    /// A compiler for the browser's part, and the tool that makes its output small.
    Wasm,
    /// A browser that can be driven.
    Browser,
    /// A database server.
    Postgres,
    /// A second machine on this one, for tests.
    Namespaces,
    /// What makes the system calls of a test fail.
    Faults,
    /// The toolchain's formatter and linter.
    Lints,
}

impl Need {
    /// All of them.
    pub(crate) const ALL: [Self; 10] = [
        Self::Git,
        Self::Ssh,
        Self::Engine,
        Self::BaseImage,
        Self::Wasm,
        Self::Browser,
        Self::Postgres,
        Self::Namespaces,
        Self::Faults,
        Self::Lints,
    ];

    /// The packages that are missing for it.
    fn missing(self) -> Vec<&'static str> {
        let (present, packages): (bool, &[_]) = match self {
            Self::Git => (program("git").is_some(), &["git"]),
            Self::Ssh => (
                program("ssh-keygen").is_some() && std::path::Path::new("/usr/sbin/sshd").exists(),
                &["openssh-server", "openssh-client"],
            ),
            Self::Engine => (all(&["docker", "dockerd"]), &["docker.io", "cgroupfs-mount"]),
            Self::BaseImage => (all(&["debootstrap", "tar"]), &["debootstrap", "tar"]),
            Self::Wasm => return rust::missing_for_wasm(),
            Self::Browser => (all(&["chromium", "chromedriver"]), &["chromium", "chromium-driver"]),
            Self::Postgres => (postgres_programs().is_some(), &["postgresql"]),
            Self::Namespaces => (all(&["ip", "nsenter"]), &["iproute2", "util-linux"]),
            Self::Faults => (all(&["strace", "mount"]), &["strace", "mount"]),
            Self::Lints => (true, &[]),
        };
        if present { Vec::new() } else { packages.to_vec() }
    }
}

/// Installs what is missing for these needs. With nothing missing it costs milliseconds.
///
/// # Errors
/// When something is missing and cannot be installed here; the sentence says what to do.
pub(crate) fn ensure(needs: &[Need]) -> Result<()> {
    if needs.contains(&Need::Wasm) {
        rust::add_wasm_target();
    }
    if needs.contains(&Need::Lints) {
        rust::ensure_lints()?;
    }
    let missing = missing(needs);
    if missing.is_empty() {
        return Ok(());
    }
    apt::install(&missing)?;
    let missing = self::missing(needs);
    ensure!(
        missing.is_empty(),
        "{} were installed, and still something of them is missing",
        missing.join(", ")
    );
    Ok(())
}

fn missing(needs: &[Need]) -> Vec<&'static str> {
    needs.iter().flat_map(|need| need.missing()).collect()
}

/// Where a program is: in `PATH`, or in the folders for administrators, which `PATH` may lack.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

fn all(programs: &[&str]) -> bool {
    programs.iter().all(|name| program(name).is_some())
}

/// The folder of PostgreSQL's server programs, which Debian keeps out of `PATH`; the newest version's.
pub(crate) fn postgres_programs() -> Option<PathBuf> {
    let version = |folder: &Path| folder.file_name()?.to_str()?.parse::<u32>().ok();
    let folders = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = folders.map(|entry| entry.path()).max_by_key(|folder| version(folder));
    newest
        .map(|folder| folder.join("bin"))
        .into_iter()
        .chain(program("initdb").and_then(|file| file.parent().map(Path::to_owned)))
        .find(|folder| folder.join("initdb").is_file())
}

/// Whether this program runs as root.
pub(crate) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_there_needs_no_package() {
        assert!(program("sh").is_some());
        assert_eq!(program("no-such-program"), None);
    }
}
