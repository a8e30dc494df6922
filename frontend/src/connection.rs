//! The one WebSocket: opened, kept and opened again, with patience and without hammering.

use std::{sync::Arc, time::Duration};

use api::rpc::system::SystemApiClient;
use futures::future::select;
use jsonrpsee::{core::client::Client, wasm_client::WasmClientBuilder};
use leptos::prelude::*;

use crate::{
    link::Link,
    session::{self, Entry, Session},
    state::backoff::Backoff,
    timer::{Notifier, sleep, within},
};

/// A connection that lived this long was a good one: the next wait is short again.
const GOOD: f64 = 5_000.0;

/// How long the server may take to answer when the page wakes up.
const PROBE: Duration = Duration::from_secs(5);

/// Messages kept for a subscription while the page is busy; beyond it the subscription is opened again.
const BUFFER: usize = 16_384;

/// Keeps the connection for as long as the page lives.
pub(crate) async fn keep(link: Link, session: Session) {
    let wake = listen_for_wake();
    let mut backoff = Backoff::default();
    loop {
        match session::check().await {
            Entry::In => {
                session.set(Entry::In);
                let opened = js_sys::Date::now();
                if let Some(client) = open().await {
                    live(link, client, session, &wake).await;
                    link.set(None);
                }
                if GOOD < js_sys::Date::now() - opened {
                    backoff.reset();
                }
            }
            Entry::Out => {
                session.set(Entry::Out);
                session.signed_in().await;
                backoff.reset();
                continue;
            }
            Entry::Unknown => {}
        }
        if link.connected.get_untracked().is_none() {
            link.set(None);
        }
        select(Box::pin(sleep(backoff.next())), Box::pin(wake.notified())).await;
    }
}

/// Offers the client to the pages until it is cut, silent, or the reader has signed out.
async fn live(link: Link, client: Client, session: Session, wake: &Notifier) {
    let client = Arc::new(client);
    link.set(Some(client.clone()));
    let cut = async {
        client.on_disconnect().await;
    };
    let silent = async {
        loop {
            wake.notified().await;
            // After sleep a dead connection looks alive until one asks.
            if !matches!(within(PROBE, SystemApiClient::version(&*client)).await, Some(Ok(_))) {
                return;
            }
        }
    };
    let left = session.signed_out();
    select(Box::pin(cut), select(Box::pin(silent), Box::pin(left))).await;
}

async fn open() -> Option<Client> {
    let location = window().location();
    let scheme = if location.protocol().ok()? == "https:" { "wss" } else { "ws" };
    let url = format!("{scheme}://{}/rpc", location.host().ok()?);
    let client = WasmClientBuilder::default()
        .request_timeout(Duration::from_secs(30))
        .max_buffer_capacity_per_subscription(BUFFER)
        .build(url);
    client.await.ok()
}

/// Notified when the network or the page is back.
fn listen_for_wake() -> Notifier {
    let notifier = Notifier::default();
    let online = notifier.clone();
    window_event_listener_untyped("online", move |_| online.notify());
    let visible = notifier.clone();
    window_event_listener_untyped("visibilitychange", move |_| {
        if !document().hidden() {
            visible.notify();
        }
    });
    notifier
}
