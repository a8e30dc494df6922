//! The page of a batch: how its runs stand, live, each target with its newest run, and the way to stop or repeat.

use std::sync::Arc;

use api::{batch::Batch, id::BatchId, rpc::batches::BatchesApiClient};
use leptos::prelude::*;
use leptos_router::{components::A, hooks::use_params_map};

use super::NotFound;
use crate::{
    clock::use_now,
    components::{BadgeView, Confirm, RollUp, Show, Trouble, set_title},
    link::{Link, use_link},
    state::{batches, log::Next, words},
    timer::spawn_scoped,
};

mod targets;

/// The page of the batch in the address.
#[component]
pub(crate) fn BatchPage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.read().get("id").and_then(|id| id.parse::<BatchId>().ok()));
    move || match id.get() {
        Some(id) => view! { <Known id/> }.into_any(),
        None => view! { <NotFound/> }.into_any(),
    }
}

/// The page of a batch with a well-formed id.
#[component]
fn Known(id: BatchId) -> impl IntoView {
    let link = use_link();
    let batch = RwSignal::new(None::<Batch>);
    let missing = RwSignal::new(false);
    let trouble = RwSignal::new(None);
    spawn_scoped(async move {
        match link.call(move |client| async move { BatchesApiClient::by_id(&*client, id).await }).await {
            Ok(found) => batch.set(Some(found)),
            Err(failure) if failure.not_found => missing.set(true),
            Err(failure) => trouble.set(Some(failure.text)),
        }
    });
    let active = Memo::new(move |_| batch.read().as_ref().is_some_and(|batch| batch.active));
    // A batch that is tried again becomes active again.
    Effect::new(move |_| {
        if active.get() {
            spawn_scoped(follow(link, id, batch, trouble));
        }
    });
    let known = Memo::new(move |_| batch.read().is_some());
    let shown = move || {
        known.get().then(|| batch.get_untracked()).flatten().map(|first| {
            let batch = Memo::new(move |_| batch.get().unwrap_or_else(|| first.clone()));
            view! { <Shown batch/> }
        })
    };
    provide_context(Setter(batch));
    view! {
        <Trouble text=trouble/>
        <Show when=move || missing.get()><NotFound/></Show>
        {shown}
    }
}

/// Where the answers of cancelling and trying again go.
#[derive(Clone, Copy)]
struct Setter(RwSignal<Option<Batch>>);

/// Follows the batch until its last run is over.
async fn follow(link: Link, id: BatchId, batch: RwSignal<Option<Batch>>, trouble: RwSignal<Option<String>>) {
    let open = |client: Arc<_>| async move { BatchesApiClient::on_change(&*client, id).await };
    let fold = |mut seen: Vec<Batch>| {
        let Some(newest) = seen.pop() else { return Next::Read };
        let next = if newest.active { Next::Read } else { Next::Stop };
        batch.set(Some(newest));
        next
    };
    if let Err(failure) = link.follow(open, fold).await {
        trouble.set(Some(failure.text));
    }
}

#[component]
fn Shown(batch: Memo<Batch>) -> impl IntoView {
    let now = use_now();
    set_title(move || {
        let batch = batch.read();
        format!("{} · {}", batches::badge(&batch).text, batch.name)
    });
    let badge = Memo::new(move |_| batches::badge(&batch.read()));
    let duration = move || {
        let batch = batch.read();
        words::span(words::seconds_between(batch.created_at, batch.ended_at.unwrap_or_else(|| now.get())))
    };
    let cost = move || {
        let batch = batch.read();
        let limit = batch.budget_usd.map(|limit| format!(" of {}", words::dollars(limit)));
        format!("{}{}", words::cost(batch.cost), limit.unwrap_or_default())
    };
    let task = batch.read_untracked().task_id;
    view! {
        <p class="crumbs small third">
            <A href="/batches">"Batches"</A>" / "<A href=format!("/tasks/{task}")>{move || batch.read().name.clone()}</A>
        </p>
        <header class="head run-head">
            <h1 data-testid="batch-title">{move || batch.read().name.clone()}</h1>
            {move || {
                let badge = badge.get();
                view! { <span data-testid="batch-state" data-state=badge.state><BadgeView tone=badge.tone text=badge.text/></span> }
            }}
            <Buttons batch/>
        </header>
        <p class="facts second">
            <span>{move || words::count(batch.read().runs.len(), "target")}</span>
            <span>{duration}</span>
            <span data-testid="batch-cost">{cost}</span>
            <span>{move || batch.read().concurrency.map(|most| format!("{most} at once"))}</span>
            <span>{move || batch.read().stop_after_failures.map(|most| format!("stops after {}", words::count(most as usize, "failure")))}</span>
        </p>
        {move || batch.read().stopped.clone().map(|why| view! { <p class="notice" data-testid="batch-stopped">"No further run is begun. "{why}</p> })}
        <section class="panel standing"><RollUp batch/><targets::Squares batch/></section>
        <targets::Targets batch/>
    }
}

/// Cancel while it goes on, try the failed ones again when something failed.
#[component]
fn Buttons(batch: Memo<Batch>) -> impl IntoView {
    let link = use_link();
    let Setter(known) = expect_context();
    let busy = RwSignal::new(false);
    let trouble = RwSignal::new(None);
    let id = batch.read_untracked().id;
    let send = move |again: bool| {
        busy.set(true);
        trouble.set(None);
        leptos::task::spawn_local(async move {
            let call = link.call(move |client| async move {
                if again {
                    BatchesApiClient::retry_failed(&*client, id).await
                } else {
                    BatchesApiClient::cancel(&*client, id).await
                }
            });
            let result = call.await;
            busy.try_set(false);
            match result {
                Ok(batch) => drop(known.try_set(Some(batch))),
                Err(failure) => drop(trouble.try_set(Some(failure.text))),
            }
        });
    };
    let active = Memo::new(move |_| batch.read().active);
    let failed = Memo::new(move |_| batches::has_failed(&batch.read()));
    view! {
        <div class="actions">
            <Show when=move || failed.get()>
                <button type="button" data-testid="retry-failed" disabled=busy on:click=move |_| send(true)>"Retry failed"</button>
            </Show>
            <Show when=move || active.get()>
                <Confirm label="Cancel" sure="Cancel all its runs" keep="Keep it running" testid="cancel-batch" busy act=move || send(false)/>
            </Show>
        </div>
        <Trouble text=trouble/>
    }
}
