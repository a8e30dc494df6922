//! The frame of every page: the rail with the places to go, a bar at the foot on a phone.

use leptos::prelude::*;

use super::{Show, Trouble};
use leptos_router::components::A;

use crate::{
    link::use_link,
    live::use_live,
    session::{self, Entry, Session},
    state::failure,
};

/// The rail and the page.
#[component]
pub(crate) fn Frame(
    /// The page.
    children: Children,
) -> impl IntoView {
    let live = use_live();
    let active = Memo::new(move |_| live.runs.read().active().len());
    let waiting = Memo::new(move |_| live.runs.read().waiting().len());
    let database = Memo::new(move |_| {
        let status = live.status.read();
        let database = status.as_ref().map(|status| &status.database);
        database.filter(|part| !part.ok).map(|part| failure::sentence(&part.detail))
    });
    view! {
        <nav class="rail" aria-label="Main">
            <div class="brand"><Mark/>"Caisson"</div>
            <A href="/" exact=true attr:data-testid="nav-home">
                "Home"
                <Show when=move || waiting.get() != 0>
                    <span class="count asked" title="waiting for you">{waiting}</span>
                </Show>
            </A>
            <A href="/runs" attr:data-testid="nav-runs">
                "Runs"
                <Show when=move || active.get() != 0><span class="count">{active}</span></Show>
            </A>
            <A href="/batches" attr:data-testid="nav-batches">"Batches"</A>
            <A href="/tasks" attr:data-testid="nav-tasks">"Tasks"</A>
            <A href="/instances" attr:data-testid="nav-instances">"Instances"</A>
            <Foot/>
        </nav>
        <main>
            // On every page: whatever is done there is not stored now.
            <Trouble text=database/>
            {children()}
        </main>
    }
}

/// The connection's state, the slots in use, and the way out.
#[component]
fn Foot() -> impl IntoView {
    let live = use_live();
    let connected = use_link().connected;
    let session = expect_context::<Session>();
    let slots = Memo::new(move |_| live.status.read().as_ref().map(|status| status.slots));
    let line = move || match (connected.get(), slots.get()) {
        (Some(true), Some(slots)) => format!("connected · {} of {slots} slots", live.runs.read().working()),
        (Some(true), None) => "connected".to_owned(),
        (Some(false), _) => "reconnecting…".to_owned(),
        (None, _) => "connecting…".to_owned(),
    };
    let leave = move |_| {
        leptos::task::spawn_local(async move {
            session::logout().await;
            session.set(Entry::Out);
        });
    };
    view! {
        <div class="foot">
            <span role="status" data-testid="connection">{line}</span>
            <button type="button" class="link" data-testid="logout" on:click=leave>"Sign out"</button>
        </div>
    }
}

/// The mark: a chamber, half under water.
#[component]
pub(crate) fn Mark() -> impl IntoView {
    view! {
        <svg class="mark" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
            <rect class="mark-room" x="0.75" y="0.75" width="18.5" height="18.5" rx="5"/>
            <path class="mark-air" d="M.75 10V5.75a5 5 0 0 1 5-5h8.5a5 5 0 0 1 5 5V10z"/>
        </svg>
    }
}
