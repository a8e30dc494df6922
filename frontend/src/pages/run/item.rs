//! An item of the conversation: its time, then what it says.

use std::sync::Arc;

use api::event::{EgressEvent, GitAction, Notice, StateChange};
use api::run::{Gate, RunState};
use leptos::prelude::*;

use super::{
    RunView,
    card::{CheckCard, ToolCard},
    end::EndCard,
};
use crate::{
    clock::time_of_day,
    components::{Allow, Output, Prose, Refused},
    state::{
        egress,
        failure::sentence,
        gate,
        item::{Item, What, progress_words},
        words,
    },
};

/// A thought longer than this, in characters, may not fit into a line.
const LINE: usize = 90;

/// One item.
#[component]
pub(super) fn ItemView(view: RunView, item: Arc<Item>) -> impl IntoView {
    let (seq, nested, at) = (item.seq, item.nested, time_of_day(item.at));
    view! {
        <div class="said" class:nested=nested data-testid="event" data-seq=seq>
            <time class="at">{at}</time>
            <div class="saying">{said(view, &item)}</div>
        </div>
    }
}

fn said(view: RunView, item: &Item) -> AnyView {
    let open = view.opened((item.seq, item.part));
    match &item.what {
        What::Text(text) => view! { <Prose text=text.clone()/> }.into_any(),
        What::Thinking(text) => view! { <Thought text=text.clone() open/> }.into_any(),
        What::Tool(call) => view! { <ToolCard view call=call.clone() at=item.at open/> }.into_any(),
        What::StrayAnswer { answer, .. } => {
            view! { <div class="card"><Output text=answer.text.clone() open/></div> }.into_any()
        }
        What::Check(check) => view! { <CheckCard check=check.clone() open/> }.into_any(),
        What::Git(action) => git(action),
        What::Egress(egress) => self::egress(view, egress),
        What::Gate(asked) => self::gate(asked),
        What::State(change) if change.state == RunState::Ended => {
            view! { <EndCard view change=change.clone()/> }.into_any()
        }
        What::State(change) => quiet(state_words(change)),
        What::Progress(progress) => quiet(sentence(&progress_words(progress))),
        What::Model(model) => quiet(format!("Session with {model}.")),
        What::Retry(text) => quiet(format!("{text}.")),
        What::AgentError(text) => {
            view! { <p class="trouble">"The agent reports: "{sentence(text)}</p> }.into_any()
        }
        What::Unread(raw) => view! { <div class="card"><Output text=raw.clone() open tail=1/></div> }.into_any(),
        What::Notice(notice) => self::notice(notice, open),
        What::User(text) => {
            view! { <div class="card user" data-testid="user-message"><span class="kind">"You"</span><Prose text=text.clone()/></div> }
                .into_any()
        }
    }
}

/// A line that is there for whoever looks for it.
fn quiet(text: String) -> AnyView {
    view! { <p class="third">{text}</p> }.into_any()
}

fn state_words(change: &StateChange) -> String {
    let words = match change.state {
        RunState::Queued => "Queued.",
        RunState::Starting => "Starting: its container is made.",
        RunState::Running => "Running.",
        RunState::Waiting => "Waiting.",
        RunState::Stopping => "Stopping: its work is saved.",
        RunState::Ended => "Ended.",
    };
    match &change.detail {
        Some(detail) => sentence(detail),
        None => words.to_owned(),
    }
}

/// What the agent thinks: one line, all of it on request.
#[component]
fn Thought(text: String, open: RwSignal<bool>) -> impl IntoView {
    let whole = text.trim().to_owned();
    let first = whole.lines().next().unwrap_or_default().to_owned();
    if whole.is_empty() {
        return view! { <p class="thinking">"Thinking (hidden by the model)"</p> }.into_any();
    }
    if first == whole && first.chars().count() < LINE {
        return view! { <p class="thinking">{first}</p> }.into_any();
    }
    let line = if first == whole { first } else { format!("{first} …") };
    view! {
        <button type="button" class="thinking" aria-expanded=move || open.get().to_string() on:click=move |_| open.update(|open| *open = !*open)>
            {move || if open.get() { whole.clone() } else { line.clone() }}
        </button>
    }
    .into_any()
}

fn git(action: &GitAction) -> AnyView {
    let short = |commit: &str| commit.chars().take(8).collect::<String>();
    let (kind, words, object) = match action {
        GitAction::Commit { commit, summary } => ("Commit", summary.clone(), short(commit)),
        GitAction::Push { branch, commit, commits } => {
            let count = words::count(usize::try_from(*commits).unwrap_or(usize::MAX), "commit");
            ("Push", format!("{count} to {branch}"), short(commit))
        }
        GitAction::PullRequest { url, state } => {
            return card_line(
                "Pull request",
                view! { <a href=url.clone() rel="noreferrer">{url.clone()}</a>" "{state.clone()} },
            );
        }
    };
    card_line(kind, view! { <span class="mono">{object}</span>" "{words} })
}

/// What was refused with the way to allow it, or what was allowed.
fn egress(view: RunView, event: &EgressEvent) -> AnyView {
    let refused = Refused { run: view.id, host: event.host.clone(), port: event.port };
    let verb = if event.allowed { "allowed " } else { "refused " };
    let by = event.process.as_ref().map(|process| format!(", asked for by {process}"));
    let times = egress::times(event.count).map(|times| format!(", {times}"));
    let line = view! { {verb}<span class="mono strong">{refused.entry()}</span>{by}{times} };
    let why = (!event.why.is_empty()).then(|| view! { <p class="why">{event.why.clone()}</p> });
    let allow = (!event.allowed).then(|| {
        let EgressEvent { host, port, .. } = event.clone();
        let reached = Signal::derive(move || {
            view.reach.with(|instance| {
                instance.as_ref().is_some_and(|it| egress::names(&it.egress.allowed, &host, port))
            })
        });
        view! { <Allow refused live=Signal::derive(move || view.is_live()) reached/> }
    });
    view! {
        <div class="card" data-testid="egress">
            <div class="card-head"><span class="kind">"Firewall"</span><p class="line">{line}</p></div>
            {why}{allow}
        </div>
    }
    .into_any()
}

/// A question, and its answer once there is one.
fn gate(gate: &Gate) -> AnyView {
    let answer = gate::answer_words(gate);
    let class = if answer.is_some() { "card gate answered" } else { "card gate" };
    let answer = match answer {
        Some(answer) => view! { <p><span class="third">"Answer: "</span><strong data-testid="gate-answered">{answer}</strong></p> }.into_any(),
        None => view! { <p class="waiting small">"Waiting for an answer."</p> }.into_any(),
    };
    view! {
        <div class=class data-testid="gate-item">
            <p class="second">{gate::heading(gate.kind)}</p>
            <Prose text=gate.text.clone()/>
            {answer}
        </div>
    }
    .into_any()
}

/// Something worth knowing, with what it is about; what a machine printed is shown as it is.
fn notice(notice: &Notice, open: RwSignal<bool>) -> AnyView {
    match notice.about.as_str() {
        "stderr" => view! {
            <div class="card" data-testid="notice">
                <div class="card-head"><span class="kind">"stderr"</span></div>
                <Output text=notice.text.clone() open/>
            </div>
        }
        .into_any(),
        "adopted" => quiet(sentence(&notice.text)),
        about => card_line(sentence(about).trim_end_matches('.'), sentence(&notice.text)),
    }
}

fn card_line(kind: &str, line: impl IntoView + 'static) -> AnyView {
    view! { <div class="card"><div class="card-head"><span class="kind">{kind.to_owned()}</span><p class="line">{line}</p></div></div> }
        .into_any()
}
