//! The ways to answer: allow or deny, choose or write, raise or stop.

use leptos::{ev::SubmitEvent, html::Input, prelude::*};

use crate::{
    components::{Confirm, Show},
    state::gate,
};

/// What is in a field that is read when its form is sent.
fn typed(input: NodeRef<Input>) -> String {
    input.get_untracked().map(|input| input.value()).unwrap_or_default()
}

/// Allow, or deny with a reason.
#[component]
pub(super) fn Approval(answer: Callback<String>, busy: RwSignal<bool>) -> impl IntoView {
    let reason = NodeRef::<Input>::new();
    let deny = move |event: SubmitEvent| {
        event.prevent_default();
        answer.run(gate::denial(&typed(reason)));
    };
    let allow = move |_| answer.run("allow".to_owned());
    view! {
        <form class="ways" on:submit=deny>
            <button type="button" class="primary" data-testid="gate-allow" disabled=busy on:click=allow>"Allow"</button>
            <input node_ref=reason placeholder="Why not; the agent reads it" aria-label="Why not" data-testid="gate-reason"/>
            <button type="submit" data-testid="gate-deny" disabled=busy>"Deny"</button>
        </form>
    }
}

/// One of the answers that the agent suggests, or another one.
#[component]
pub(super) fn Question(
    options: Vec<String>,
    answer: Callback<String>,
    busy: RwSignal<bool>,
) -> impl IntoView {
    let words = NodeRef::<Input>::new();
    let say = move |event: SubmitEvent| {
        event.prevent_default();
        let words = typed(words);
        if !words.trim().is_empty() {
            answer.run(words.trim().to_owned());
        }
    };
    let option = move |option: String| {
        let label = option.clone();
        view! {
            <button type="button" data-testid="gate-option" disabled=busy on:click=move |_| answer.run(option.clone())>{label}</button>
        }
    };
    view! {
        <div class="ways">{options.into_iter().map(option).collect_view()}</div>
        <form class="ways" on:submit=say>
            <input node_ref=words placeholder="Write an answer…" aria-label="Answer" data-testid="gate-text"/>
            <button type="submit" data-testid="gate-answer" disabled=busy>"Answer"</button>
        </form>
    }
}

/// A new limit, or an end.
#[component]
pub(super) fn Budget(spent: f64, answer: Callback<String>, busy: RwSignal<bool>) -> impl IntoView {
    let limit = NodeRef::<Input>::new();
    let wrong = RwSignal::new(false);
    let raise = move |event: SubmitEvent| {
        event.prevent_default();
        let figure = gate::new_limit(&typed(limit));
        wrong.set(figure.is_none());
        if let Some(figure) = figure {
            answer.run(figure);
        }
    };
    view! {
        <form class="ways" on:submit=raise>
            <span>{crate::state::words::dollars(spent)}" are spent. New limit: $"</span>
            <input
                node_ref=limit
                class="figure limit"
                class:wrong=move || wrong.get()
                inputmode="decimal"
                value=gate::suggested_limit(spent)
                aria-label="New limit in US dollars"
                data-testid="gate-limit"
            />
            <button type="submit" class="primary" data-testid="gate-raise" disabled=busy>"Go on"</button>
            <Confirm
                label="Stop"
                sure="Stop the run; its work is saved"
                keep="Not yet"
                testid="gate-stop"
                busy
                act=move || answer.run("stop".to_owned())
            />
        </form>
        <Show when=move || wrong.get()><p class="bad small" role="alert">"Give an amount in US dollars, such as 2.50."</p></Show>
    }
}
