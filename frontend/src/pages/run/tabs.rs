//! The parts of a run's page: its conversation, and its changes. The address says which, so both can be linked.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::{RunView, changes::Changes, conversation::Conversation, say::Say};
use crate::{
    components::GateCard,
    state::{patch, words},
};

/// Whether the address asks for the changes.
fn shows_changes() -> Memo<bool> {
    let query = use_query_map();
    Memo::new(move |_| query.read().get("tab").as_deref() == Some("changes"))
}

/// What the run waits for, and the links to its parts.
#[component]
pub(super) fn Tabs(view: RunView) -> impl IntoView {
    let changes = shows_changes();
    let current = move |is: bool| (changes.get() == is).then_some("page");
    let totals = move || {
        let diff = view.diff.get()?;
        let (added, removed) = patch::totals(&diff.files);
        Some(format!("{} +{added} −{removed}", words::count(diff.files.len(), "file")))
    };
    let gate = view.run.get_untracked().map(|first| {
        let run = Signal::derive(move || view.run.get().unwrap_or_else(|| first.clone()));
        view! { <div class="asked"><GateCard run/></div> }
    });
    view! {
        <nav class="tabs" aria-label="Parts of the run">
            <a href=format!("/runs/{}", view.id) aria-current=move || current(false) data-testid="tab-conversation">"Conversation"</a>
            <a href=format!("/runs/{}?tab=changes", view.id) aria-current=move || current(true) data-testid="tab-changes">
                "Changes"<span class="aside small">{totals}</span>
            </a>
        </nav>
        {gate}
    }
}

/// The part that the address asks for.
#[component]
pub(super) fn Shown(view: RunView) -> impl IntoView {
    let changes = shows_changes();
    move || match changes.get() {
        true => view! { <Changes view/> }.into_any(),
        false => view! { <div class="talk"><Conversation view/><Say view/></div> }.into_any(),
    }
}
