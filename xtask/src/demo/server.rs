//! `caisson serve` for the demo: built, started with a folder of its own, waited for, stopped.

use std::{
    env,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    net::{Ipv4Addr, TcpListener},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::{Child, Command},
    time::{Instant, sleep, timeout},
};

use super::{alone::Alone, cli::Caisson};
use crate::{image, run};

const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(30);
/// How much of the log is shown when the server does not start.
const LOG_TAIL_LINES: usize = 15;

/// A running server.
pub(super) struct Server {
    child: Child,
    _alone: Alone,
    program: PathBuf,
    token: String,
    address: String,
    /// What it writes to standard error.
    pub(super) log: PathBuf,
}

/// Builds the server, with the web UI inside.
///
/// # Errors
/// When it does not compile.
pub(super) fn build(root: &Path) -> Result<()> {
    println!("demo: compiling the server (the first time takes minutes)");
    run::run(run::cargo(root).args(["build", "--quiet", "--package", "backend"]))
}

impl Server {
    /// Starts the server and waits until it answers.
    ///
    /// # Errors
    /// When it ends or says nothing; the end of its log is in the error.
    pub(super) async fn start(
        root: &Path,
        folder: &Path,
        mut alone: Alone,
        port: u16,
        is_real: bool,
    ) -> Result<Self> {
        let listen = format!("127.0.0.1:{}", free_port(port)?);
        let program = run::target_folder()?.join("debug/caisson");
        let token_file = folder.join("token");
        let token = admin_token(&token_file)?;
        let log = folder.join("serve.log");
        let mut serve = Command::new(&program);
        // A database, an image or a token of the user's own installation must not get in here.
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CAISSON_")) {
            serve.env_remove(name);
        }
        let script = root.join("backend/scripts/demo.json");
        let model = if is_real { "anthropic".to_owned() } else { format!("scripted:{}", script.display()) };
        serve.arg("serve").env("CAISSON_LISTEN", &listen).env("CAISSON_DATA_DIR", folder.join("data"));
        serve.env("CAISSON_IMAGE", image::TAG).env("CAISSON_MODEL", model);
        serve.env("CAISSON_ADMIN_TOKEN_FILE", &token_file).env("CAISSON_GIT_PRIVATE", "127.0.0.1");
        serve.stdin(alone.share()?).stdout(open_log(&log)?).stderr(open_log(&log)?);
        let child =
            serve.process_group(0).kill_on_drop(true).spawn().context("cannot start caisson serve")?;
        alone.held_by(child.id().unwrap_or_default())?;
        let mut server =
            Self { child, _alone: alone, program, token, address: format!("http://{listen}"), log };
        server.wait_until_it_answers(&listen).await?;
        Ok(server)
    }

    /// The command line for this server.
    pub(super) fn client(&self) -> Caisson {
        Caisson { program: self.program.clone(), address: self.address.clone(), token: self.token.clone() }
    }

    async fn wait_until_it_answers(&mut self, listen: &str) -> Result<()> {
        let limit = Instant::now() + START_LIMIT;
        while Instant::now() < limit {
            if is_healthy(listen).await {
                return Ok(());
            }
            tokio::select! {
                status = self.child.wait() => bail!("caisson serve has ended ({}):\n{}", status?, self.log_tail()),
                () = sleep(Duration::from_millis(100)) => {}
            }
        }
        bail!("caisson serve does not answer:\n{}", self.log_tail())
    }

    fn log_tail(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n")
    }

    /// Resolves when the server ends by itself.
    pub(super) async fn ended(&mut self) {
        // An error to wait means that there is no such process any more.
        let _ = self.child.wait().await;
    }

    /// Asks the server to end and waits for it.
    ///
    /// # Errors
    /// When it had to be killed.
    pub(super) async fn stop(mut self) -> Result<()> {
        let Some(id) = self.child.id().and_then(|id| i32::try_from(id).ok()) else { return Ok(()) };
        kill(Pid::from_raw(id), Signal::SIGTERM).context("cannot stop caisson serve")?;
        match timeout(STOP_LIMIT, self.child.wait()).await {
            Ok(_) => Ok(()),
            Err(_) => {
                self.child.kill().await.context("cannot kill caisson serve")?;
                bail!("caisson serve did not end within {} s and was killed", STOP_LIMIT.as_secs())
            }
        }
    }
}

async fn is_healthy(listen: &str) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect(listen).await?;
        stream.write_all(format!("GET /health HTTP/1.0\r\nHost: {listen}\r\n\r\n").as_bytes()).await?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await?;
        io::Result::Ok(answer)
    };
    ask.await.is_ok_and(|answer| answer.ends_with(b" 200"))
}

/// The port that was asked for, or another one if that is in use.
fn free_port(wanted: u16) -> Result<u16> {
    let bind =
        |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).and_then(|listener| listener.local_addr());
    if let Ok(address) = bind(wanted) {
        return Ok(address.port());
    }
    let port = bind(0).context("no port is free")?.port();
    println!("port {wanted} is in use, serving on {port}");
    Ok(port)
}

/// The token of this data folder: made once, readable for its owner only.
fn admin_token(path: &Path) -> Result<String> {
    if let Ok(token) = fs::read_to_string(path) {
        return Ok(token.trim().to_owned());
    }
    let mut random = [0; 32];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut random))
        .context("no random numbers")?;
    let token: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(token.as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(token)
}

fn open_log(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true).open(path).with_context(|| format!("cannot write {}", path.display()))
}
