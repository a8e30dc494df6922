//! Cards: a tool call or a check, with its object and its verdict in the head.

use api::{
    Timestamp,
    event::{CheckRun, Verdict},
};
use leptos::prelude::*;

use super::RunView;
use crate::{
    components::{DiffView, Output, Show},
    state::{
        diff,
        tool::{Body, ToolCall},
        words,
    },
};

/// An object longer than this, or of several lines, is cut in the head until it is opened.
const LONG: usize = 72;

/// Durations below this, in milliseconds, say nothing.
const NOTEWORTHY: i64 = 100;

/// A tool call and its answer.
#[component]
pub(super) fn ToolCard(view: RunView, call: ToolCall, at: Timestamp, open: RwSignal<bool>) -> impl IntoView {
    let verdict = match (call.verdict(), &call.answer) {
        (Some((word, is_bad)), _) => word_view(if is_bad { "bad" } else { "good" }, word).into_any(),
        (None, Some(_)) => ().into_any(),
        (None, None) => {
            view! { <Show when=move || view.is_live()>{word_view("running", "running".to_owned())}</Show> }
                .into_any()
        }
    };
    let took = call.took(at).filter(|took| NOTEWORTHY <= *took).map(words::took);
    let tail = if call.shows_output() { 8 } else { 0 };
    let output = call.output().to_owned();
    let changed = match &call.body {
        Body::Diff(lines) => Some(totals_view(diff::totals(lines))),
        Body::None | Body::Todo(_) | Body::Text(_) => None,
    };
    view! {
        <div class="card" data-testid="tool-card">
            <div class="card-head">
                <span class="kind">{call.kind}</span>
                <Object text=call.object/>
                {changed}
                {verdict}
                {took.map(|took| view! { <span class="took">{took}</span> })}
            </div>
            {body_view(call.body, open)}
            <Output text=output open tail/>
        </div>
    }
}

/// How many lines were added and removed.
pub(super) fn totals_view((added, removed): (usize, usize)) -> impl IntoView {
    view! {
        <span class="totals">
            {(0 < added).then(|| view! { <span class="good">"+"{added}</span> })}
            {(0 < removed).then(|| view! { <span class="bad">"−"{removed}</span> })}
        </span>
    }
}

fn body_view(body: Body, open: RwSignal<bool>) -> AnyView {
    match body {
        Body::None => ().into_any(),
        Body::Diff(lines) => view! { <DiffView lines open/> }.into_any(),
        Body::Text(text) => view! { <Output text open/> }.into_any(),
        Body::Todo(entries) => {
            let entry = |(state, text): (String, String)| view! { <li class=state>{text}</li> };
            view! { <ul class="todo">{entries.into_iter().map(entry).collect_view()}</ul> }.into_any()
        }
    }
}

/// What a card is about: in one line, and whole on request.
#[component]
fn Object(text: String) -> impl IntoView {
    let line = text.lines().next().unwrap_or_default().to_owned();
    if line == text && text.chars().count() <= LONG {
        return view! { <span class="object">{text}</span> }.into_any();
    }
    // What is cut by its width gets its sign from the style, what has more lines gets it here.
    let line = if line == text { line } else { format!("{line} …") };
    let whole = RwSignal::new(false);
    view! {
        <button
            type="button"
            class="object"
            class:whole=move || whole.get()
            aria-expanded=move || whole.get().to_string()
            on:click=move |_| whole.update(|whole| *whole = !*whole)
        >
            {move || if whole.get() { text.clone() } else { line.clone() }}
        </button>
    }
    .into_any()
}

/// A check and how it went.
#[component]
pub(super) fn CheckCard(check: CheckRun, open: RwSignal<bool>) -> impl IntoView {
    let (tone, word) = match (check.verdict, check.exit_code) {
        (Verdict::Passed, _) => ("good", "passed".to_owned()),
        (Verdict::Failed, Some(code)) if code != 0 => ("bad", format!("failed, exit {code}")),
        (Verdict::Failed, _) => ("bad", "failed".to_owned()),
        (Verdict::TimedOut, _) => ("bad", "took too long".to_owned()),
        (Verdict::Vacuous, _) => ("bad", "checked nothing".to_owned()),
    };
    let why = check.remark().map(|why| view! { <p class="why">{why.to_owned()}</p> });
    let took = words::took(i64::try_from(check.duration_ms).unwrap_or(i64::MAX));
    let tail = if check.verdict == Verdict::Passed { 0 } else { 8 };
    view! {
        <div class="card" data-testid="check-card">
            <div class="card-head">
                <span class="kind">"Check"</span>
                <Object text=check.run/>
                {word_view(tone, word)}
                <span class="took">{took}</span>
            </div>
            {why}
            <Output text=check.output open tail/>
        </div>
    }
}

/// A word with a dot, in its colour.
fn word_view(tone: &'static str, word: String) -> impl IntoView {
    view! { <span class=format!("word {tone}")><i class="dot"></i>{word}</span> }
}
