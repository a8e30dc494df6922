//! The backend: decides and remembers. `caisson serve` and the command line around it.

pub mod budget;
pub mod caller;
pub mod cli;
pub mod config;
mod cut;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod hex;
pub mod keys;
mod mask;
mod metrics;
pub mod secret;
pub mod secrets;
pub mod telemetry;

pub mod auth;
pub mod server;
mod ui;

mod rest;
mod room;
mod rpc;

pub mod app;
pub mod audit;
mod drive;
mod jobs;

pub mod agent;
pub mod broker;
pub mod endpoint;
pub mod engine;
pub mod store;

pub mod tasks;
pub mod turn;

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use futures::FutureExt;
use tokio::net::TcpListener;

use app::App;
use broker::Broker;
use config::{Config, ModelSource};
use engine::docker::Docker;
use keys::Keys;
use secret::Secret;
use store::Store;
use tasks::Tasks;

/// The commit this was built from, where the build said so.
const fn commit() -> &'static str {
    match option_env!("CAISSON_COMMIT") {
        Some(commit) => commit,
        None => "unknown",
    }
}

/// How long everything may take to stop.
const GRACE: Duration = Duration::from_secs(10);

/// Why the server could not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// The port.
    #[error(transparent)]
    Server(#[from] server::Error),
    /// The server's key.
    #[error(transparent)]
    Keys(#[from] keys::Error),
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The first token.
    #[error(transparent)]
    Tokens(#[from] app::tokens::Error),
    /// The model or git settings.
    #[error(transparent)]
    Broker(#[from] broker::Error),
    /// Two RPC methods with the same name.
    #[error(transparent)]
    Methods(#[from] jsonrpsee::server::RegisterMethodError),
    /// The lock on the data folder could not be made.
    #[error("cannot write {path}: {source}; check the folder's rights", path = path.display())]
    Lock {
        /// The lock's file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Another server works on the same data.
    #[error("another server works in {path}; stop that one, or give this one a folder of its own with --data-dir", path = .0.display())]
    Locked(PathBuf),
    /// The signals of the operating system.
    #[error("signals cannot be received: {0}")]
    Signals(std::io::Error),
}

/// A server that is ready to answer.
pub struct Backend {
    app: App,
    listener: TcpListener,
    /// Held while it lives, so that no second server drives the same runs.
    _lock: File,
    /// The first admin token, to be shown once; `None` when there was one already.
    pub first_token: Option<Secret>,
}

impl Backend {
    /// Takes the port, opens the database and joins the parts. Nothing is answered yet.
    ///
    /// # Errors
    /// At the first part that cannot work, in a sentence that says what to do.
    pub async fn open(config: Config) -> Result<Self, Error> {
        let listener = server::bind(config.http.listen).await?;
        let lock = lock(&config.storage.data_dir)?;
        let owner =
            jobs::owner(&config.storage.data_dir).map_err(|(path, source)| Error::Lock { path, source })?;
        let tasks = Tasks::default();
        let keys = Keys::load(&config.storage.key_file)?;
        let store = Store::open(config.storage.database_url.expose(), &tasks).await?;
        let first_token = app::tokens::first_start(&store, config.storage.admin_token.as_ref()).await?;
        let broker = Broker::new(&broker_settings(&config), tasks.clone())?;
        let config::Containers { engine, publish, profile, .. } = config.containers.clone();
        let engine = Arc::new(Docker::new(&engine, publish, keys.server_id(), profile));
        let app = App::new(store, engine, broker, Arc::new(config), Arc::new(keys), tasks, owner);
        Ok(Self { app, listener, _lock: lock, first_token })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the operating system does not say.
    pub fn address(&self) -> std::io::Result<std::net::SocketAddr> {
        self.listener.local_addr()
    }

    /// The owner of its background tasks; asking it to stop ends `run`.
    #[must_use]
    pub fn tasks(&self) -> Tasks {
        self.app.tasks.clone()
    }

    /// What it remembers.
    #[must_use]
    pub fn store(&self) -> Store {
        self.app.store.clone()
    }

    /// Works until it is asked to stop. Runs go on in their containers and are adopted by the next start.
    ///
    /// # Errors
    /// When two RPC methods have the same name.
    pub async fn run(self) -> Result<(), Error> {
        let Self { app, listener, .. } = self;
        let mut methods = rpc::methods(&app)?;
        server::discover(&mut methods)?;
        let asked = app.clone();
        let parts = server::Parts {
            http: app.config.http.clone(),
            methods: methods.into(),
            rest: rest::routes(app.clone()),
            store: app.store.clone(),
            audit: app.audit.clone(),
            ready: Arc::new(move || {
                let app = asked.clone();
                async move {
                    let (database, engine) = tokio::join!(app.database_part(), app.engine_part());
                    server::Readiness { database, engine }
                }
                .boxed()
            }),
        };
        jobs::start(&app);
        server::serve(listener, parts, &app.tasks).await;
        if !app.tasks.drain(GRACE).await {
            tracing::warn!("some tasks did not stop in time");
        }
        Ok(())
    }
}

/// Takes the data folder for this process. The lock goes with the process, however that ends.
fn lock(data_dir: &Path) -> Result<File, Error> {
    let path = data_dir.join("server.lock");
    let file = File::create(&path).map_err(|source| Error::Lock { path, source })?;
    file.try_lock().map_err(|_| Error::Locked(data_dir.to_owned()))?;
    Ok(file)
}

/// `caisson serve`: opens, says where it is, and works until SIGTERM or Ctrl-C.
///
/// # Errors
/// When it cannot start.
pub async fn serve(settings: config::Serve) -> anyhow::Result<ExitCode> {
    telemetry::init(&settings.log)?;
    let backend = Backend::open(settings.validate()?).await?;
    if let Some(token) = &backend.first_token {
        // Shown this once; only its hash is stored.
        say(&format!("The admin token, shown only this once: {}", token.expose()));
    }
    if let Ok(address) = backend.address() {
        say(&format!("Caisson listens on http://{address}"));
    }
    stop_on_signal(&backend.tasks())?;
    backend.run().await?;
    Ok(ExitCode::SUCCESS)
}

/// Writes a line to standard error. `eprintln` would panic when that is a file on a full disk.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// SIGTERM and Ctrl-C ask everything to stop.
fn stop_on_signal(tasks: &Tasks) -> Result<(), Error> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::Signals)?;
    let asked = tasks.clone();
    tasks.spawn("signals", |stop| async move {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("asked to stop");
        asked.stop();
    });
    Ok(())
}

fn broker_settings(config: &Config) -> broker::Settings {
    broker::Settings {
        model: Some(match &config.model.source {
            ModelSource::Anthropic => "anthropic".to_owned(),
            ModelSource::Scripted(file) => format!("scripted:{}", file.display()),
        }),
        api_key: config.model.api_key.clone(),
        oauth_token: config.model.oauth_token.clone(),
        base_url: config.model.base_url.as_ref().map(ToString::to_string),
        claude_login: config.model.claude_login.clone(),
        claude_login_token_url: config.model.claude_login_token_url.clone(),
        github_token: config.git.github_token.clone(),
        git_credentials: config.git.credentials.clone(),
        git_private: config.git.private.clone(),
        prices: config.model.prices.clone(),
    }
}
