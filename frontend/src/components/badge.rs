//! A state as a word with a dot, in its colour.

use std::sync::Arc;

use api::{batch::BatchRun, run::Run};
use leptos::prelude::*;

use crate::state::{
    badge::{Badge, Tone},
    batches,
};

/// The badge of a run.
#[component]
pub(crate) fn RunBadge(
    /// The run.
    #[prop(into)]
    run: Signal<Arc<Run>>,
) -> impl IntoView {
    view! { <StateBadge badge=Memo::new(move |_| Badge::of(&run.read()))/> }
}

/// The badge of a batch's target.
#[component]
pub(crate) fn TargetBadge(
    /// The newest run against it.
    run: Memo<BatchRun>,
) -> impl IntoView {
    view! { <StateBadge badge=Memo::new(move |_| batches::run_badge(&run.read()))/> }
}

#[component]
fn StateBadge(badge: Memo<Badge>) -> impl IntoView {
    view! {
        <span
            class=move || format!("badge {}", badge.read().tone.class())
            data-testid="run-state"
            data-state=move || badge.read().state.clone()
        >
            <i class="dot"></i>
            {move || badge.read().text.clone()}
        </span>
    }
}

/// A badge of anything else.
#[component]
pub(crate) fn BadgeView(
    /// Its colour.
    tone: Tone,
    /// What it says.
    #[prop(into)]
    text: String,
) -> impl IntoView {
    view! { <span class=format!("badge {}", tone.class())><i class="dot"></i>{text}</span> }
}
