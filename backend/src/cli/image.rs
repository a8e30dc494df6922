//! `caisson image`: makes the container image from what this binary carries and two programs beside it, and says
//! what another image lacks.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{ExitCode, Stdio},
};

use clap::{Args, Subcommand};
use serde_json::json;
use tokio::process::Command;

use super::{
    failure::{FAILED, Failure},
    output::Output,
    render::line::{Line, Tone},
};
use crate::{config::EngineArgs, engine::docker::Probe};

/// The image's recipe; the build context it expects is described in its first lines.
const DOCKERFILE: &str = include_str!("../../../devcontainer/Dockerfile");
/// What the image needs of us.
const PROGRAMS: [&str; 2] = ["caisson-executor", "caisson-firewall"];
/// What the build takes from the environment; without a value, so that it stays out of the image.
const PROXIES: [&str; 3] = ["http_proxy", "https_proxy", "no_proxy"];
/// Where Linux distributions keep the CA bundle.
const CA_BUNDLES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// What to do with images.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Builds the image with the Docker command line.
    Build(Build),
    /// Says what an image lacks to hold a run; exit code 1 when it lacks something.
    Check {
        /// The image, as the engine knows it.
        image: String,
        #[command(flatten)]
        engine: EngineArgs,
    },
}

/// What to build, and from what.
#[derive(Debug, Args)]
pub(super) struct Build {
    /// The image to start from: a Debian.
    #[arg(long, default_value = "debian:bookworm-slim")]
    base: String,
    /// The folder with `caisson-executor` and `caisson-firewall`; the folder of this program if not given.
    #[arg(long, value_name = "DIR")]
    binaries: Option<PathBuf>,
    /// The name of the new image; `caisson serve` takes it from the same variable.
    #[arg(long, env = "CAISSON_IMAGE", default_value = "caisson-executor:dev")]
    tag: String,
}

/// Does it.
pub(super) async fn run(verb: Verb, output: &Output) -> Result<ExitCode, Failure> {
    match verb {
        Verb::Build(wanted) => build_image(&wanted, output).await,
        Verb::Check { image, engine } => check(&image, engine, output).await,
    }
}

async fn check(image: &str, engine: EngineArgs, output: &Output) -> Result<ExitCode, Failure> {
    let address = engine.validate().map_err(|error| Failure::Usage(error.to_string()))?;
    let found = Probe::new(address).look(image).await;
    let findings = found.map_err(|error| Failure::Local(error.to_string()))?;
    let ok = findings.iter().all(|finding| finding.ok);
    output.answer(&json!({ "image": image, "ok": ok, "checks": findings }), |_| {
        findings.iter().map(|finding| Line::mark(finding.ok, &finding.name, &finding.detail)).collect()
    })?;
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

async fn build_image(wanted: &Build, output: &Output) -> Result<ExitCode, Failure> {
    let context = stage(wanted)?;
    build(wanted, context.path(), output).await?;
    output.answer(&json!({ "image": wanted.tag }), |_| {
        vec![Line::flush().span(Tone::Good, "✓ ").span(Tone::Plain, format!("image {} is built", wanted.tag))]
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Lays out the build context: the recipe, this machine's CA bundle and the two programs.
fn stage(wanted: &Build) -> Result<tempfile::TempDir, Failure> {
    let local = |what: &str, error: std::io::Error| Failure::Local(format!("{what}: {error}"));
    let context = tempfile::tempdir().map_err(|error| local("cannot make a temporary folder", error))?;
    let bin = context.path().join("bin");
    fs::create_dir(&bin).map_err(|error| local("cannot fill the temporary folder", error))?;
    let write = |name: &str, content: &[u8]| {
        fs::write(context.path().join(name), content)
            .map_err(|error| local("cannot fill the temporary folder", error))
    };
    write("Dockerfile", DOCKERFILE.as_bytes())?;
    // Networks that inspect TLS have an authority of their own, which the build must trust.
    let named = env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    let bundle = named.into_iter().chain(CA_BUNDLES.map(PathBuf::from)).find_map(|path| fs::read(path).ok());
    write("ca.crt", &bundle.unwrap_or_default())?;
    let from = folder(wanted)?;
    for program in PROGRAMS {
        let source = from.join(program);
        fs::copy(&source, bin.join(program)).map_err(|error| {
            let why = format!(
                "cannot copy {}: {error}. --binaries names the folder that holds it",
                source.display()
            );
            Failure::Local(why)
        })?;
    }
    Ok(context)
}

fn folder(wanted: &Build) -> Result<PathBuf, Failure> {
    if let Some(folder) = &wanted.binaries {
        return Ok(folder.clone());
    }
    let this =
        env::current_exe().map_err(|error| Failure::Local(format!("where is this program? {error}")))?;
    this.parent()
        .map(Path::to_path_buf)
        .ok_or_else(|| Failure::Usage("--binaries is needed: the folder with the two programs".to_owned()))
}

/// Runs the build; what it says goes where the caller can see it.
async fn build(wanted: &Build, context: &Path, output: &Output) -> Result<(), Failure> {
    let mut docker = Command::new("docker");
    docker.arg("build").arg("--build-arg").arg(format!("BASE={}", wanted.base));
    if let Ok(registry) = env::var("npm_config_registry") {
        docker.arg("--build-arg").arg(format!("NPM_REGISTRY={registry}"));
    }
    for proxy in PROXIES.iter().filter(|proxy| env::var_os(proxy).is_some()) {
        docker.arg("--build-arg").arg(proxy);
    }
    docker.arg("--tag").arg(&wanted.tag).arg(context).kill_on_drop(true);
    if output.is_json() {
        docker.stdout(Stdio::from(std::io::stderr()));
    }
    let status = docker.status().await.map_err(|error| {
        let why = match error.kind() {
            std::io::ErrorKind::NotFound => "there is no `docker` command here".to_owned(),
            _ => format!("`docker` cannot be started: {error}"),
        };
        Failure::Local(format!("{why}; install Docker (on Debian: apt-get install docker.io) and try again"))
    })?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::Local(format!("`docker build` failed ({status}); its own words are above")))
}
