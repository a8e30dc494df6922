//! A meter for tests: it writes down what it is told, and waits where it is asked to.

use std::sync::Arc;

use futures::{FutureExt, future::BoxFuture};
use tokio::sync::watch;

use super::{Meter, Permit, Spent};

/// What the meter was told, in order.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::broker) enum Note {
    Asked,
    /// A call that waited to be admitted was given up.
    GivenUp,
    Spent(Spent),
    Refused(u16, String),
    /// A call named a model that is not allowed.
    Forbidden,
}

/// Writes down what it is told.
pub(in crate::broker) struct Recorder {
    notes: watch::Sender<Vec<Note>>,
    admitted: watch::Sender<Option<Result<(), String>>>,
    is_writing: watch::Sender<bool>,
    most: watch::Sender<Option<f64>>,
}

impl Recorder {
    /// A meter that lets every call through.
    pub(in crate::broker) fn open() -> Arc<Self> {
        let meter = Self::closed();
        meter.admit_all(Ok(()));
        meter
    }

    /// A meter that lets no call through yet.
    pub(in crate::broker) fn closed() -> Arc<Self> {
        let (notes, admitted) = (watch::Sender::default(), watch::Sender::default());
        let (is_writing, most) = (watch::Sender::new(true), watch::Sender::default());
        Arc::new(Self { notes, admitted, is_writing, most })
    }

    /// Answers every call, those that wait and those to come.
    pub(in crate::broker) fn admit_all(&self, answer: Result<(), String>) {
        self.admitted.send_replace(Some(answer));
    }

    /// The most that the last call could cost, as it was told.
    pub(in crate::broker) fn most(&self) -> Option<f64> {
        *self.most.borrow()
    }

    /// Whether it finishes writing down what was spent.
    pub(in crate::broker) fn write(&self, is_writing: bool) {
        self.is_writing.send_replace(is_writing);
    }

    /// Everything it was told, as soon as that is so many notes.
    pub(in crate::broker) async fn notes(&self, count: usize) -> Vec<Note> {
        self.notes.subscribe().wait_for(|notes| count <= notes.len()).await.unwrap().clone()
    }

    fn note(&self, note: Note) {
        self.notes.send_modify(|notes| notes.push(note));
    }
}

/// Notes that a wait was dropped.
struct Waiting<'a>(&'a Recorder, bool);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.1 {
            self.0.note(Note::GivenUp);
        }
    }
}

impl Meter for Recorder {
    fn has_limit(&self) -> bool {
        false
    }

    fn admit(&self, most: Option<f64>) -> BoxFuture<'_, Result<Permit, String>> {
        self.most.send_replace(most);
        self.note(Note::Asked);
        async {
            let mut waiting = Waiting(self, true);
            let answer = self.admitted.subscribe().wait_for(Option::is_some).await.unwrap().clone();
            waiting.1 = false;
            answer.unwrap().map(|()| Box::new(()) as Permit)
        }
        .boxed()
    }

    fn spent(&self, call: Spent) -> BoxFuture<'_, ()> {
        self.note(Note::Spent(call));
        async {
            self.is_writing.subscribe().wait_for(|is_writing| *is_writing).await.unwrap();
        }
        .boxed()
    }

    fn refused(&self, status: u16, message: String) {
        self.note(Note::Refused(status, message));
    }

    fn named(&self, forbidden: bool) {
        if forbidden {
            self.note(Note::Forbidden);
        }
    }
}
