//! Answers on their way: one that may be long takes room from before it is made until its connection has taken it, so
//! that readers that stand still fill no memory. All answers of the process share the room.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::http::Extensions;
use tokio::time::Instant;

use crate::{
    app::follow::pump::{PATIENCE, SLOWEST_WANTED},
    room::{Place, Room},
};

/// How much of the answers may be in memory, in bytes: of pages, and of diffs, which may wait for a container.
const PAGES: usize = 128 << 20;
const DIFFS: usize = 64 << 20;
/// What a page of events takes while it is made, in bytes.
const EVENTS: usize = 8 << 20;
/// What another page, a diff or a batch takes. The few that are longer may fill the room several times over.
const LONG: usize = 16 << 20;
/// An answer that is shorter holds no place when it is made, in bytes.
const SHORT: usize = 64 << 10;

/// The room for all answers of the process.
#[derive(Clone)]
pub(super) struct Answers(Arc<Rooms>);

struct Rooms {
    pages: Room,
    diffs: Room,
}

impl Answers {
    pub(super) fn new() -> Self {
        Self(Arc::new(Rooms { pages: Room::of(PAGES), diffs: Room::of(DIFFS) }))
    }

    /// A place for the answer of this method, as soon as there is one; `None` when it is always short.
    pub(super) async fn place(&self, method: &str) -> Option<Place> {
        match method {
            "runs.messages" => self.0.pages.place(EVENTS).await,
            "runs.diff" => self.0.diffs.place(LONG).await,
            method if is_long(method) => self.0.pages.place(LONG).await,
            _ => None,
        }
    }

    /// A place for all answers of a batch: who waits for one while others are held could wait for ever.
    pub(super) async fn place_of_batch<'a>(
        &self,
        mut methods: impl Iterator<Item = &'a str>,
    ) -> Option<Place> {
        match methods.any(is_long) {
            true => self.0.pages.place(LONG).await,
            false => None,
        }
    }
}

fn is_long(method: &str) -> bool {
    matches!(method, "runs.messages" | "runs.diff") || method.ends_with(".list")
}

/// Leaves an answer of so many bytes to the connection of its caller, with the place it takes.
pub(super) fn leave(who: &Extensions, bytes: usize, place: Option<Place>) {
    if let (Some(place), Some(way)) = (place, who.get::<Way>())
        && SHORT < bytes
    {
        way.leave(bytes, place);
    }
}

/// The way from the server to the reader of one connection, and the long answers on it.
#[derive(Clone, Default)]
pub(super) struct Way(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// How many bytes the reader has taken, of whatever.
    taken: u64,
    /// How many it has taken when it has all answers.
    whole: u64,
    answers: VecDeque<Answer>,
    is_closed: bool,
}

struct Answer {
    /// How many bytes the reader has taken when it has this one.
    whole: u64,
    /// When a reader that others wait for should have it.
    due: Instant,
    place: Place,
}

/// Frees the way when its connection ends.
pub(super) struct Closes(Way);

impl Drop for Closes {
    fn drop(&mut self) {
        *self.0.state() = State { is_closed: true, ..State::default() };
    }
}

impl Way {
    pub(super) fn close_on_drop(&self) -> Closes {
        Closes(self.clone())
    }

    /// Other bytes may be on the way before it, so that its place is given back a little early: by what the connection
    /// buffers of streams.
    fn leave(&self, bytes: usize, mut place: Place) {
        place.shrink(bytes);
        let mut state = self.state();
        if !state.is_closed {
            state.whole = state.whole.max(state.taken) + bytes as u64;
            let time = Duration::from_millis((state.whole - state.taken) * 1_000 / SLOWEST_WANTED);
            let answer = Answer { whole: state.whole, due: Instant::now() + PATIENCE + time, place };
            state.answers.push_back(answer);
        }
    }

    /// The reader has taken so many bytes. Returns whether that is too slow: it holds room for which others wait.
    pub(super) fn is_too_slow_after(&self, bytes: usize) -> bool {
        let mut state = self.state();
        state.taken += bytes as u64;
        while state.answers.front().is_some_and(|answer| answer.whole <= state.taken) {
            state.answers.pop_front();
        }
        state.answers.front().is_some_and(|answer| answer.due < Instant::now() && answer.place.is_wanted())
    }

    /// Returns whether an answer on the way holds room for which others wait.
    pub(super) fn is_wanted(&self) -> bool {
        self.state().answers.iter().any(|answer| answer.place.is_wanted())
    }

    /// A panic while it is locked leaves counters that are worth no refusal.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn answers_take_room_until_their_readers_have_them() {
        let (answers, way) = (Answers::new(), Way::default());
        let who = {
            let mut who = Extensions::new();
            who.insert(way.clone());
            who
        };
        assert!(answers.place("runs.byId").await.is_none(), "it is short");
        let mut made = 0;
        while let Some(place) = answers.place("runs.messages").now_or_never() {
            leave(&who, EVENTS, place);
            made += 1;
        }
        assert_eq!(made, PAGES / (EVENTS + 1024));
        assert!(!way.is_wanted(), "nobody waits");
        let waiting = answers.place("runs.messages");
        let mut waiting = std::pin::pin!(waiting);
        assert!(waiting.as_mut().now_or_never().is_none());
        assert!(way.is_wanted());
        assert!(answers.place("runs.diff").now_or_never().is_some(), "diffs have room of their own");
        assert!(!way.is_too_slow_after(EVENTS - 1), "it has just begun");
        assert!(waiting.as_mut().now_or_never().is_none());
        assert!(!way.is_too_slow_after(1));
        assert!(waiting.now_or_never().flatten().is_some(), "the first answer is with its reader");
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_is_too_slow_is_let_go_only_when_others_wait() {
        let (answers, way) = (Answers::new(), Way::default());
        way.leave(EVENTS, answers.0.pages.place(PAGES).await.unwrap());
        let rest = answers.0.pages.place(PAGES - 2 * EVENTS).await;
        tokio::time::advance(PATIENCE * 10).await;
        assert!(!way.is_too_slow_after(1));
        let _waiting = {
            let mut waiting = Box::pin(answers.place("tasks.list"));
            assert!((&mut waiting).now_or_never().is_none());
            waiting
        };
        assert!(way.is_too_slow_after(1));
        drop((way.close_on_drop(), rest));
        assert!(answers.0.pages.place(PAGES).now_or_never().is_none(), "who came first has its place");
        way.leave(EVENTS, answers.0.diffs.place(EVENTS).await.unwrap());
        assert!(way.state().answers.is_empty(), "nothing is kept for a connection that has ended");
    }

    #[tokio::test]
    async fn an_answer_that_turns_out_short_holds_nothing() {
        let (answers, way) = (Answers::new(), Way::default());
        let mut who = Extensions::new();
        who.insert(way.clone());
        leave(&who, 100, answers.place_of_batch(["runs.byId", "tasks.list"].into_iter()).await);
        leave(&who, 100, answers.place("runs.list").await);
        assert!(way.state().answers.is_empty());
        assert!(answers.0.pages.place(PAGES).now_or_never().is_some());
    }
}
