//! The head of a run's page: what it is, where it is, and the way to stop it.

use std::sync::Arc;

use api::{rpc::runs::RunsApiClient, run, run::RunState};
use leptos::prelude::*;
use leptos_router::{components::A, hooks::use_navigate};

use super::RunView;
use crate::{
    clock::use_now,
    components::{Confirm, RunBadge, Trouble, set_title},
    link::use_link,
    live::use_live,
    state::{badge::Badge, words},
};

/// Breadcrumb, title, state, the line of facts, and buttons.
#[component]
pub(super) fn Head(view: RunView) -> impl IntoView {
    let now = use_now();
    let first = view.run.get_untracked();
    first.map(|first| {
        let run = Memo::new(move |_| view.run.get().unwrap_or_else(|| first.clone()));
        set_title(move || format!("{} · {}", Badge::of(&run.read()).text, run.read().task.name));
        let task = run.read_untracked().task_id;
        let name = run.read_untracked().task.name.clone();
        let crumb = name.clone();
        let repository = words::repository(&run.read_untracked().repository).to_owned();
        let step = move || {
            let run = run.read();
            (0 < run.step && run.state != RunState::Ended)
                .then(|| format!("step {} of {}", run.step, run.task.steps.len()))
        };
        let duration = move || {
            let run = run.read();
            let until = run.ended_at.unwrap_or_else(|| now.get());
            words::span(words::seconds_between(run.started_at.unwrap_or(run.created_at), until))
        };
        view! {
            <p class="crumbs small third">
                <A href="/runs">"Runs"</A>" / "<A href=format!("/tasks/{task}")>{crumb}</A>" / "{repository.clone()}
            </p>
            <header class="head run-head">
                <h1 data-testid="run-title">{name}</h1>
                <RunBadge run/>
                <Buttons run/>
            </header>
            <p class="facts second">
                <span class="mono">{repository}</span>
                <span class="mono">{move || run.read().branch.clone()}</span>
                <span>{step}</span>
                <span>{duration}</span>
                {origin(&run.read_untracked())}
                <span data-testid="cost">{move || words::cost_of(&run.read())}</span>
            </p>
        }
    })
}

/// Where the run comes from, if not from a person's hand alone: a batch, a run before it; and its priority.
fn origin(run: &run::Run) -> impl IntoView + use<> {
    let batch =
        run.batch_id.map(|id| view! { <span><A href=format!("/batches/{id}")>"part of a batch"</A></span> });
    let words = match run.auto_retries {
        0 => "run again".to_owned(),
        1 => "retried automatically".to_owned(),
        times => format!("retried automatically, {times} times"),
    };
    let retry = run.retry_of.map(|id| {
        view! { <span data-testid="retry-of"><A href=format!("/runs/{id}")>{words}</A></span> }
    });
    let priority = (run.priority != 0).then(|| view! { <span>"priority "{run.priority}</span> });
    view! { {batch}{retry}{priority} }
}

/// Cancel while it goes on, run again when it is over.
#[component]
fn Buttons(#[prop(into)] run: Signal<Arc<run::Run>>) -> impl IntoView {
    let live = use_live();
    let link = use_link();
    let busy = RwSignal::new(false);
    let trouble = RwSignal::new(None);
    let navigate = StoredValue::new_local(use_navigate());
    let id = run.read_untracked().id;
    let send = move |again: bool| {
        busy.set(true);
        leptos::task::spawn_local(async move {
            let call = link.call(move |client| async move {
                if again {
                    RunsApiClient::retry(&*client, id).await
                } else {
                    RunsApiClient::cancel(&*client, id).await
                }
            });
            let result = call.await;
            busy.try_set(false);
            match result {
                Ok(changed) => {
                    let address = format!("/runs/{}", changed.id);
                    live.runs.update(|runs| runs.fold(changed));
                    if again {
                        navigate.with_value(|navigate| navigate(&address, Default::default()));
                    }
                }
                Err(failure) => drop(trouble.try_set(Some(failure.text))),
            }
        });
    };
    let state = Memo::new(move |_| run.read().state);
    let buttons = move || {
        match state.get() {
        RunState::Ended => view! {
            <button type="button" data-testid="retry-run" disabled=busy on:click=move |_| send(true)>"Run again"</button>
        }
        .into_any(),
        RunState::Stopping => ().into_any(),
        _ => view! {
            <Confirm
                label="Cancel"
                sure="Cancel the run"
                keep="Keep it running"
                testid="cancel-run"
                busy
                act=move || send(false)
            />
        }
        .into_any(),
    }
    };
    view! { <div class="actions">{buttons}</div><Trouble text=trouble/> }
}
