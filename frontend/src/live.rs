//! What all pages share and the server keeps current: the runs that are known, and how the server is.

use std::time::Duration;

use api::{
    rpc::{runs::RunsApiClient, system::SystemApiClient},
    run::{Run, RunState},
    system::Status,
};
use futures::future::join_all;
use leptos::prelude::*;

use crate::{
    link::{Link, use_link},
    state::{egress::Allowing, log::Next, runs::Runs},
    timer::{sleep, spawn_scoped},
};

/// How many runs are fetched of each kind to begin with.
const FIRST: u32 = 50;

/// How often the server is asked how it is; its counts change with runs, which are told at once.
const STATUS_EVERY: Duration = Duration::from_secs(10);

/// What all pages share.
#[derive(Clone, Copy)]
pub(crate) struct Live {
    /// The runs that are known.
    pub(crate) runs: RwSignal<Runs>,
    /// Whether the first runs have arrived.
    pub(crate) loaded: RwSignal<bool>,
    /// What was done about hosts that containers were refused.
    pub(crate) allowing: RwSignal<Allowing>,
    /// How the server is.
    pub(crate) status: RwSignal<Option<Status>>,
}

/// Makes it known to the pages and keeps it current while the reader is signed in.
pub(crate) fn provide_live() {
    let live = Live {
        runs: RwSignal::default(),
        loaded: RwSignal::new(false),
        allowing: RwSignal::default(),
        status: RwSignal::new(None),
    };
    provide_context(live);
    let link = use_link();
    spawn_scoped(follow_runs(link, live));
    spawn_scoped(poll_status(link, live));
}

/// What all pages share, from within a component.
pub(crate) fn use_live() -> Live {
    expect_context()
}

async fn follow_runs(link: Link, live: Live) {
    // Subscribed first, listed then: what changes in between comes twice, and nothing is missed.
    let open = |client: std::sync::Arc<_>| async move {
        let changes = RunsApiClient::on_change(&*client, None, None).await?;
        leptos::task::spawn_local(async move { list_runs(link, live).await });
        Ok(changes)
    };
    let fold = |changed: Vec<Run>| {
        live.runs.update(|runs| changed.into_iter().for_each(|run| runs.fold(run)));
        Next::Read
    };
    while link.follow(open, fold).await.is_err() {
        sleep(STATUS_EVERY).await;
    }
}

/// The newest runs, and all that are at work however old they are.
async fn list_runs(link: Link, live: Live) {
    let states = RunState::ALL.into_iter().map(Some);
    let pages = states.chain([None]).map(|state| {
        link.call(move |client| async move {
            RunsApiClient::list(&*client, None, None, state, None, None, None, Some(FIRST)).await
        })
    });
    let pages = join_all(pages).await;
    live.runs.try_update(|runs| {
        pages.into_iter().flatten().flat_map(|page| page.items).for_each(|run| runs.fold(run));
    });
    let _ = live.loaded.try_set(true);
}

async fn poll_status(link: Link, live: Live) {
    loop {
        if let Ok(status) = link.call(|client| async move { SystemApiClient::status(&*client).await }).await {
            live.status.set(Some(status));
        }
        sleep(STATUS_EVERY).await;
    }
}
