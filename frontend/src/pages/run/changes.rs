//! What a run has changed, file by file, and what can be taken away: artifacts and the log.

use std::sync::Arc;

use api::{
    rpc::runs::RunsApiClient,
    run::{FileChange, RunDiff},
};
use leptos::prelude::*;

use super::{RunView, card::totals_view, kept::Kept};
use crate::{
    components::{DiffView, Empty, Show, Trouble},
    link::use_link,
    state::{patch, words},
};

/// How many files are listed at first, and how many more each time the reader asks.
const LISTED: usize = 100;

/// How many lines of a long file are shown until one wants all.
const HEAD: usize = 60;

/// The files, the artifacts, the log.
#[component]
pub(super) fn Changes(view: RunView) -> impl IntoView {
    let link = use_link();
    let busy = RwSignal::new(false);
    let trouble = RwSignal::new(None);
    let load = move || {
        busy.set(true);
        leptos::task::spawn_local(async move {
            let id = view.id;
            match link.call(move |client| async move { RunsApiClient::diff(&*client, id).await }).await {
                Ok(diff) => {
                    view.diff.try_set(Some(Arc::new(diff)));
                    trouble.try_set(None);
                }
                Err(failure) => drop(trouble.try_set(Some(failure.text))),
            }
            busy.try_set(false);
        });
    };
    let live = Memo::new(move |_| view.is_live());
    // When the page opens, and once more when the run is over.
    Effect::new(move |_| {
        live.track();
        load();
    });
    view! {
        <section class="changes" data-testid="changes" aria-label="Changes">
            <div class="changes-head">
                <p class="second">{move || view.diff.get().map(|diff| summary(&diff))}</p>
                <Show when=move || live.get()>
                    <button type="button" data-testid="refresh-changes" disabled=busy on:click=move |_| load()>"Look again"</button>
                </Show>
            </div>
            <Trouble text=trouble/>
            {move || view.diff.get().map(|diff| view! { <Files diff/> })}
            <Downloads view/>
        </section>
    }
}

fn summary(diff: &RunDiff) -> String {
    let files = words::count(diff.files.len(), "file");
    let base = diff.base_commit.as_deref().map(|commit| commit.chars().take(8).collect::<String>());
    match base {
        Some(base) => format!("{files} changed since {base}"),
        None => format!("{files} changed"),
    }
}

#[component]
fn Files(diff: Arc<RunDiff>) -> impl IntoView {
    if diff.files.is_empty() {
        return view! { <Empty text="Nothing has changed."/> }.into_any();
    }
    let parts = patch::parts(&diff.patch, &diff.files);
    let opened = patch::open_at_first(&diff.files);
    let all = diff.files.len();
    let listed = RwSignal::new(LISTED);
    let left_out = usize::try_from(diff.left_out).unwrap_or(usize::MAX);
    let card = move |place: usize| {
        let (file, open) = (diff.files[place].clone(), opened[place]);
        let part = parts[place].clone().map(|part| diff.patch[part].to_owned());
        view! { <File file part open/> }
    };
    view! {
        <For each=move || 0..listed.get().min(all) key=|place| *place children=card/>
        <Show when=move || listed.get() < all>
            <button type="button" class="more" on:click=move |_| listed.update(|listed| *listed += LISTED)>"More files"</button>
        </Show>
        {(0 < left_out).then(|| view! {
            <p class="third">{words::count(left_out, "file")}" too large to show here."</p>
        })}
    }
    .into_any()
}

/// One file; its lines are only read when it is opened.
#[component]
fn File(file: FileChange, part: Option<String>, open: bool) -> impl IntoView {
    let open = RwSignal::new(open && part.is_some());
    let whole = RwSignal::new(false);
    let path = file.path.clone();
    let counts = [file.additions, file.deletions].map(|count| usize::try_from(count).unwrap_or(usize::MAX));
    let body = match part {
        Some(part) => {
            let part = StoredValue::new(part);
            let lines = move || part.with_value(|part| patch::lines(part));
            view! { <Show when=move || open.get()><Lines lines=lines() whole/></Show> }.into_any()
        }
        None => view! { <p class="why">"Too large to show here."</p> }.into_any(),
    };
    view! {
        <div class="card file" data-testid="changed-file" data-path=path>
            <div class="card-head">
                <span class="kind">{file.status}</span>
                <button type="button" class="object" aria-expanded=move || open.get().to_string() on:click=move |_| open.update(|open| *open = !*open)>
                    {file.path}
                </button>
                {totals_view((counts[0], counts[1]))}
            </div>
            {body}
        </div>
    }
}

#[component]
fn Lines(lines: Vec<crate::state::diff::DiffLine>, whole: RwSignal<bool>) -> impl IntoView {
    match lines.is_empty() {
        true => view! { <p class="why">"No line of text has changed."</p> }.into_any(),
        false => view! { <DiffView lines open=whole head=HEAD/> }.into_any(),
    }
}

/// What can be downloaded.
#[component]
fn Downloads(view: RunView) -> impl IntoView {
    let id = view.id;
    view! {
        <section class="panel downloads">
            <h3>"Download"</h3>
            <ul class="kept">
                <Kept view test_id="artifact"/>
                <li>
                    <a href=format!("/api/runs/{id}/log") download=format!("run-{id}.ndjson") class="mono" data-testid="download-log">"log"</a>
                    <span class="third">"every event, a line each"</span>
                </li>
            </ul>
        </section>
    }
}
