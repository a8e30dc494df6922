//! Settings of a run's container: its image and what it may use of the host.

use std::{net::IpAddr, path::PathBuf};

use clap::Args;

use super::{Error, Size, not_blank, within};
use crate::engine::{Limits, Mount, Profile, docker::Address};

/// Where the container engine is, as typed: Docker's own settings.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Containers")]
pub struct EngineArgs {
    /// Where the container engine listens: `unix:///path` or `tcp://host:port`; Docker's own default if not given
    #[arg(long, env = "DOCKER_HOST", value_name = "ADDRESS")]
    pub docker_host: Option<String>,
    /// Reach a `tcp://` engine with TLS; any value but an empty one, as for Docker. Another machine's always needs it
    #[arg(long, env = "DOCKER_TLS_VERIFY", value_name = "1", num_args = 0..=1, default_missing_value = "1")]
    pub docker_tls_verify: Option<String>,
    /// Folder with `ca.pem`, `cert.pem` and `key.pem` for it; `~/.docker` if not given
    #[arg(long, env = "DOCKER_CERT_PATH", value_name = "DIR")]
    pub docker_cert_path: Option<PathBuf>,
}

impl EngineArgs {
    /// Where the engine is.
    ///
    /// # Errors
    /// When no engine can be at such an address, or there is no TLS that protects the way to it.
    pub fn validate(self) -> Result<Address, Error> {
        let named = self.docker_cert_path.filter(|folder| !folder.as_os_str().is_empty());
        let wants_tls = named.is_some() || self.docker_tls_verify.is_some_and(|value| !value.is_empty());
        let home = || std::env::home_dir().unwrap_or_default().join(".docker");
        let certificates = wants_tls.then(|| named.unwrap_or_else(home));
        Address::read(self.docker_host.as_deref(), certificates.as_deref())
            .map_err(|why| Error::refused("--docker-host", why))
    }
}

/// What a container is made of and may use, as typed.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Containers")]
pub struct ContainerArgs {
    /// Where the engine is.
    #[command(flatten)]
    pub engine: EngineArgs,
    /// Address of the engine's host on which containers' ports are published and dialled; beyond loopback with TLS.
    /// 127.0.0.1 if not given, or where a remote engine is reached
    #[arg(long, env = "CAISSON_PUBLISH_ADDRESS", value_name = "IP")]
    pub publish_address: Option<IpAddr>,
    /// Image of the containers, see `caisson image build`
    #[arg(long, env = "CAISSON_IMAGE", value_name = "IMAGE", default_value = "caisson-executor:dev")]
    pub image: String,
    /// Processors one container may use (0.1 to 1024); fractions are allowed
    #[arg(long, env = "CAISSON_CPUS", value_name = "COUNT", default_value_t = 2.0)]
    pub cpus: f64,
    /// Memory one container may use (64m or more)
    #[arg(long, env = "CAISSON_MEMORY", value_name = "SIZE", default_value = "4g")]
    pub memory: Size,
    /// Processes and threads one container may have (32 to 1000000)
    #[arg(long, env = "CAISSON_PIDS", value_name = "COUNT", default_value_t = 512)]
    pub pids: u32,
    /// What one container may write to disk (64m or more); what writes more is ended, its work saved
    #[arg(long, env = "CAISSON_DISK", value_name = "SIZE", default_value = "20g")]
    pub disk: Size,
    /// Size of a container's `/tmp`, which is part of its memory (1m or more)
    #[arg(long, env = "CAISSON_TMP", value_name = "SIZE", default_value = "1g")]
    pub tmp: Size,
    /// The engine's runtime for the containers, such as `runsc` or `kata`; the engine's default if not given
    #[arg(long, env = "CAISSON_RUNTIME", value_name = "NAME")]
    pub runtime: Option<String>,
    /// A folder of this machine that every container sees, `HOST:CONTAINER[:ro|rw]`; may be repeated
    #[arg(long = "mount", env = "CAISSON_MOUNTS", value_name = "MOUNT", value_delimiter = ',')]
    pub mounts: Vec<String>,
    /// A DNS server for the names that runs may reach; may be repeated; the engine's own choice if not given
    #[arg(long, env = "CAISSON_DNS", value_name = "ADDRESS", value_delimiter = ',')]
    pub dns: Vec<IpAddr>,
    /// Give containers a root file system that root in them could write to
    #[arg(long, env = "CAISSON_WRITABLE_ROOT")]
    pub writable_root: bool,
}

/// What a container is made of and may use, checked.
#[derive(Clone, Debug)]
pub struct Containers {
    /// Where the engine is.
    pub engine: Address,
    /// Where its containers' ports are published; `None` is what fits the engine.
    pub publish: Option<IpAddr>,
    /// The image.
    pub image: String,
    /// What all of them have in common.
    pub profile: Profile,
}

impl ContainerArgs {
    pub(super) fn validate(self) -> Result<Containers, Error> {
        // Below this the agent is killed before its first word.
        let (least, most) = (Size(64 << 20), Size(1 << 50));
        let limits = Limits {
            cpus: within("--cpus", self.cpus, 0.1, 1024.0, "processors of one container")?,
            memory_bytes: within("--memory", self.memory, least, most, "memory of one container")?.0,
            pids: within("--pids", self.pids, 32, 1_000_000, "processes of one container")?.into(),
            disk_bytes: within("--disk", self.disk, least, most, "disk of one container")?.0,
            tmp_bytes: within("--tmp", self.tmp, Size(1 << 20), most, "/tmp of one container")?.0,
        };
        let mounts = self.mounts.iter().filter(|mount| !mount.is_empty()).map(|mount| Mount::parse(mount));
        let mounts = mounts.collect::<Result<Vec<_>, _>>().map_err(|why| Error::refused("--mount", why))?;
        let engine = self.engine.validate()?;
        check_reach(&engine, self.publish_address, &mounts)?;
        let runtime = self.runtime.filter(|name| !name.trim().is_empty());
        Ok(Containers {
            engine,
            publish: self.publish_address,
            image: not_blank("--image", self.image, "an image's name, such as `caisson-executor:dev`")?,
            profile: Profile { limits, runtime, mounts, dns: self.dns, writable_root: self.writable_root },
        })
    }
}

/// What an engine on another machine cannot do, and what no engine can.
fn check_reach(engine: &Address, publish: Option<IpAddr>, mounts: &[Mount]) -> Result<(), Error> {
    let is_remote = engine.remote_host().is_some();
    if let (true, Some(mount)) = (is_remote, mounts.first()) {
        let why = format!(
            "`{mount}`: the engine at {engine} runs on another machine, which has no folder of this one; put what runs \
             need into the image"
        );
        return Err(Error::refused("--mount", why));
    }
    match publish {
        Some(address) if address.is_unspecified() => {
            let why = format!("{address} is no address to dial; name one address of the engine's host");
            Err(Error::refused("--publish-address", why))
        }
        Some(address) if address.is_loopback() && is_remote => {
            let why = format!(
                "{address} of the engine's host cannot be reached from here; name another address of it"
            );
            Err(Error::refused("--publish-address", why))
        }
        _ => Ok(()),
    }
}
