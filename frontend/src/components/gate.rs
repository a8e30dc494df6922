//! What a run waits for, and the way to answer it in place.

use std::sync::Arc;

use api::{
    rpc::runs::RunsApiClient,
    run::{Gate, GateKind, Run, RunState},
};
use leptos::prelude::*;

use super::{Prose, Show, Trouble};
use crate::{
    clock::{time_of_day, use_now},
    link::use_link,
    live::use_live,
    state::{failure::sentence, gate, words},
};

mod ways;

/// The open gate of a run; nothing while there is none.
#[component]
pub(crate) fn GateCard(
    /// The run.
    #[prop(into)]
    run: Signal<Arc<Run>>,
    /// What to say of the run, where that is not clear from the page.
    #[prop(optional, into)]
    about: ViewFn,
) -> impl IntoView {
    // Outlives the gate: that somebody else was quicker is said when the card is gone.
    let trouble = RwSignal::new(None::<String>);
    let gate = Memo::new(move |_| {
        let run = run.read();
        run.gate.clone().filter(|_| run.state == RunState::Waiting)
    });
    Effect::new(move |_| {
        if gate.read().is_some() {
            trouble.set(None);
        }
    });
    let card = move || {
        let about = about.clone();
        gate.get().map(|gate| view! { <Open run gate trouble about/> })
    };
    view! { {card}<Trouble text=trouble/> }
}

#[component]
fn Open(
    run: Signal<Arc<Run>>,
    gate: Gate,
    trouble: RwSignal<Option<String>>,
    about: ViewFn,
) -> impl IntoView {
    let now = use_now();
    let busy = RwSignal::new(false);
    let answer = answer(run, &gate, trouble, busy);
    let since = gate.since;
    let waiting = move || format!("waiting {}", words::age(words::seconds_between(since, now.get())));
    let spent = run.read_untracked().cost.usd;
    let way = match gate.kind {
        GateKind::Approval => view! { <ways::Approval answer busy/> }.into_any(),
        GateKind::Question => view! { <ways::Question options=gate.options answer busy/> }.into_any(),
        GateKind::Budget => view! { <ways::Budget spent answer busy/> }.into_any(),
        GateKind::RateLimit => gate
            .until
            .map(|until| view! { <p class="second">"Continues automatically at "{time_of_day(until)}"."</p> })
            .into_any(),
    };
    view! {
        <section class="gate-card" data-testid="gate" aria-label="Waiting for you">
            <p class="gate-head">
                <strong>{gate::heading(gate.kind)}</strong>
                <span class="second" title=time_of_day(since)>{waiting}</span>
                {about.run()}
            </p>
            <Prose text=gate.text/>
            {way}
            <Show when=move || busy.get()><p class="second small" role="status">"Your answer is on its way."</p></Show>
        </section>
    }
}

/// Sends an answer. It stays busy after a good one: the card goes when the run goes on.
fn answer(
    run: Signal<Arc<Run>>,
    gate: &Gate,
    trouble: RwSignal<Option<String>>,
    busy: RwSignal<bool>,
) -> Callback<String> {
    let (link, live) = (use_link(), use_live());
    let (id, gate) = (run.read_untracked().id, gate.id);
    Callback::new(move |answer: String| {
        busy.set(true);
        trouble.set(None);
        leptos::task::spawn_local(async move {
            let answered = link
                .call(move |client| async move { RunsApiClient::answer(&*client, id, gate, answer).await });
            match answered.await {
                Ok(run) => live.runs.update(|runs| runs.fold(run)),
                Err(failure) => {
                    busy.try_set(false);
                    // The server names the gate by its id; here it is the one before one's eyes.
                    let text = failure.text.replace(&format!("Gate {gate}"), "This");
                    trouble.try_set(Some(sentence(&text)));
                }
            }
        });
    })
}
