//! The executor's image: built from `devcontainer/` and the two programs that run in it.
//! The image carries a fingerprint of all it was made of; while that is the same nothing is built.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::{engine, machine::program, run};

mod base;

/// What the backend starts containers from unless it is told otherwise.
pub(crate) const TAG: &str = "caisson-executor:dev";

const LABEL: &str = "caisson.fingerprint";
/// How they are built, and the folder that cargo puts them into.
const PROFILE: &str = "image";
const PROGRAMS: [&str; 2] = ["caisson-executor", "caisson-firewall"];
/// Where Debian keeps the certificates this machine trusts.
const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Makes sure that the image is there and is made of what is in the workspace now.
///
/// # Errors
/// When the programs do not compile, no base image can be had, or the image cannot be built.
pub(crate) fn ensure(root: &Path) -> Result<()> {
    engine::ensure()?;
    let base = base::ensure()?;
    let mut build = run::cargo(root);
    // Only these two, so that nothing is compiled that only the server needs.
    build.args(["build", "--quiet", "--profile", PROFILE, "--package", "executor", "--package", "firewall"]);
    run::run(&mut build)?;
    let programs = run::target_folder()?.join(PROFILE);
    let fingerprint = fingerprint(root, &programs, &base)?;
    if label().is_ok_and(|label| label == fingerprint) {
        println!("image: {TAG} is up to date");
        return Ok(());
    }
    let started = Instant::now();
    println!("image: building {TAG} on {} (the first time takes minutes)", base.name);
    let context = stage(root, &programs)?;
    let before = image_id(TAG).ok();
    let log = run::target_folder()?.join("image.log");
    run::logged(docker_build(&base, &fingerprint).arg(context.path()), &log)?;
    remove_if_replaced(before.as_deref());
    println!("image: {TAG} built in {} s", started.elapsed().as_secs());
    Ok(())
}

/// The agent's program, taken out of the image for tests that run it without a container. Not made again while the
/// image is the same.
///
/// # Errors
/// When there is no image, or the engine does not hand it out.
pub(crate) fn agent() -> Result<PathBuf> {
    let folder = run::target_folder()?.join("agent").join(label()?);
    let program = folder.join("claude");
    if !program.exists() {
        fs::create_dir_all(&folder).context("no folder for the agent's program")?;
        let container = run::output(Command::new("docker").args(["create", TAG]))?;
        let copied = run::run(
            Command::new("docker").args(["cp", &format!("{container}:/usr/local/bin/claude")]).arg(&program),
        );
        run::output(Command::new("docker").args(["rm", &container]))?;
        copied?;
    }
    Ok(program)
}

/// A hash over everything the image is made of.
fn fingerprint(root: &Path, programs: &Path, base: &base::Base) -> Result<String> {
    let mut parts = Command::new("sha256sum");
    parts.arg(root.join("devcontainer/Dockerfile")).args(PROGRAMS.map(|name| programs.join(name)));
    let mut hash = Sha256::new_with_prefix(&base.id);
    for line in run::output(&mut parts)?.lines() {
        // Without the path after it: another folder makes no other image.
        hash.update(line.split_whitespace().next().unwrap_or_default());
    }
    Ok(format!("{:x}", hash.finalize()))
}

fn label() -> Result<String> {
    let format = format!("{{{{index .Config.Labels \"{LABEL}\"}}}}");
    run::output(Command::new("docker").args(["image", "inspect", "--format", &format, TAG]))
}

/// The id of an image that is on this machine.
fn image_id(name: &str) -> Result<String> {
    run::output(Command::new("docker").args(["image", "inspect", "--format", "{{.Id}}", name]))
}

/// The build context: the recipe, the machine's certificates, the programs.
fn stage(root: &Path, programs: &Path) -> Result<tempfile::TempDir> {
    let context = tempfile::tempdir()?;
    fs::copy(root.join("devcontainer/Dockerfile"), context.path().join("Dockerfile"))
        .context("devcontainer/Dockerfile cannot be read")?;
    fs::write(context.path().join("ca.crt"), certificates()?)?;
    let bin = context.path().join("bin");
    fs::create_dir(&bin)?;
    for name in PROGRAMS {
        fs::copy(programs.join(name), bin.join(name)).with_context(|| format!("{name} was not built"))?;
    }
    Ok(context)
}

/// What this machine trusts, so that the build works behind a proxy that inspects TLS. May be empty.
fn certificates() -> Result<Vec<u8>> {
    let file = std::env::var_os("SSL_CERT_FILE").map_or_else(|| CERTIFICATES.into(), PathBuf::from);
    if !file.exists() {
        return Ok(Vec::new());
    }
    fs::read(&file).with_context(|| format!("{} cannot be read", file.display()))
}

fn docker_build(base: &base::Base, fingerprint: &str) -> Command {
    let mut command = Command::new("docker");
    command.args(["build", "--tag", TAG, "--label", &format!("{LABEL}={fingerprint}")]);
    command.arg("--build-arg").arg(format!("BASE={}", base.name));
    if let Some(registry) = npm_registry() {
        command.arg("--build-arg").arg(format!("NPM_REGISTRY={registry}"));
    }
    for proxy in ["http_proxy", "https_proxy", "no_proxy"] {
        if std::env::var_os(proxy).is_some() {
            // Without a value: Docker takes it from the environment and keeps it out of the image.
            command.args(["--build-arg", proxy]);
        }
    }
    command
}

/// The registry that npm uses on this machine, if one is set or npm is here to be asked.
fn npm_registry() -> Option<String> {
    if let Ok(registry) = std::env::var("npm_config_registry") {
        return Some(registry);
    }
    program("npm")?;
    run::output(Command::new("npm").args(["config", "get", "registry"])).ok()
}

/// Takes the replaced image away, so that builds do not fill the disk. A container may still use it:
/// then it stays, and goes with `docker image prune`.
fn remove_if_replaced(before: Option<&str>) {
    if let Some(before) = before
        && image_id(TAG).is_ok_and(|now| now != before)
    {
        let _ = run::output(Command::new("docker").args(["image", "rm", before]));
    }
}
