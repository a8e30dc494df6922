//! The container engine: the one that answers is used; else Docker is installed and started.

use std::{
    fs::File,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::{
    machine::{self, Need},
    run,
};

/// How long a daemon may take until it answers.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How often it is asked meanwhile.
const ASK_EVERY: Duration = Duration::from_millis(100);
/// Present while systemd is the init system.
const SYSTEMD: &str = "/run/systemd/system";

/// Makes sure that an engine answers.
///
/// # Errors
/// When there is none and none can be installed or started; the sentence says what to do.
pub(crate) fn ensure() -> Result<()> {
    if let Ok(version) = version() {
        println!("engine: Docker {version} answers");
        return Ok(());
    }
    if std::env::var_os("DOCKER_HOST").is_some() {
        version()
            .context("the engine that DOCKER_HOST names does not answer; start it or unset DOCKER_HOST")?;
    }
    machine::ensure(&[Need::Engine])?;
    if !machine::is_root() {
        version().context(
            "no container engine answers; start Docker (`sudo systemctl start docker`) and let this user \
             use it (`sudo usermod -aG docker $USER`, then log in again)",
        )?;
    }
    if Path::new(SYSTEMD).is_dir() && run::output(Command::new("systemctl").args(["start", "docker"])).is_ok()
    {
        let version = version().context("systemd started Docker, but it does not answer")?;
        println!("engine: Docker {version} started by systemd");
        return Ok(());
    }
    start()
}

/// The engine's version, if it answers.
fn version() -> Result<String> {
    run::output(Command::new("docker").args(["version", "--format", "{{.Server.Version}}"]))
}

/// Starts the daemon in a session of its own: it outlives this program and its terminal.
fn start() -> Result<()> {
    if machine::program("cgroupfs-mount").is_some() {
        // Without a service manager nobody has mounted them; where they are mounted it does nothing.
        run::output(&mut Command::new("cgroupfs-mount"))?;
    }
    let log = run::target_folder()?.join("dockerd.log");
    println!("engine: starting dockerd, which writes to {}", log.display());
    let file = File::create(&log).with_context(|| format!("{} cannot be written", log.display()))?;
    let daemon = Command::new("setsid")
        .arg("dockerd")
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .spawn()
        .context("`setsid dockerd` cannot be started")?;
    let end = when_ended(daemon);
    let deadline = Instant::now() + START_LIMIT;
    loop {
        match end.recv_timeout(ASK_EVERY) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(status) => bail!("dockerd ended with {status}; {}", run::tail(&log)),
            Err(RecvTimeoutError::Disconnected) => bail!("dockerd was lost; {}", run::tail(&log)),
        }
        match version() {
            Ok(version) => {
                println!("engine: Docker {version} answers");
                return Ok(());
            }
            Err(error) if deadline < Instant::now() => {
                return Err(error).with_context(|| format!("dockerd does not answer; {}", run::tail(&log)));
            }
            Err(_) => {}
        }
    }
}

/// Tells when the daemon ends, which before it answers is a failure.
fn when_ended(mut daemon: Child) -> Receiver<ExitStatus> {
    let (tell, ended) = mpsc::channel();
    thread::spawn(move || {
        if let Ok(status) = daemon.wait() {
            // Nobody listens any more once the daemon has answered.
            let _ = tell.send(status);
        }
    });
    ended
}
