//! All runs, by state, page by page, and live.

use api::{
    id::RunId,
    rpc::runs::RunsApiClient,
    run::{RunState, wire_name},
};
use leptos::prelude::*;

use crate::{
    components::{Empty, RunList, RunRow, Show, Trouble, set_title},
    link::use_link,
    live::use_live,
    timer::spawn_scoped,
};

/// How many runs a page has.
const PAGE: u32 = 50;

/// How far a list was read.
#[derive(Clone, Debug, Default, PartialEq)]
struct Reach {
    /// The oldest run that was read; `None` when all were.
    oldest: Option<RunId>,
    /// Where the next page begins.
    next: Option<String>,
    /// Whether the first page has arrived.
    begun: bool,
}

/// The list with its filter.
#[component]
pub(crate) fn Runs() -> impl IntoView {
    set_title(|| "Runs".to_owned());
    let state = RwSignal::new(None::<RunState>);
    let choice = move |value: Option<RunState>| {
        let label = value.map_or_else(|| "all".to_owned(), |state| wire_name(&state));
        view! {
            <button
                type="button"
                class="choice"
                aria-pressed=move || (state.get() == value).to_string()
                on:click=move |_| state.set(value)
            >
                {label}
            </button>
        }
    };
    let choices = std::iter::once(None).chain(RunState::ALL.map(Some)).map(choice).collect_view();
    view! {
        <header class="head"><h1>"Runs"</h1></header>
        <div class="choices" role="group" aria-label="State">{choices}</div>
        {move || view! { <Filtered state=state.get()/> }}
    }
}

/// The runs in one state.
#[component]
fn Filtered(state: Option<RunState>) -> impl IntoView {
    let live = use_live();
    let link = use_link();
    let reach = RwSignal::new(Reach::default());
    let trouble = RwSignal::new(None);
    let read = move || async move {
        let cursor = reach.get_untracked().next;
        let page = link.call(|client| async move {
            RunsApiClient::list(&*client, None, None, state, None, None, cursor, Some(PAGE)).await
        });
        match page.await {
            Ok(page) => {
                let oldest = page.next.as_ref().and_then(|_| page.items.last().map(|run| run.id));
                live.runs.update(|runs| page.items.into_iter().for_each(|run| runs.fold(run)));
                reach.set(Reach { oldest, next: page.next, begun: true });
                trouble.set(None);
            }
            Err(failure) => trouble.set(Some(failure.text)),
        }
    };
    spawn_scoped(read());
    let more = move |_| spawn_scoped(read());
    let runs = Memo::new(move |_| live.runs.read().list(state, reach.read().oldest));
    let nothing = move || reach.read().begun && runs.read().is_empty();
    view! {
        <Trouble text=trouble/>
        <Show when=nothing>
            <Empty text=match state {
                Some(state) => format!("No run is {} now.", wire_name(&state)),
                None => "No run yet. Start one on the home page.".to_owned(),
            }/>
        </Show>
        <Show when=move || !runs.read().is_empty()><RunList runs row=|run| view! { <RunRow run/> }.into_any()/></Show>
        <Show when=move || reach.read().next.is_some()>
            <button type="button" class="more" data-testid="more" on:click=more>"More"</button>
        </Show>
    }
}
