//! The login of the agent's CLI on this host, shared with it: read from its folder, renewed by one at a
//! time, and written back, so that neither ends the other. No container sees any of it.

mod file;
mod lock;
mod renewal;

use std::{
    path::Path,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use axum::http::HeaderValue;
use tokio::sync::{Mutex, oneshot};
use url::Url;

use self::{
    file::{CredentialsFile, Tokens},
    renewal::Renewal,
};
use crate::{secret::Secret, tasks::Tasks};

/// A token is renewed this long before it expires, as the CLI does.
const EARLY: Duration = Duration::from_secs(5 * 60);
/// A token that was renewed so recently is not renewed because it is refused.
const FRESH: Duration = Duration::from_secs(60);
/// How long a refused renewal is not tried again, unless the file changes.
const AGAIN: Duration = Duration::from_secs(30);

/// Why there is no token; never contains one.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// Only a person can help.
    #[error("the login of the CLI on Caisson's host {0}: log in again with the CLI on the host")]
    LoggedOut(String),
    /// Trying again may help.
    #[error("the login of the CLI on Caisson's host cannot be renewed at the moment: {0}")]
    Unavailable(String),
}

/// The login. Cheap to clone.
#[derive(Clone)]
pub struct Login(Arc<Parts>);

struct Parts {
    file: CredentialsFile,
    renewal: Renewal,
    tasks: Tasks,
    /// What is shown now.
    current: RwLock<Option<Arc<Tokens>>>,
    /// Held by the one who reads or renews.
    turn: Mutex<Turn>,
}

#[derive(Default)]
struct Turn {
    renewed_at: Option<Instant>,
    /// The refresh token that was refused, when, and why.
    failed: Option<(String, Instant, Error)>,
}

impl Login {
    /// Where it is renewed.
    pub(super) fn token_url(&self) -> &Url {
        &self.0.renewal.token_url
    }

    /// Reads the folder's login.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn open(
        folder: &Path,
        token_url: Url,
        client: reqwest::Client,
        tasks: Tasks,
    ) -> Result<Self, Error> {
        let file = CredentialsFile::of(folder);
        let current = RwLock::new(Some(Arc::new(file.read()?)));
        let renewal = Renewal { client, token_url };
        Ok(Self(Arc::new(Parts { file, renewal, tasks, current, turn: Mutex::default() })))
    }

    /// What to show, renewed if it is about to expire.
    pub(super) async fn bearer(&self) -> Result<HeaderValue, Error> {
        if let Some(tokens) = self.current().filter(|tokens| !tokens.expires_within(EARLY)) {
            return tokens.bearer();
        }
        self.take_turn(None).await?.bearer()
    }

    /// The upstream refuses what was shown: answers whether there is something else to show now.
    pub(super) async fn replace(&self, shown: &HeaderValue) -> Result<bool, Error> {
        let tokens = self.take_turn(Some(shown.clone())).await?;
        Ok(tokens.bearer()? != shown)
    }

    /// The tokens of now.
    pub(super) fn secrets(&self) -> Vec<Secret> {
        self.current().iter().flat_map(|tokens| tokens.secrets()).map(Secret::new).collect()
    }

    fn current(&self) -> Option<Arc<Tokens>> {
        self.0.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn keep(&self, tokens: Tokens) -> Arc<Tokens> {
        let tokens = Arc::new(tokens);
        *self.0.current.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&tokens));
        tokens
    }

    /// Begun once, it goes on to its end even if the agent hangs up: a renewal whose answer is lost would
    /// lock everybody out.
    async fn take_turn(&self, refused: Option<HeaderValue>) -> Result<Arc<Tokens>, Error> {
        let (done, answer) = oneshot::channel();
        let login = self.clone();
        self.0.tasks.spawn("login", |_| async move {
            let tokens = login.in_turn(refused).await;
            if let Err(error) = &tokens {
                tracing::error!(%error, file = %login.0.file.path().display(), "no token of the host's login");
            }
            // Nobody waits when the agent has hung up.
            let _ = done.send(tokens);
        });
        answer.await.unwrap_or_else(|_| Err(Error::Unavailable("the server stops".to_owned())))
    }

    async fn in_turn(&self, refused: Option<HeaderValue>) -> Result<Arc<Tokens>, Error> {
        let mut turn = self.0.turn.lock().await;
        // Another turn, or the CLI itself, may have renewed it meanwhile.
        let known = self.keep(self.0.file.read()?);
        if is_good(&known, refused.as_ref()) {
            return Ok(known);
        }
        // Just renewed and refused all the same: another one would be refused too.
        if refused.is_some() && turn.renewed_at.is_some_and(|at| at.elapsed() < FRESH) {
            return Ok(known);
        }
        if let Some((token, at, why)) = &turn.failed
            && Some(token.as_str()) == known.refresh_token()
            && (at.elapsed() < AGAIN || matches!(why, Error::LoggedOut(_)))
        {
            return self.or_still_valid(&known, refused.is_some(), why.clone());
        }
        match self.renew(refused.as_ref()).await {
            Ok(tokens) => {
                *turn = Turn { renewed_at: Some(Instant::now()), failed: None };
                Ok(tokens)
            }
            Err(why) => {
                let token = known.refresh_token().unwrap_or_default().to_owned();
                turn.failed = Some((token, Instant::now(), why.clone()));
                self.or_still_valid(&known, refused.is_some(), why)
            }
        }
    }

    /// A token that could not be renewed early is good until it expires.
    fn or_still_valid(
        &self,
        known: &Arc<Tokens>,
        is_refused: bool,
        why: Error,
    ) -> Result<Arc<Tokens>, Error> {
        if is_refused || known.expires_within(Duration::ZERO) {
            return Err(why);
        }
        tracing::warn!(%why, "the host's login was not renewed; its token is still valid");
        Ok(Arc::clone(known))
    }

    /// Renews, alone among all processes of this host.
    async fn renew(&self, refused: Option<&HeaderValue>) -> Result<Arc<Tokens>, Error> {
        let lock = lock::Lock::take(self.0.file.folder()).await?;
        // Whoever held the lock before may have done it.
        let known = self.0.file.read()?;
        if is_good(&known, refused) {
            return Ok(self.keep(known));
        }
        // The old refresh token is worth nothing once the new one is there: make sure of its place first.
        let draft = self.0.file.draft()?;
        let renewed = lock.held_during(self.0.renewal.ask(&known)).await?;
        let tokens = self.keep(known.renewed(&renewed));
        self.0.file.write(draft, &tokens)?;
        tracing::info!("the login of the host's CLI was renewed");
        Ok(tokens)
    }
}

fn is_good(tokens: &Tokens, refused: Option<&HeaderValue>) -> bool {
    match refused {
        Some(refused) => tokens.bearer().is_ok_and(|bearer| bearer != refused),
        None => !tokens.expires_within(EARLY),
    }
}

#[cfg(test)]
mod tests;
