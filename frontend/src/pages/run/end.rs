//! The card at the end of a conversation: how it ended, why, and where its work is.

use api::{event::StateChange, run::wire_name};
use leptos::prelude::*;

use super::{
    RunView,
    kept::{Kept, Left},
};
use crate::state::badge::{Tone, tone_of};

/// How the run ended.
#[component]
pub(super) fn EndCard(view: RunView, change: StateChange) -> impl IntoView {
    let tone = change.outcome.map_or(Tone::Quiet, tone_of);
    let reason = match (change.reason, change.outcome) {
        (Some(reason), _) => reason.words(),
        (None, Some(outcome)) => wire_name(&outcome),
        (None, None) => "ended".to_owned(),
    };
    let saved = move || {
        let run = view.run.get()?;
        Some(match run.head_commit.clone() {
            Some(commit) => {
                let short: String = commit.chars().take(8).collect();
                view! {
                    <dl class="pairs">
                        <dt>"Branch"</dt><dd class="mono" data-testid="end-branch">{run.branch.clone()}</dd>
                        <dt>"Commit"</dt><dd class="mono" data-testid="end-commit" title=commit>{short}</dd>
                    </dl>
                }
                .into_any()
            }
            None => view! { <p class="third">"Nothing was pushed."</p> }.into_any(),
        })
    };
    let request = move || {
        let request = view.run.get()?.pull_request.clone()?;
        Some(
            view! { <p><a href=request.url.clone() rel="noreferrer">{request.url.clone()}</a>" "{request.state}</p> },
        )
    };
    view! {
        <div class=format!("card end-card {}", tone.class()) data-testid="end-card">
            <p class="ending"><i class="dot"></i>{reason}</p>
            {change.detail.map(|detail| view! { <p>{detail}</p> })}
            {saved}
            {request}
            <ul class="kept"><Kept view test_id="end-artifact"/><Left view/></ul>
        </div>
    }
}
