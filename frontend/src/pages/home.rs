//! Home: start something, see what waits, what runs, and how things ended.

use std::sync::Arc;

use api::{id::RunId, run::Run};
use leptos::prelude::*;
use leptos_router::components::A;

use crate::{
    components::{Empty, RunRow},
    live::use_live,
};

mod start;

/// How many ended runs are listed.
const LATELY: usize = 10;

/// The first page.
#[component]
pub(crate) fn Home() -> impl IntoView {
    let live = use_live();
    let active = Memo::new(move |_| live.runs.read().active());
    let ended = Memo::new(move |_| live.runs.read().ended(LATELY));
    let slots = move || {
        let status = live.status.get()?;
        let queued = if status.queue == 0 { String::new() } else { format!(", {} queued", status.queue) };
        Some(format!(
            "{} of {} slots{queued}",
            active.read().iter().filter(|run| works(run)).count(),
            status.slots
        ))
    };
    let nothing = move || live.loaded.get() && active.read().is_empty() && ended.read().is_empty();
    view! {
        <header class="head">
            <h1>"Home"</h1>
            <A href="/tasks/new" attr:class="button">"New task"</A>
        </header>
        <Parts/>
        <start::StartBar/>
        <Show when=nothing>
            <Empty text="Nothing has run yet. Pick a task and a repository above: each run gets a container of its own, and its work arrives as a branch.">
                ""
            </Empty>
        </Show>
        <Show when=move || !active.read().is_empty()>
            <h2>"Running"<span class="aside">{slots}</span></h2>
            <RunList runs=active/>
        </Show>
        <Show when=move || !ended.read().is_empty()>
            <h2>"Ended lately"</h2>
            <RunList runs=ended/>
        </Show>
    }
}

fn works(run: &Run) -> bool {
    !matches!(run.state, api::run::RunState::Queued)
}

/// Runs as a list of lines.
#[component]
pub(crate) fn RunList(
    /// The runs, in order.
    #[prop(into)]
    runs: Signal<Vec<Arc<Run>>>,
) -> impl IntoView {
    let ids = move || runs.read().iter().map(|run| run.id).collect::<Vec<_>>();
    let row = move |id: RunId| {
        let first = runs.read_untracked().iter().find(|run| run.id == id).cloned();
        first.map(|first| {
            // The row outlives its run's place in the list by a moment: then it shows what it showed last.
            let run = Memo::new(move |before: Option<&Arc<Run>>| {
                let found = runs.read().iter().find(|run| run.id == id).cloned();
                found.or_else(|| before.cloned()).unwrap_or_else(|| first.clone())
            });
            view! { <RunRow run/> }
        })
    };
    view! { <div class="panel rows"><For each=ids key=|id| *id children=row/></div> }
}

/// What the server needs and does not have: without it no run can start.
#[component]
fn Parts() -> impl IntoView {
    let live = use_live();
    let broken = move || {
        let status = live.status.get()?;
        let parts = [
            ("Database", status.database),
            ("Engine", status.engine),
            ("Image", status.image),
            ("Model", status.model),
        ];
        let line = |(name, part): (&'static str, api::system::Part)| {
            (!part.ok).then(
                || view! { <p class="trouble" role="alert"><strong>{name}</strong>" "{part.detail}</p> },
            )
        };
        Some(parts.into_iter().filter_map(line).collect_view())
    };
    view! { {broken} }
}
