//! What a container may reach and what it was refused, with the way to allow it.

use api::{
    id::RunId,
    instance::{Denied, Egress},
};
use leptos::prelude::*;

use super::{Allow, Refused};
use crate::state::{egress, words};

/// How many hosts of each kind are drawn.
const LISTED: usize = 50;

/// The two lists.
#[component]
pub(crate) fn Hosts(
    /// The run that the container serves.
    run: RunId,
    /// What is known.
    egress: Egress,
    /// Whether the run goes on.
    live: Signal<bool>,
) -> impl IntoView {
    let Egress { allowed, denied } = egress;
    let (names, hosts) = (left_out(allowed.len()), left_out(denied.len()));
    let line = |denied: Denied| {
        let reached = egress::names(&allowed, &denied.host, denied.port);
        let times = egress::times(denied.count);
        let by = denied.process.map(|process| format!("Asked for by {process}. "));
        let refused = Refused { run, host: denied.host, port: denied.port };
        view! {
            <li data-testid="refused-host">
                <p><span class="mono strong">{refused.entry()}</span>" "<span class="third small">{times}</span></p>
                <p class="second small">{by}{denied.why}</p>
                <Allow refused live reached=Signal::derive(move || reached)/>
            </li>
        }
    };
    let refused = denied.into_iter().take(LISTED).map(line).collect_view();
    let reached = allowed
        .iter()
        .take(LISTED)
        .map(|entry| view! { <li class="mono">{entry.clone()}</li> })
        .collect_view();
    view! {
        <div class="hosts" data-testid="hosts">
            <h3>"Reaches"</h3>
            <ul data-testid="allowed-hosts">
                {reached}{names}
                {allowed.is_empty().then(|| view! { <li class="second small">"The model and its repository, nothing else."</li> })}
            </ul>
            {(!refused.is_empty()).then(|| view! { <h3>"Refused"</h3><ul>{refused}{hosts}</ul> })}
        </div>
    }
}

/// How many are not drawn.
fn left_out(all: usize) -> Option<impl IntoView> {
    let more = all.saturating_sub(LISTED);
    (0 < more).then(|| view! { <li class="third small">"and "{words::count(more, "more host")}</li> })
}
