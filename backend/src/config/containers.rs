//! Settings of a run's container: its image and what it may use of the host.

use clap::Args;

use super::{Error, Size, not_blank, within};

/// What a container is made of and may use, as typed.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Containers")]
pub struct ContainerArgs {
    /// Where the container engine listens: `unix:///path` or `tcp://host:port`; Docker's own default if not given
    #[arg(long, env = "DOCKER_HOST", value_name = "ADDRESS")]
    pub docker_host: Option<String>,
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
}

/// What a container is made of and may use, checked.
#[derive(Clone, Debug)]
pub struct Containers {
    /// Where the engine listens; `None` is Docker's own default.
    pub docker_host: Option<String>,
    /// The image.
    pub image: String,
    /// Processors.
    pub cpus: f64,
    /// Memory, in bytes.
    pub memory_bytes: u64,
    /// Processes and threads.
    pub pids: u32,
}

impl ContainerArgs {
    pub(super) fn validate(self) -> Result<Containers, Error> {
        // Below this the agent is killed before its first word.
        let (least, most) = (Size(64 << 20), Size(1 << 50));
        Ok(Containers {
            docker_host: self.docker_host.filter(|address| !address.trim().is_empty()),
            image: not_blank("--image", self.image, "an image's name, such as `caisson-executor:dev`")?,
            cpus: within("--cpus", self.cpus, 0.1, 1024.0, "processors of one container")?,
            memory_bytes: within("--memory", self.memory, least, most, "memory of one container")?.0,
            pids: within("--pids", self.pids, 32, 1_000_000, "processes of one container")?,
        })
    }
}
