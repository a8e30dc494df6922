//! One command on an SSH server: connected, the server's key checked, logged in, begun.

use std::{sync::Arc, time::Duration};

use api::executor::words;
use bytes::Bytes;
use russh::{
    ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Disconnect, Preferred,
    client::{self, Config, Handle, Handler, Msg},
    keys::{HashAlg, PrivateKeyWithHashAlg, PublicKeyOrCertificate},
};
use url::Url;

use super::{Error, Identity};
use crate::broker::git::way::{self, Way};

/// From the first packet until the command has begun.
const BEGIN: Duration = Duration::from_secs(30);
/// How long the server may be silent; a large pack takes it a while.
const SILENCE: Duration = Duration::from_secs(15 * 60);
/// What tells a dead connection from a silent one.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// What the server may send before it must wait, in bytes.
const WINDOW: u32 = 4 << 20;
/// Messages of one channel that wait to be read; each is at most a packet.
const WAITING: usize = 64;

/// For a friendly goodbye.
const GOODBYE: Duration = Duration::from_secs(1);
/// The most that is kept of what a server says of a failure, in bytes.
const LONGEST_WORDS: usize = 2000;

/// A command that runs.
pub(super) struct Session {
    read: ChannelReadHalf,
    pub(super) write: ChannelWriteHalf<Msg>,
    /// The connection lasts as long as this.
    handle: Handle<Gate>,
    host: String,
    /// What it said beside its answer.
    words: Vec<u8>,
    has_spoken: bool,
    /// Nothing more of the answer comes.
    has_ended: bool,
}

impl Session {
    /// The next bytes of the command's answer; `None` at its end. Can be dropped and called again.
    ///
    /// # Errors
    /// When the connection breaks, or the command fails before it says anything.
    pub(super) async fn hear(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            match self.read.wait().await {
                Some(ChannelMsg::Data { data }) => {
                    self.has_spoken = true;
                    return Ok(Some(data));
                }
                Some(ChannelMsg::ExtendedData { data, .. }) => self.keep(&data),
                Some(ChannelMsg::Eof) => self.has_ended = true,
                Some(ChannelMsg::Close) | None => return self.end(),
                Some(_) => {}
            }
        }
    }

    fn end(&self) -> Result<Option<Bytes>, Error> {
        if !self.has_ended {
            let why = "the connection was cut".to_owned();
            return Err(Error::BrokenOff { host: self.host.clone(), why });
        }
        let said = words(&self.words);
        match (self.has_spoken, said.is_empty()) {
            (true, _) => Ok(None),
            // A server that refuses says why; one that only ends is restarting, or has too many sessions.
            (false, true) => {
                let why = "it ended without a word".to_owned();
                Err(Error::BrokenOff { host: self.host.clone(), why })
            }
            (false, false) => Err(Error::Refused(said)),
        }
    }

    /// Hangs up.
    pub(super) async fn close(&self) {
        let goodbye = self.handle.disconnect(Disconnect::ByApplication, "", "");
        // It may be gone already.
        let _ = tokio::time::timeout(GOODBYE, goodbye).await;
    }

    fn keep(&mut self, words: &[u8]) {
        let room = LONGEST_WORDS.saturating_sub(self.words.len());
        self.words.extend_from_slice(&words[..words.len().min(room)]);
    }
}

/// Checks the server's key.
pub(super) struct Gate {
    identity: Arc<Identity>,
    host: String,
}

/// What goes wrong in a connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error(transparent)]
    Ssh(#[from] russh::Error),
    #[error("an unknown host key, {0}")]
    UnknownHostKey(String),
}

impl Handler for Gate {
    type Error = Broken;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Broken> {
        let key = match shown {
            PublicKeyOrCertificate::PublicKey { key, .. } => key,
            // Not asked for.
            PublicKeyOrCertificate::Certificate(_) => return Ok(false),
        };
        if self.identity.knows(key) {
            return Ok(true);
        }
        let fingerprint = key.fingerprint(HashAlg::Sha256).to_string();
        tracing::error!(git.host = self.host, fingerprint, "an SSH server shows a key that is not known");
        Err(Broken::UnknownHostKey(fingerprint))
    }
}

/// Runs a command where this repository is.
pub(super) async fn open(
    way: &Way,
    identity: Arc<Identity>,
    url: &Url,
    command: String,
    protocol: Option<&str>,
) -> Result<Session, Error> {
    let host = url.host_str().unwrap_or_default().to_owned();
    match tokio::time::timeout(BEGIN, begin(way, identity, url, &host, command, protocol)).await {
        Ok(session) => session,
        Err(_) => Err(Error::TimedOut { host }),
    }
}

async fn begin(
    way: &Way,
    identity: Arc<Identity>,
    url: &Url,
    host: &str,
    command: String,
    protocol: Option<&str>,
) -> Result<Session, Error> {
    let unreachable = |why: String| Error::Unreachable { host: host.to_owned(), why };
    let broken = |broken| match broken {
        Broken::UnknownHostKey(fingerprint) => Error::UnknownHostKey { host: host.to_owned(), fingerprint },
        Broken::Ssh(error) => Error::BrokenOff { host: host.to_owned(), why: error.to_string() },
    };
    let socket = way.dial(url).await.map_err(|error| match error {
        way::Error::Refused(refused) => Error::NotAllowed(refused),
        way::Error::Io(error) => unreachable(error.to_string()),
    })?;
    socket.set_nodelay(true).map_err(|error| unreachable(error.to_string()))?;
    let gate = Gate { identity: Arc::clone(&identity), host: host.to_owned() };
    let mut handle = client::connect_stream(config(&identity), socket, gate).await.map_err(broken)?;
    let user = identity.user(url);
    let ssh = |error: russh::Error| broken(Broken::Ssh(error));
    if !log_in(&mut handle, &identity, user).await.map_err(ssh)? {
        return Err(Error::KeyRefused { host: host.to_owned(), user: user.to_owned() });
    }
    let channel = handle.channel_open_session().await.map_err(ssh)?;
    if let Some(protocol) = protocol {
        // A server that does not take it speaks its usual version, which is as good.
        channel.set_env(false, "GIT_PROTOCOL", protocol).await.map_err(ssh)?;
    }
    channel.exec(true, command).await.map_err(ssh)?;
    let (mut read, write) = channel.split();
    loop {
        match read.wait().await {
            Some(ChannelMsg::Success) => break,
            Some(ChannelMsg::Failure) | None => {
                return Err(Error::Refused("it runs no git commands".to_owned()));
            }
            // The window may be widened before.
            Some(_) => {}
        }
    }
    Ok(Session {
        read,
        write,
        handle,
        host: host.to_owned(),
        words: Vec::new(),
        has_spoken: false,
        has_ended: false,
    })
}

async fn log_in(handle: &mut Handle<Gate>, identity: &Identity, user: &str) -> Result<bool, russh::Error> {
    let hash = match identity.key.algorithm().is_rsa() {
        // A server that does not say what it takes is asked for the newer one, never for SHA-1.
        true => handle.best_supported_rsa_hash().await?.flatten().or(Some(HashAlg::Sha512)),
        false => None,
    };
    let key = PrivateKeyWithHashAlg::new(Arc::clone(&identity.key), hash);
    Ok(handle.authenticate_publickey(user, key).await?.success())
}

fn config(identity: &Identity) -> Arc<Config> {
    Arc::new(Config {
        preferred: Preferred { key: identity.hosts.algorithms().into(), ..Preferred::DEFAULT },
        window_size: WINDOW,
        channel_buffer_size: WAITING,
        inactivity_timeout: Some(SILENCE),
        keepalive_interval: Some(KEEPALIVE),
        ..Config::default()
    })
}
