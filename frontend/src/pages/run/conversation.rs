//! The conversation: rows with one left edge, and the reader's place at its end.

use api::Timestamp;
use leptos::{html::Div, prelude::*};
use web_sys::{ScrollBehavior, ScrollIntoViewOptions, ScrollLogicalPosition};

use super::{RunView, item::ItemView};
use crate::{
    clock::{time_of_day, use_now},
    components::{Empty, Prose, Show},
    link::use_link,
    state::{
        rows::{self, Row, WINDOW},
        words,
    },
};

/// A silence of a run, in seconds, from which on it is said how long it lasts.
const SILENT: i64 = 15;

/// How near to the end, in pixels, counts as being there.
const NEAR: f64 = 80.0;

/// What tells a row, as it is now, from all others.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Key {
    Earlier(bool),
    Head(u32, Option<(String, bool)>, bool),
    Folded(u32, usize),
    Item(i64, usize, u32),
}

/// All that is said and done.
#[component]
pub(super) fn Conversation(view: RunView) -> impl IntoView {
    let end = NodeRef::<Div>::new();
    let at_end = view.at_end;
    // The end of a run at work is what one comes for; a run that is over is read from its beginning.
    at_end.set(untrack(|| view.is_live()));
    Effect::new(move |_| {
        if at_end.get() {
            view.window.set(WINDOW);
        }
    });
    watch_scroll(end, at_end);
    let scheduled = StoredValue::new(false);
    Effect::new(move |_| {
        view.log.track();
        view.partial.track();
        // Once a frame, however often it changes until then.
        if !scheduled.get_value() {
            scheduled.set_value(true);
            request_animation_frame(move || {
                scheduled.try_set_value(false);
                keep_place(end, at_end);
            });
        }
    });
    let steps =
        view.run.with_untracked(|run| run.as_ref().map(|run| run.task.steps.clone()).unwrap_or_default());
    let rows = move || {
        let log = view.log.read();
        rows::rows(&log, &steps, &view.folds.read(), view.window.get())
    };
    let nothing = move || view.log.with(|log| log.caught_up && log.groups.is_empty());
    let jump = move |_| {
        at_end.set(true);
        show_end(end);
    };
    view! {
        <section class="conversation" class:following=move || at_end.get() data-testid="conversation" aria-label="Conversation">
            <For each=rows key=key children=move |row| row_view(row, view)/>
            <Show when=nothing><Empty text="No messages yet. The run waits for a free slot."/></Show>
            <Writing view/>
            <div class="end" node_ref=end></div>
            <Show when=move || !at_end.get() && !view.log.read().groups.is_empty()>
                <button type="button" class="jump" data-testid="jump-latest" on:click=jump>"Jump to latest"</button>
            </Show>
        </section>
    }
}

fn key(row: &Row) -> Key {
    match row {
        Row::Earlier { loaded } => Key::Earlier(*loaded),
        Row::Head { step, checks, open, .. } => Key::Head(*step, checks.clone(), *open),
        Row::Folded { step, events, .. } => Key::Folded(*step, *events),
        Row::Item(item) => {
            let (seq, part, revision) = item.key();
            Key::Item(seq, part, revision)
        }
    }
}

fn row_view(row: Row, view: RunView) -> AnyView {
    match row {
        Row::Earlier { loaded } => view! { <Earlier view loaded/> }.into_any(),
        Row::Head { step, title, checks, open } => {
            view! { <StepHead view step title checks open/> }.into_any()
        }
        Row::Folded { step, events, at } => view! { <Folded view step events at/> }.into_any(),
        Row::Item(item) => view! { <ItemView view item/> }.into_any(),
    }
}

#[component]
fn Earlier(view: RunView, loaded: bool) -> impl IntoView {
    let link = use_link();
    let busy = RwSignal::new(false);
    let show = move |_| {
        busy.set(true);
        leptos::task::spawn_local(async move {
            view.earlier(link, loaded).await;
            busy.try_set(false);
        });
    };
    view! {
        <button type="button" class="more" data-testid="show-earlier" disabled=busy on:click=show>"Show earlier"</button>
    }
}

#[component]
fn StepHead(
    view: RunView,
    step: u32,
    title: String,
    checks: Option<(String, bool)>,
    open: bool,
) -> impl IntoView {
    let checks = checks.map(|(words, passed)| {
        view! { <span class=if passed { "word good" } else { "word bad" }><i class="dot"></i>{words}</span> }
    });
    let fold = move |_| set_fold(view, step, false);
    view! {
        <h2 class="step" data-testid="step-head" data-step=step>
            <span class="step-number">"Step "{step}</span>
            <span class="step-title">{title}</span>
            {checks}
            <span class="rule"></span>
            {open.then(|| view! { <button type="button" class="link" on:click=fold>"Fold"</button> })}
        </h2>
    }
}

#[component]
fn Folded(view: RunView, step: u32, events: usize, at: Timestamp) -> impl IntoView {
    let show = move |_| set_fold(view, step, true);
    let what = if step == 0 { "… the preparation, " } else { "… " };
    view! {
        <div class="said" data-testid="folded">
            <time class="at">{time_of_day(at)}</time>
            <p class="third">
                {what}{words::count(events, "event")}", folded. "
                <button type="button" class="link" on:click=show>"Show"</button>
            </p>
        </div>
    }
}

fn set_fold(view: RunView, step: u32, open: bool) {
    view.folds.update(|folds| {
        folds.insert(step, open);
    });
}

/// What the agent is writing now.
#[component]
fn Writing(view: RunView) -> impl IntoView {
    let now = use_now();
    let text = move || {
        let partial = view.partial.get()?;
        Some(if partial.block == "thinking" {
            view! { <p class="thinking">{last_line(&partial.text).to_owned()}<i class="caret"></i></p> }
                .into_any()
        } else {
            view! { <Prose text=partial.text/><i class="caret"></i> }.into_any()
        })
    };
    let silent = move || {
        let last = view.log.with(|log| log.groups.last().map(|group| group.until))?;
        let seconds = words::seconds_between(last, now.get());
        (SILENT <= seconds && view.partial.read().is_none() && view.is_live())
            .then(|| view! { <p class="said silent third"><span></span>"Last event "{words::span(seconds)}" ago"</p> })
    };
    view! {
        {silent}
        <Show when=move || view.partial.read().is_some()>
            <div class="said writing" data-testid="partial"><span class="at"></span><div>{text}</div></div>
        </Show>
    }
}

/// The last line that says something.
fn last_line(text: &str) -> &str {
    text.trim_end().rsplit('\n').next().unwrap_or_default()
}

/// Keeps track of whether the reader is at the end: leaving it takes a scroll up, coming back a look at it.
fn watch_scroll(end: NodeRef<Div>, at_end: RwSignal<bool>) {
    let before = StoredValue::new(0.0);
    let handle = window_event_listener_untyped("scroll", move |_| {
        let Ok(now) = window().scroll_y() else { return };
        let is_near = is_near(end);
        let went_up = now < before.get_value();
        before.set_value(now);
        if is_near != at_end.get_untracked() && (is_near || went_up) {
            at_end.set(is_near);
        }
    });
    on_cleanup(move || handle.remove());
}

/// After something was added: goes along for a reader who is at the end, and stays for all others.
fn keep_place(end: NodeRef<Div>, at_end: RwSignal<bool>) {
    match at_end.try_get_untracked() {
        Some(true) => show_end(end),
        Some(false) if is_near(end) => at_end.set(true),
        _ => {}
    }
}

/// Whether the end can be seen, or nearly.
fn is_near(end: NodeRef<Div>) -> bool {
    let height = window().inner_height().ok().and_then(|height| height.as_f64()).unwrap_or_default();
    end.try_get_untracked()
        .flatten()
        .is_some_and(|end| end.get_bounding_client_rect().bottom() <= height + NEAR)
}

fn show_end(end: NodeRef<Div>) {
    let Some(end) = end.try_get_untracked().flatten() else { return };
    let options = ScrollIntoViewOptions::new();
    options.set_block(ScrollLogicalPosition::End);
    options.set_behavior(ScrollBehavior::Instant);
    end.scroll_into_view_with_scroll_into_view_options(&options);
}
