//! The broker: the only place that holds credentials. It answers what a run's container asks for
//! (model calls, git) and adds the credential on the way out, so that none is ever inside.
//!
//! A container shows its run's own token, which is worth nothing elsewhere and nothing afterwards.

mod git;
mod headers;
pub mod json_file;
mod login;
#[cfg(test)]
mod loopback;
mod meter;
mod model;
mod plain;
mod prices;
mod redact;
mod refusal;
pub mod scripted;
mod settings;
mod usage;

use std::{sync::Arc, time::Duration};

use api::{error::ApiError, id::RunId};
use axum::Router;
use url::Url;

#[cfg(any(test, feature = "fuzz"))]
pub use self::git::fuzz;
pub use self::git::{Error as GitError, Named, Survey};
pub use self::login::{Error as LoginError, Login};
pub use self::meter::{Meter, Permit, Spent};
pub(crate) use self::plain::is_exposed;
use self::prices::Prices;
pub use crate::secret::Secret;
use crate::tasks::Tasks;
use settings::Clients;
pub use settings::{Credential, Error, Settings, Upstream};

/// How long an upstream may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// How long an upstream may stay silent. An answer that is not streamed can take ten minutes.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// Answers model calls and git requests of every run. Cheap to clone.
#[derive(Clone)]
pub struct Broker(Arc<Parts>);

struct Parts {
    upstream: Upstream,
    git: git::Credentials,
    way: git::Way,
    prices: Prices,
    /// Notes what a call cost even when its agent has hung up.
    tasks: Tasks,
}

/// Who asks, and for what: one run's rights.
#[derive(Clone)]
pub struct Access {
    /// The run.
    pub run: RunId,
    /// What its agent must show with each model call.
    pub model_token: String,
    /// The only models it may ask for: exact names, or the beginning of one and `*`. Empty is any.
    pub models: Vec<String>,
    /// The only repository it may push to.
    pub repository: Url,
    /// Further repositories it may read.
    pub readable: Vec<Url>,
    /// The only branch it may push to, without `refs/heads/`.
    pub branch: String,
    /// What its model calls are counted by.
    pub meter: Arc<dyn Meter>,
}

impl Broker {
    /// Reads and checks the settings; a scripted model's script and the prices are read here, once.
    ///
    /// # Errors
    /// Names the setting that cannot work and why; never contains a credential.
    pub fn new(settings: &Settings, tasks: Tasks) -> Result<Self, Error> {
        // Nothing is followed, unpacked or added on the way: what comes back is passed on as it is.
        let builder = || {
            reqwest::Client::builder()
                .connect_timeout(CONNECT_TIMEOUT)
                .read_timeout(SILENCE_TIMEOUT)
                .redirect(reqwest::redirect::Policy::none())
                .no_gzip()
        };
        let client = builder().build().map_err(Error::Client)?;
        let direct = builder().no_proxy().build().map_err(Error::Client)?;
        let upstream = settings.upstream(&Clients { proxied: client.clone(), direct }, &tasks)?;
        if upstream.is_exposed() {
            tracing::warn!("the model's credential passes in clear: {}", upstream.describe());
        }
        let git = settings.git()?;
        let named = settings.git_private.iter().cloned().chain(git.hosts()).collect();
        let way = git::Way::new(named, client, builder).map_err(Error::Client)?;
        let prices = Prices::load(settings.prices.as_deref()).map_err(Error::Prices)?;
        tracing::info!(prices = prices.describe(), "the prices of models");
        Ok(Self(Arc::new(Parts { upstream, git, way, prices, tasks })))
    }

    /// What answers model calls, in a few words for people; never a credential.
    #[must_use]
    pub fn describe(&self) -> String {
        self.0.upstream.describe()
    }

    /// Which git servers are connected to, in a few words for people.
    #[must_use]
    pub fn describe_git(&self) -> String {
        self.0.way.describe()
    }

    /// Whether model calls can be answered at all.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !matches!(self.0.upstream, Upstream::None)
    }

    /// Every credential it holds, with the setting it is from: what no log and no event may show.
    #[must_use]
    pub fn credentials(&self) -> Vec<(&'static str, Secret)> {
        let git = self.0.git.secrets().into_iter().map(|secret| ("CAISSON_GIT_CREDENTIALS", secret));
        self.0.upstream.secrets().into_iter().chain(git).collect()
    }

    /// Whether a repository's server is one that this server connects to, as far as its address tells.
    ///
    /// # Errors
    /// Why not, with the remedy.
    pub fn check_address(&self, repository: &Url) -> Result<(), String> {
        self.0.way.check(repository).map_err(|refused| refused.to_string())
    }

    /// The same after its name was resolved. A name that does not resolve is left to whoever connects.
    ///
    /// # Errors
    /// Why not, with the remedy.
    pub async fn check_resolved(&self, repository: &Url) -> Result<(), String> {
        self.0.way.look(repository).await.map_err(|refused| refused.to_string())
    }

    /// Whether a repository can be reached at all: its server must be one that is connected to, and one behind SSH
    /// needs a key.
    ///
    /// # Errors
    /// `Invalid`, for the field `repository`, with the setting that is missing.
    pub fn check_repository(&self, repository: &Url) -> Result<(), ApiError> {
        self.check_address(repository).map_err(|why| ApiError::invalid("repository", why))?;
        if repository.scheme() != "ssh" || self.0.git.has_identity(repository) {
            return Ok(());
        }
        let host = repository.host_str().unwrap_or_default();
        let port = repository.port().map(|port| format!(":{port}")).unwrap_or_default();
        let why = format!(
            "there is no SSH key for {host}{port}: the operator of this server adds one to CAISSON_GIT_CREDENTIALS; or use the https:// URL"
        );
        Err(ApiError::invalid("repository", why))
    }

    /// Everything one run's container may ask for.
    pub fn router(&self, access: Access) -> Router {
        Router::new().merge(model::router(self.clone(), &access)).merge(git::router(self.clone(), access))
    }
}
