//! Runs as a list of lines, each drawn once and kept while its place changes.

use std::sync::Arc;

use api::{id::RunId, run::Run};
use leptos::prelude::*;

use crate::live::use_live;

/// A list of runs.
#[component]
pub(crate) fn RunList(
    /// The runs, in order.
    #[prop(into)]
    runs: Signal<Vec<Arc<Run>>>,
    /// How one is shown.
    row: fn(Memo<Arc<Run>>) -> AnyView,
) -> impl IntoView {
    let live = use_live();
    let ids = move || runs.read().iter().map(|run| run.id).collect::<Vec<_>>();
    let children = move |id: RunId| {
        let first = live.runs.read_untracked().get(id);
        first.map(|first| row(Memo::new(move |_| live.runs.read().get(id).unwrap_or_else(|| first.clone()))))
    };
    view! { <div class="panel rows"><For each=ids key=|id| *id children/></div> }
}
