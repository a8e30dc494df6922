//! The targets of a batch: a square each in order, and a line each with run, state and branch.

use api::{
    batch::{Batch, BatchRun},
    run::RunState,
};
use leptos::prelude::*;
use leptos_router::components::A;

use crate::{
    clock::{short_time, use_now},
    components::{Show, TargetBadge},
    state::{batches, words},
};

/// How many lines are drawn at first, and how many more each time the reader asks.
const DRAWN: usize = 200;

/// The newest run of the target at this place; drawn again only when it changes.
fn target(batch: Memo<Batch>, place: usize) -> Option<Memo<BatchRun>> {
    let first = batch.read_untracked().runs.get(place).cloned()?;
    Some(Memo::new(move |_| batch.read().runs.get(place).cloned().unwrap_or_else(|| first.clone())))
}

/// A square for each target: hover names it, a click opens it.
#[component]
pub(super) fn Squares(batch: Memo<Batch>) -> impl IntoView {
    let all = Memo::new(move |_| batch.read().runs.len());
    let square = move |place| {
        target(batch, place).map(|run| {
            let badge = Memo::new(move |_| batches::run_badge(&run.read()));
            view! {
                <a
                    class=move || format!("square {}", badge.read().tone.class())
                    href=move || format!("/runs/{}", run.read().id)
                    title=move || format!("{}: {}", words::repository(&run.read().repository), badge.read().text)
                    aria-label=move || format!("{}: {}", words::repository(&run.read().repository), badge.read().text)
                ></a>
            }
        })
    };
    view! { <div class="squares" data-testid="squares"><For each=move || 0..all.get() key=|place| *place children=square/></div> }
}

/// The lines.
#[component]
pub(super) fn Targets(batch: Memo<Batch>) -> impl IntoView {
    let drawn = RwSignal::new(DRAWN);
    let all = Memo::new(move |_| batch.read().runs.len());
    let line = move |place| target(batch, place).map(|run| view! { <Line run/> });
    view! {
        <div class="panel rows">
            <For each=move || 0..all.get().min(drawn.get()) key=|place| *place children=line/>
        </div>
        <Show when=move || drawn.get() < all.get()>
            <button type="button" class="more" on:click=move |_| drawn.update(|drawn| *drawn += DRAWN)>"More"</button>
        </Show>
    }
}

/// One target; the whole line leads to its newest run.
#[component]
fn Line(run: Memo<BatchRun>) -> impl IntoView {
    let now = use_now();
    let when = move || run.read().ended_at.map(|ended| short_time(ended, now.get()));
    // Before a model was asked there is nothing to say about its price.
    let cost = move || {
        let run = run.read();
        (run.cost.usd != 0.0 || run.state == RunState::Ended).then(|| words::cost(run.cost))
    };
    let branch = move || {
        let run = run.read();
        run.head_commit.as_ref().map(|_| run.branch.clone())
    };
    view! {
        <A href=move || format!("/runs/{}", run.read().id) attr:class="row target" attr:data-testid="batch-target">
            <TargetBadge run/>
            <span class="what"><span class="name">{move || words::repository(&run.read().repository).to_owned()}</span></span>
            <span class="branch mono third">{branch}</span>
            <span class="figure cost">{cost}</span>
            <span class="when third">{when}</span>
        </A>
    }
}
