//! The image below the executor's: this machine's own distribution, so that programs built here find
//! the C library they were built for. Downloaded where that works, else made from Debian packages.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    machine::{self, Need, apt},
    run,
};

/// How long the download may take, in seconds, before the other way is tried.
const PULL_LIMIT: &str = "180";

/// An image to build on.
pub(super) struct Base {
    /// Its name and tag.
    pub(super) name: String,
    /// Its id, which changes with its content.
    pub(super) id: String,
}

/// The base image: the one that is here, or a downloaded one, or one made here.
///
/// # Errors
/// When this is not Debian or Ubuntu, or no way to an image works.
pub(super) fn ensure() -> Result<Base> {
    let release = fs::read_to_string("/etc/os-release").context("/etc/os-release cannot be read")?;
    let (Some(system), Some(codename)) = (field(&release, "ID"), field(&release, "VERSION_CODENAME")) else {
        bail!("/etc/os-release does not tell which distribution this is");
    };
    let official = match system {
        "debian" => format!("debian:{codename}-slim"),
        "ubuntu" => format!("ubuntu:{codename}"),
        _ => bail!("the image is built on Debian and Ubuntu only, and this is {system}"),
    };
    let own = format!("caisson-base:{codename}");
    for name in [&official, &own] {
        if let Ok(id) = super::image_id(name) {
            return Ok(Base { name: name.clone(), id });
        }
    }
    let pull =
        run::output(Command::new("timeout").args([PULL_LIMIT, "docker", "pull", "--quiet", &official]));
    let name = if pull.is_ok() {
        println!("image: {official} downloaded");
        official
    } else {
        println!("image: {official} cannot be downloaded; making {own} from this machine's package mirror");
        bootstrap(codename, &own)?;
        own
    };
    let id = super::image_id(&name)?;
    Ok(Base { name, id })
}

/// A field of `/etc/os-release`.
fn field<'a>(release: &'a str, name: &str) -> Option<&'a str> {
    let value = release.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
    Some(value.trim_matches('"'))
}

/// Makes a minimal system from packages and imports it as an image.
fn bootstrap(codename: &str, name: &str) -> Result<()> {
    machine::ensure(&[Need::BaseImage])?;
    ensure!(
        machine::is_root(),
        "`docker pull` does not work here, and only root can make a base image: call again with sudo"
    );
    let sources = apt::sources(codename)?;
    let main = sources.iter().find(|source| source.release == codename && source.component == "main");
    let mirror = &main.with_context(|| format!("apt knows no mirror of {codename}"))?.mirror;

    let target = run::target_folder()?;
    let system = tempfile::tempdir_in(&target)?;
    let mut debootstrap = Command::new("debootstrap");
    debootstrap.args(["--variant=minbase", "--include=ca-certificates", codename]);
    debootstrap.arg(system.path()).arg(mirror);
    run::logged(&mut debootstrap, &target.join("debootstrap.log"))?;

    // With the security updates that debootstrap does not know.
    let lines = sources
        .iter()
        .map(|source| format!("deb {} {} {}\n", source.mirror, source.release, source.component));
    fs::write(system.path().join("etc/apt/sources.list"), lines.collect::<String>())?;
    import(system.path(), name)
}

fn import(system: &Path, name: &str) -> Result<()> {
    let mut tar = Command::new("tar");
    let mut tar = tar
        .arg("--directory")
        .arg(system)
        .args(["--exclude=./var/cache/apt/*", "--exclude=./var/lib/apt/lists/*", "--create", "."])
        .stdout(Stdio::piped())
        .spawn()
        .context("`tar` cannot be started")?;
    let archive = tar.stdout.take().context("`tar` has no output")?;
    let imported = Command::new("docker").args(["import", "-", name]).stdin(archive).output();
    ensure!(tar.wait()?.success(), "`tar` could not read {}", system.display());
    let imported = imported.context("`docker import` cannot be started")?;
    ensure!(
        imported.status.success(),
        "`docker import` failed: {}",
        String::from_utf8_lossy(&imported.stderr)
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_by_its_whole_name_and_without_quotes() {
        let release = "ID_LIKE=other\nID=debian\nVERSION_CODENAME=\"bookworm\"\n";
        assert_eq!(field(release, "ID"), Some("debian"));
        assert_eq!(field(release, "VERSION_CODENAME"), Some("bookworm"));
        assert_eq!(field(release, "VERSION"), None);
    }
}
