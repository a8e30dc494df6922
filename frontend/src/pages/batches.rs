//! All batches: how far each is.

use std::time::Duration;

use api::{batch::Batch, rpc::batches::BatchesApiClient};
use leptos::prelude::*;
use leptos_router::components::A;

use crate::{
    clock::{short_time, use_now},
    components::{Empty, RollUp, Show, Trouble, set_title},
    link::use_link,
    state::{
        batches::{self, Batches as Known},
        words,
    },
    timer::{sleep, spawn_scoped},
};

/// How many batches a page has.
const PAGE: u32 = 50;

/// How often the newest are read again; the page of a batch is told at once.
const READ_EVERY: Duration = Duration::from_secs(3);

/// The list of batches.
#[component]
pub(crate) fn Batches() -> impl IntoView {
    set_title(|| "Batches".to_owned());
    let link = use_link();
    let known = RwSignal::new(None::<Known>);
    let next = RwSignal::new(None::<String>);
    let trouble = RwSignal::new(None);
    let read = move |cursor: Option<String>| async move {
        let page = link
            .call(|client| async move { BatchesApiClient::list(&*client, None, cursor, Some(PAGE)).await })
            .await;
        match page {
            Ok(page) => {
                known.update(|known| known.get_or_insert_default().fold(page.items));
                trouble.set(None);
                Some(page.next)
            }
            Err(failure) => {
                trouble.set(Some(failure.text));
                None
            }
        }
    };
    spawn_scoped(async move {
        next.set(read(None).await.flatten());
        loop {
            sleep(READ_EVERY).await;
            read(None).await;
        }
    });
    let more = move |_| {
        spawn_scoped(async move {
            if let Some(further) = read(next.get_untracked()).await {
                next.set(further);
            }
        });
    };
    let list = Memo::new(move |_| known.read().as_ref().map(Known::list));
    let ids = move || list.get().unwrap_or_default().into_iter().map(|batch| batch.id).collect::<Vec<_>>();
    let row = move |id| {
        let first = known.with_untracked(|known| known.as_ref().and_then(|known| known.get(id)));
        first.map(|first| {
            let batch = Memo::new(move |_| {
                known.read().as_ref().and_then(|known| known.get(id)).unwrap_or_else(|| first.clone())
            });
            view! { <BatchRow batch/> }
        })
    };
    view! {
        <header class="head"><h1>"Batches"</h1></header>
        <Trouble text=trouble/>
        <Show when=move || list.read().as_ref().is_some_and(Vec::is_empty)>
            <Empty text="No batch yet. Name several repositories on the home page, one a line, and a task runs in each of them.">
                <A href="/" attr:class="button primary">"Start one"</A>
            </Empty>
        </Show>
        <Show when=move || list.read().as_ref().is_some_and(|list| !list.is_empty())>
            <div class="panel rows"><For each=ids key=|id| *id children=row/></div>
        </Show>
        <Show when=move || next.read().is_some()>
            <button type="button" class="more" on:click=more>"More"</button>
        </Show>
    }
}

/// One batch; the whole line leads to it.
#[component]
fn BatchRow(batch: Memo<Batch>) -> impl IntoView {
    let now = use_now();
    let id = batch.read_untracked().id.to_string();
    let when = move || {
        let batch = batch.read();
        match batch.ended_at {
            Some(ended) => short_time(ended, now.get()),
            None => words::age(words::seconds_between(batch.created_at, now.get())),
        }
    };
    let size = move || {
        let count = usize::try_from(batches::targets(&batch.read())).unwrap_or(usize::MAX);
        if count == 1 { "1 repository".to_owned() } else { format!("{count} repositories") }
    };
    view! {
        <A href=format!("/batches/{id}") attr:class="row batch" attr:data-testid="batch-row" attr:data-batch-id=id>
            <span class="what">
                <span class="name">{move || batch.read().name.clone()}</span>
                <span class="second small">{size}</span>
            </span>
            <span class="standing"><RollUp batch/></span>
            <span class="figure cost">{move || words::cost(batch.read().cost)}</span>
            <span class="when third">{when}</span>
        </A>
    }
}
