//! What is kept of a run, to download, and what is not on its branch.

use leptos::prelude::*;

use super::RunView;
use crate::state::kept::{self, Kept as Row};

/// What is kept, an entry each, known to tests by this name.
#[component]
pub(super) fn Kept(view: RunView, test_id: &'static str) -> impl IntoView {
    let id = view.id;
    let rows = Memo::new(move |_| view.run.read().as_ref().map(|run| kept::kept(run)).unwrap_or_default());
    let entry = move |Row { name, what, command }: Row| {
        let (address, file) = (format!("/api/runs/{id}/artifacts/{name}"), name.clone());
        let command = (!command.is_empty()).then(|| view! { <code>{command}</code> });
        view! {
            <li>
                <a href=address download=file class="mono" data-testid=test_id>{name}</a>
                <span class="third">{what}</span>
                {command}
            </li>
        }
    };
    move || rows.get().into_iter().map(entry).collect_view()
}

/// What is in no commit and what was denied, an entry each.
#[component]
pub(super) fn Left(view: RunView) -> impl IntoView {
    let lines = Memo::new(move |_| view.run.read().as_ref().map(|run| kept::left(run)).unwrap_or_default());
    move || lines.get().into_iter().map(|line| view! { <li data-testid="left">{line}</li> }).collect_view()
}
