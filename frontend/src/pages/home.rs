//! Home: start something, see what waits, what runs, and how things ended.

use api::{id::RunId, run::Run};
use leptos::prelude::*;
use leptos_router::components::A;

use crate::{
    components::{Empty, GateCard, RunList, RunRow, Show, set_title},
    live::use_live,
    state::words,
};

mod active;
mod start;

/// How many ended runs are listed.
const LATELY: usize = 10;

/// The first page.
#[component]
pub(crate) fn Home() -> impl IntoView {
    set_title(String::new);
    active::provide_room();
    let live = use_live();
    let active = Memo::new(move |_| live.runs.read().active());
    let ended = Memo::new(move |_| live.runs.read().ended(LATELY));
    let slots = move || {
        let slots = live.status.read().as_ref()?.slots;
        let working = live.runs.read().working();
        let queued = match active.read().len() - working {
            0 => String::new(),
            queued => format!(", {queued} queued"),
        };
        Some(format!("{working} of {slots} slots{queued}"))
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
            <Empty text="Nothing has run yet. Each run gets a container of its own, and its work arrives as a branch."/>
        </Show>
        <Waiting/>
        <Show when=move || !active.read().is_empty()>
            <h2>"Running"<span class="aside">{slots}</span></h2>
            <RunList runs=active row=|run| view! { <active::ActiveRow run/> }.into_any()/>
        </Show>
        <Show when=move || !ended.read().is_empty()>
            <h2>"Ended lately"</h2>
            <RunList runs=ended row=|run| view! { <RunRow run/> }.into_any()/>
        </Show>
    }
}

/// What waits for a person, to be answered in place.
#[component]
fn Waiting() -> impl IntoView {
    let live = use_live();
    let ids =
        Memo::new(move |_| live.runs.read().waiting().into_iter().map(|run| run.id).collect::<Vec<_>>());
    let card = move |id: RunId| {
        let first = live.runs.read_untracked().get(id);
        first.map(|first| {
            let about = about(&first);
            let run = Memo::new(move |_| live.runs.read().get(id).unwrap_or_else(|| first.clone()));
            view! { <GateCard run about/> }
        })
    };
    view! {
        <Show when=move || !ids.read().is_empty()>
            <h2>"Waiting for you"</h2>
            <div class="questions"><For each=move || ids.get() key=|id| *id children=card/></div>
        </Show>
    }
}

/// Which run it is that waits.
fn about(run: &Run) -> ViewFn {
    let words = format!("{} · {}", run.task.name, words::repository(&run.repository));
    let address = format!("/runs/{}", run.id);
    ViewFn::from(move || {
        let words = words.clone();
        view! { <A href=address.clone() attr:class="small">{words}</A> }
    })
}

/// What the server needs and does not have: without it no run can start. The database's trouble is on every page.
#[component]
fn Parts() -> impl IntoView {
    let live = use_live();
    let broken = move || {
        let status = live.status.get()?;
        let parts = [("Engine", status.engine), ("Image", status.image), ("Model", status.model)];
        let line = |(name, part): (&'static str, api::system::Part)| {
            (!part.ok).then(
                || view! { <p class="trouble" role="alert"><strong>{name}</strong>" "{part.detail}</p> },
            )
        };
        Some(parts.into_iter().filter_map(line).collect_view())
    };
    view! { {broken} }
}
