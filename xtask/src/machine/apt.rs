//! Debian's package manager: installs packages, and tells where this machine gets them from.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{machine, run};

/// Installs packages. The index is read again only when they cannot be had with the one that is there.
///
/// # Errors
/// Without `apt-get` or without root, a sentence with the remedy; else what `apt-get` said.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    let list = packages.join(" ");
    if machine::program("apt-get").is_none() {
        bail!("this machine has no apt-get, and these Debian packages or what they hold are missing: {list}");
    }
    if !machine::is_root() {
        bail!("packages are missing; install them and call again: sudo apt-get install --yes {list}");
    }
    println!("machine: installing {list} with apt-get");
    if install_now(packages).is_ok() {
        return Ok(());
    }
    println!("machine: reading the package index again");
    run::output(Command::new("apt-get").args(["--quiet", "update"]))
        .context("the package index cannot be read")?;
    install_now(packages)
}

fn install_now(packages: &[&str]) -> Result<()> {
    let log = run::target_folder()?.join("apt-get.log");
    let mut command = Command::new("apt-get");
    command.args(["install", "--yes", "--no-install-recommends"]).args(packages);
    run::logged(command.env("DEBIAN_FRONTEND", "noninteractive"), &log)
}

/// One place this machine gets packages of its own distribution from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// The mirror's address.
    pub(crate) mirror: String,
    /// The release there: the code name, or it with an ending such as `-updates`.
    pub(crate) release: String,
    /// The component, such as `main`.
    pub(crate) component: String,
}

/// Where packages of the release `codename` come from. Other people's repositories are left out:
/// their keys are not known to a fresh system.
///
/// # Errors
/// When `apt-get` cannot tell.
pub(crate) fn sources(codename: &str) -> Result<Vec<Source>> {
    let told = run::output(Command::new("apt-get").args([
        "indextargets",
        "--format",
        "$(REPO_URI) $(RELEASE) $(COMPONENT)",
        "Created-By: Packages",
    ]))?;
    Ok(parse_sources(&told, codename))
}

fn parse_sources(told: &str, codename: &str) -> Vec<Source> {
    let of_release = |release: &str| {
        release.strip_prefix(codename).is_some_and(|ending| ending.is_empty() || ending.starts_with('-'))
    };
    let mut sources = Vec::new();
    for line in told.lines() {
        if let [mirror, release, component] = line.split_whitespace().collect::<Vec<_>>()[..]
            && of_release(release)
        {
            let (mirror, release, component) = (mirror.to_owned(), release.to_owned(), component.to_owned());
            let source = Source { mirror, release, component };
            if !sources.contains(&source) {
                sources.push(source);
            }
        }
    }
    sources
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_release_s_own_repositories_are_taken_and_each_once() {
        let told = "http://mirror.test/debian/ bookworm main\n\
                    http://mirror.test/debian/ bookworm main\n\
                    http://mirror.test/security/ bookworm-security main\n\
                    http://other.test/ stable main\n\
                    http://other.test/ bookwormish main\n";
        let releases: Vec<_> =
            parse_sources(told, "bookworm").into_iter().map(|source| source.release).collect();
        assert_eq!(releases, ["bookworm", "bookworm-security"]);
    }
}
