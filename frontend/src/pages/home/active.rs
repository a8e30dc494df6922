//! A run at work, with what it does now.

use std::sync::Arc;

use api::{
    rpc::runs::RunsApiClient,
    run::{Run, RunState},
    stream::Frame,
};
use leptos::prelude::*;

use crate::{
    clock::use_now,
    components::RunRow,
    link::use_link,
    state::{activity::Activity, log::Next},
    timer::spawn_scoped,
};

/// How many runs are followed at once; the others show what is known without following them.
const FOLLOWED: usize = 12;

/// How many runs are followed now.
#[derive(Clone, Copy)]
struct Room(StoredValue<usize>);

/// Makes room for the rows that follow their runs.
pub(super) fn provide_room() {
    provide_context(Room(StoredValue::new(0)));
}

/// A row that follows its run while it works.
#[component]
pub(super) fn ActiveRow(run: Memo<Arc<Run>>) -> impl IntoView {
    let now = use_now();
    let activity = RwSignal::new(Activity::near(run.read_untracked().last_seq));
    let works = Memo::new(move |_| {
        matches!(run.read().state, RunState::Starting | RunState::Running | RunState::Stopping)
    });
    Effect::new(move |_| {
        if works.get() && take_place() {
            follow(run, activity);
        }
    });
    let words = Signal::derive(move || works.get().then(|| activity.read().words(now.get())).flatten());
    view! { <RunRow run activity=words/> }
}

/// Takes a place until the row is gone; `false` when there is none.
fn take_place() -> bool {
    let Room(followed) = expect_context();
    if FOLLOWED <= followed.get_value() {
        return false;
    }
    followed.update_value(|followed| *followed += 1);
    on_cleanup(move || {
        followed.try_update_value(|followed| *followed -= 1);
    });
    true
}

fn follow(run: Memo<Arc<Run>>, activity: RwSignal<Activity>) {
    let (link, id) = (use_link(), run.read_untracked().id);
    spawn_scoped(async move {
        let open = |client: Arc<_>| {
            let after = activity.try_update_untracked(Activity::begin);
            async move { RunsApiClient::on_message(&*client, id, after).await }
        };
        let fold = |frames: Vec<Frame>| {
            let mut next = Next::Read;
            activity.maybe_update(|activity| {
                let before = activity.clone();
                let mut verdicts = frames.into_iter().map(|frame| activity.fold(frame));
                next = verdicts.find(|next| *next != Next::Read).unwrap_or(Next::Read);
                drop(verdicts);
                *activity != before
            });
            next
        };
        // A run that cannot be followed shows what is known without.
        let _ = link.follow(open, fold).await;
    });
}
