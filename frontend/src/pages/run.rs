//! The page of a run: what is said and done, live, and beside it what one wants to know at a glance.

use std::{collections::HashMap, sync::Arc};

use api::{
    event::Event,
    id::RunId,
    instance::Instance,
    rpc::runs::RunsApiClient,
    run::{self, RunDiff, RunState},
    stream::Frame,
};
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

use super::NotFound;
use crate::{
    components::{Show, Trouble},
    link::{Link, use_link},
    live::use_live,
    state::{
        log::{Next, Partial, RunLog},
        rows::{Folds, WINDOW},
        say::Sent,
    },
    timer::spawn_scoped,
};

mod card;
mod changes;
mod conversation;
mod end;
mod head;
mod item;
mod kept;
mod say;
mod side;
mod tabs;

/// How many of the newest events are read when the page opens; older ones come when asked for.
const RECENT: i64 = 2000;

/// How many older events are read at once.
const EARLIER: i64 = 500;

/// What the parts of the page share.
#[derive(Clone, Copy)]
struct RunView {
    id: RunId,
    run: Memo<Option<Arc<run::Run>>>,
    log: RwSignal<RunLog>,
    /// What the agent is writing now; apart from the log, because it changes with every token.
    partial: RwSignal<Option<Partial>>,
    /// The steps that the reader opened or closed.
    folds: RwSignal<Folds>,
    /// How many items are drawn.
    window: RwSignal<usize>,
    /// The items that the reader opened, so that they stay open when they are drawn again.
    opened: StoredValue<HashMap<(i64, usize), ArcRwSignal<bool>>>,
    /// Whether the reader is at the end and goes along with it.
    at_end: RwSignal<bool>,
    trouble: RwSignal<Option<String>>,
    /// The messages that were sent from this page.
    sent: RwSignal<Vec<Sent>>,
    /// What the run has changed, as it was looked at last.
    diff: RwSignal<Option<Arc<RunDiff>>>,
    /// Its container, as it was when what it may reach or was refused changed last.
    reach: RwSignal<Option<Instance>>,
}

/// The page of the run in the address.
#[component]
pub(crate) fn Run() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.read().get("id").and_then(|id| id.parse::<RunId>().ok()));
    move || match id.get() {
        Some(id) => view! { <Known id/> }.into_any(),
        None => view! { <NotFound/> }.into_any(),
    }
}

/// The page of a run with a well-formed id.
#[component]
fn Known(id: RunId) -> impl IntoView {
    let live = use_live();
    let view = RunView {
        id,
        run: Memo::new(move |_| live.runs.read().get(id)),
        log: RwSignal::default(),
        partial: RwSignal::new(None),
        folds: RwSignal::default(),
        window: RwSignal::new(WINDOW),
        opened: StoredValue::default(),
        at_end: RwSignal::new(false),
        trouble: RwSignal::new(None),
        sent: RwSignal::default(),
        diff: RwSignal::new(None),
        reach: RwSignal::new(None),
    };
    let missing = RwSignal::new(false);
    let link = use_link();
    spawn_scoped(async move {
        match link.call(move |client| async move { RunsApiClient::by_id(&*client, id).await }).await {
            Ok(run) => {
                view.log.set(RunLog::from((run.last_seq - RECENT).max(0)));
                live.runs.update(|runs| runs.fold(run));
                view.follow(link).await;
            }
            Err(failure) if failure.not_found => missing.set(true),
            Err(failure) => view.trouble.set(Some(failure.text)),
        }
    });
    let known = Memo::new(move |_| view.run.read().is_some());
    view! {
        <Trouble text=view.trouble/>
        <Show when=move || missing.get()><NotFound/></Show>
        <Show when=move || known.get()>
            <head::Head view/>
            <tabs::Tabs view/>
            <div class="run">
                <tabs::Shown view/>
                <side::Side view/>
            </div>
        </Show>
    }
}

impl RunView {
    /// Follows the run's frames until its end.
    async fn follow(self, link: Link) {
        let id = self.id;
        let open = |client: Arc<_>| {
            let after = self.log.try_update_untracked(RunLog::begin);
            async move { RunsApiClient::on_message(&*client, id, after).await }
        };
        if let Err(failure) = link.follow(open, |frames| self.fold(frames)).await {
            self.trouble.set(Some(failure.text));
        }
    }

    /// Folds what has gathered, and redraws only if something was added.
    fn fold(self, frames: Vec<Frame>) -> Next {
        let mut next = Next::Read;
        self.log.maybe_update(|log| {
            let (before, items, was_live) = ((log.after(), log.complete), log.len(), log.caught_up);
            for frame in frames {
                next = log.fold(frame);
                if next != Next::Read {
                    break;
                }
            }
            if was_live && !self.at_end.get_untracked() {
                // What somebody reads must not leave the window at its other end.
                self.window.update(|window| *window += log.len() - items);
            }
            before != (log.after(), log.complete) || was_live != log.caught_up
        });
        self.partial.set(self.log.with_untracked(|log| log.partial.clone()));
        next
    }

    /// Shows more of what came before: draws it if it is loaded, else loads it.
    async fn earlier(self, link: Link, loaded: bool) {
        self.window.update(|window| *window += WINDOW);
        if loaded {
            return;
        }
        let first = self.log.with_untracked(RunLog::unloaded);
        match older(link, self.id, first).await {
            Ok(events) => self.log.update(|log| log.prepend(events)),
            Err(text) => self.trouble.set(Some(text)),
        }
    }

    /// Whether the run still goes on.
    fn is_live(self) -> bool {
        self.run.read().as_ref().is_some_and(|run| run.state != RunState::Ended)
    }

    /// Whether an item is opened: counted, not owned by the row, which is gone when it is drawn again.
    fn opened(self, key: (i64, usize)) -> RwSignal<bool> {
        if let Some(open) = self.opened.with_value(|opened| opened.get(&key).cloned()) {
            return open.into();
        }
        let open = ArcRwSignal::new(false);
        self.opened.update_value(|opened| {
            opened.insert(key, open.clone());
        });
        open.into()
    }
}

/// The events up to number `last`, as many as are read at once; pages may be smaller than asked for.
async fn older(link: Link, id: RunId, last: i64) -> Result<Vec<Event>, String> {
    let mut after = (last - EARLIER).max(0);
    let mut events: Vec<Event> = Vec::new();
    while after < last {
        let limit = u32::try_from(last - after).ok();
        let page = link.call(move |client| async move {
            RunsApiClient::messages(&*client, id, Some(after), limit).await
        });
        let page = page.await.map_err(|failure| failure.text)?;
        let Some(newest) = page.items.last() else { break };
        after = newest.seq;
        events.extend(page.items.into_iter().filter(|event| event.seq <= last));
    }
    Ok(events)
}
