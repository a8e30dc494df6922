//! The connection as the pages see it: call, and follow through every cut.

use std::{sync::Arc, time::Duration};

use futures::StreamExt;
use jsonrpsee::core::client::{Client, Error, Subscription};
use leptos::prelude::*;
use serde::de::DeserializeOwned;

use crate::{
    session::{Entry, Session},
    state::{failure::Failure, log::Next},
    timer::{Notifier, next_frame, sleep, within},
};

/// How long a call waits for a connection before it gives up.
const PATIENCE: Duration = Duration::from_secs(10);

/// The pause before a refused subscription is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// The most frames that are folded at once.
const BATCH: usize = 2048;

/// The connection to the server.
#[derive(Clone, Copy)]
pub(crate) struct Link {
    client: StoredValue<Option<Arc<Client>>, LocalStorage>,
    /// Whether there is a connection; `None` before the first.
    pub(crate) connected: RwSignal<Option<bool>>,
    notifier: StoredValue<Notifier>,
    session: Session,
}

/// Makes the connection known to the pages.
pub(crate) fn provide_link(session: Session) -> Link {
    let link = Link {
        client: StoredValue::new_local(None),
        connected: RwSignal::new(None),
        notifier: StoredValue::default(),
        session,
    };
    provide_context(link);
    link
}

/// The connection, from within a component.
pub(crate) fn use_link() -> Link {
    expect_context()
}

impl Link {
    /// Sets or clears the client; connection.rs alone does.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn set(self, client: Option<Arc<Client>>) {
        self.connected.set(Some(client.is_some()));
        self.client.set_value(client);
        self.notifier.get_value().notify();
    }

    /// Waits for a connection.
    pub(crate) async fn ready(self) -> Arc<Client> {
        loop {
            if let Some(client) = self.client.get_value() {
                return client;
            }
            self.notifier.get_value().notified().await;
        }
    }

    /// Calls a method, once there is a connection.
    ///
    /// # Errors
    /// What to tell the reader, and at which field.
    pub(crate) async fn call<T, F>(self, method: impl FnOnce(Arc<Client>) -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let Some(client) = within(PATIENCE, self.ready()).await else {
            return Err(Failure::new("There is no connection to the server. Try again when it is back."));
        };
        let result = method(client).await.map_err(Failure::from);
        if let Err(failure) = &result {
            self.heed(failure);
        }
        result
    }

    /// Follows a subscription until `fold` says to stop: a cut one is opened again, from where `open` begins.
    ///
    /// # Errors
    /// The server's refusal, such as an unknown id.
    pub(crate) async fn follow<T, F>(
        self,
        open: impl Fn(Arc<Client>) -> F,
        mut fold: impl FnMut(Vec<T>) -> Next,
    ) -> Result<(), Failure>
    where
        T: DeserializeOwned,
        F: Future<Output = Result<Subscription<T>, Error>>,
    {
        loop {
            match open(self.ready().await).await {
                Ok(frames) => {
                    if read(frames, &mut fold).await == Next::Stop {
                        return Ok(());
                    }
                }
                Err(error @ Error::Call(_)) => {
                    let failure = Failure::from(error);
                    self.heed(&failure);
                    return Err(failure);
                }
                Err(_) => {}
            }
            sleep(PAUSE).await;
        }
    }

    /// A server that no longer knows this reader sends them to the sign-in page.
    fn heed(self, failure: &Failure) {
        if failure.signed_out {
            self.session.set(Entry::Out);
        }
    }
}

/// Hands over what has gathered, once a frame; a frame that cannot be read ends the stream like a cut.
async fn read<T: DeserializeOwned>(frames: Subscription<T>, fold: &mut impl FnMut(Vec<T>) -> Next) -> Next {
    let mut batches = frames.ready_chunks(BATCH);
    while let Some(batch) = batches.next().await {
        let whole = batch.len();
        let frames: Vec<_> = batch.into_iter().map_while(Result::ok).collect();
        let was_whole = frames.len() == whole;
        match fold(frames) {
            Next::Read if was_whole => next_frame().await,
            Next::Read => return Next::Resubscribe,
            next => return next,
        }
    }
    Next::Resubscribe
}
