//! The box below the conversation: say something to the agent while it works.

use api::{rpc::runs::RunsApiClient, run::RunState};
use leptos::{
    ev::{KeyboardEvent, SubmitEvent},
    prelude::*,
};

use super::RunView;
use crate::{
    components::{Show, Trouble},
    link::use_link,
    live::use_live,
    state::{
        failure::sentence,
        log::RunLog,
        say::{Sent, undelivered},
    },
};

/// The box, while there is somebody to hear.
#[component]
pub(super) fn Say(view: RunView) -> impl IntoView {
    let hears = Memo::new(move |_| {
        view.run.read().as_ref().is_some_and(|run| {
            matches!(run.state, RunState::Queued | RunState::Starting | RunState::Running | RunState::Waiting)
        })
    });
    view! { <Show when=move || hears.get()><Writing view/></Show> }
}

#[component]
fn Writing(view: RunView) -> impl IntoView {
    let typed = RwSignal::new(String::new());
    let busy = RwSignal::new(false);
    let trouble = RwSignal::new(None);
    let send = send(view, typed, busy, trouble);
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        send.run(());
    };
    let key = move |event: KeyboardEvent| {
        if event.key() == "Enter" && (event.ctrl_key() || event.meta_key()) {
            event.prevent_default();
            send.run(());
        }
    };
    let rows = move || typed.read().lines().count().clamp(1, 8).to_string();
    view! {
        <div class="say">
            <Trouble text=trouble/>
            <form class="panel say-form" on:submit=submit>
                <textarea
                    rows=rows
                    prop:value=move || typed.get()
                    on:input=move |event| typed.set(event_target_value(&event))
                    on:keydown=key
                    placeholder="Say something to the agent"
                    aria-label="Say something to the agent"
                    data-testid="say"
                ></textarea>
                <button
                    type="submit"
                    data-testid="say-send"
                    title="Ctrl + Enter"
                    disabled=move || busy.get() || typed.read().trim().is_empty()
                >
                    "Send"
                </button>
            </form>
            <Waiting view/>
        </div>
    }
}

/// What was sent from here and is not in the log yet.
#[component]
fn Waiting(view: RunView) -> impl IntoView {
    let waiting = Memo::new(move |_| {
        let sent = view.sent.read();
        // The log changes often; it is only looked at while something is on its way.
        if sent.is_empty() { Vec::new() } else { undelivered(&sent, &view.log.read()) }
    });
    let line = |sent: Sent| {
        view! { <li><span class="waiting">"waiting to be delivered"</span>" "<span class="second">{sent.text}</span></li> }
    };
    view! {
        <Show when=move || !waiting.read().is_empty()>
            <ul class="undelivered small" data-testid="undelivered">
                {move || waiting.get().into_iter().map(line).collect_view()}
            </ul>
        </Show>
    }
}

fn send(
    view: RunView,
    typed: RwSignal<String>,
    busy: RwSignal<bool>,
    trouble: RwSignal<Option<String>>,
) -> Callback<()> {
    let (link, live, id) = (use_link(), use_live(), view.id);
    Callback::new(move |()| {
        let text = typed.get_untracked().trim().to_owned();
        if text.is_empty() || busy.get_untracked() {
            return;
        }
        busy.set(true);
        trouble.set(None);
        // Taken before it is sent: it may be delivered before the answer is here.
        let sent = Sent { text: text.clone(), after: view.log.with_untracked(RunLog::after) };
        leptos::task::spawn_local(async move {
            let told = link.call(move |client| async move { RunsApiClient::send(&*client, id, text).await });
            match told.await {
                Ok(run) => {
                    live.runs.update(|runs| runs.fold(run));
                    view.sent.try_update(|all| all.push(sent));
                    typed.try_set(String::new());
                }
                Err(failure) => drop(trouble.try_set(Some(sentence(&failure.text)))),
            }
            busy.try_set(false);
        });
    })
}
