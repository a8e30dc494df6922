//! A run as a line of a list.

use std::sync::Arc;

use api::run::{Run, RunState};
use leptos::prelude::*;
use leptos_router::components::A;

use super::RunBadge;
use crate::{
    clock::{short_time, use_now},
    state::words,
};

/// One run; the whole line leads to it.
#[component]
pub(crate) fn RunRow(
    /// The run.
    #[prop(into)]
    run: Signal<Arc<Run>>,
    /// What it does now, where somebody knows more than the run itself.
    #[prop(optional, into)]
    activity: Signal<Option<String>>,
) -> impl IntoView {
    let now = use_now();
    let id = run.read_untracked().id.to_string();
    let doing = move || {
        let run = run.read();
        let repository = words::repository(&run.repository);
        match activity.get().or_else(|| doing(&run)) {
            Some(doing) => format!("{repository} · {doing}"),
            None => repository.to_owned(),
        }
    };
    let when = move || {
        let run = run.read();
        match run.ended_at {
            Some(ended) => short_time(ended, now.get()),
            None => words::age(words::seconds_between(run.created_at, now.get())),
        }
    };
    view! {
        <A href=format!("/runs/{id}") attr:class="row" attr:data-testid="run-row" attr:data-run-id=id>
            <RunBadge run/>
            <span class="what">
                <span class="name">{move || run.read().task.name.clone()}</span>
                <span class="second small">{doing}</span>
            </span>
            {move || middle(&run.read())}
            <span class="figure cost">{move || words::cost_of(&run.read())}</span>
            <span class="when third">{when}</span>
        </A>
    }
}

/// What a run does now, or how it ended, beyond its badge; only what is known.
fn doing(run: &Run) -> Option<String> {
    match run.state {
        RunState::Queued => None,
        RunState::Starting => Some("its container is made".to_owned()),
        RunState::Running => {
            let title = run.task.steps.get((run.step as usize).checked_sub(1)?)?.title();
            Some(if 1 < run.attempt { format!("{title}, attempt {}", run.attempt) } else { title })
        }
        RunState::Waiting => run.gate.as_ref().map(|gate| gate.text.clone()),
        RunState::Stopping => Some("its work is saved".to_owned()),
        RunState::Ended => run.detail.clone(),
    }
}

/// The steps done while it works, the branch when it has ended.
fn middle(run: &Run) -> AnyView {
    if run.state == RunState::Ended {
        return view! { <span class="branch mono third" title=run.branch.clone()>{run.branch.clone()}</span> }.into_any();
    }
    let (all, done) = (run.task.steps.len(), run.step.saturating_sub(1) as usize);
    if run.step == 0 || all < 2 {
        return view! { <span></span> }.into_any();
    }
    let width = (100 * done / all).to_string();
    view! {
        <svg class="bar" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label=format!("{done} of {all} steps done")>
            <rect class="bar-all" width="100" height="6"/>
            <rect class="bar-done" width=width height="6"/>
        </svg>
    }
    .into_any()
}
