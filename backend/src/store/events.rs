//! The log of a run: pages after a number, and the wake-ups that say when to read again.

pub(super) mod ahead;
mod page;
mod shown;

use std::{fmt::Display, str::FromStr, sync::Arc};

use api::{event::Event, id::RunId};
use bytes::Bytes;
use serde::{Serialize, Serializer, ser::Error as _};
use serde_json::value::RawValue;
use tokio::sync::{broadcast, watch};

use super::{
    Error, Partial, Store,
    entity::{from_json, run_event::Row, timestamp},
    large::LARGE,
};
use crate::room::Place;

/// The longest piece in which a long text is sent, in bytes.
pub(crate) const PIECE: usize = 32 << 10;

/// An event of a log as text: whoever only passes it on need not take it apart.
#[derive(Debug)]
pub struct StoredEvent {
    /// Its number.
    pub seq: i64,
    /// Whether it is the last one of its run.
    pub is_end: bool,
    json: Bytes,
    /// What a long text takes of the room for all of them.
    place: Option<Place>,
}

/// How much of a log is read at once.
#[derive(Clone, Copy, Debug)]
pub struct PageLimit {
    /// The most events.
    pub events: u32,
    /// The most bytes, which the last event may exceed.
    pub bytes: u32,
}

impl PageLimit {
    /// What is read at once for a stream: the memory of one reader.
    pub(crate) const STREAM: Self = Self { events: 256, bytes: 64 << 10 };

    /// At most so many events, for whoever looks at them and is done with them.
    pub(crate) const fn list(events: u32) -> Self {
        Self { events, bytes: 512 << 10 }
    }
}

/// Some events of a log, in order.
#[derive(Debug, Default)]
pub struct EventPage {
    /// The events, in order.
    pub events: Vec<Arc<StoredEvent>>,
    /// Whether it is known that this is all there is.
    pub is_last: bool,
}

impl EventPage {
    /// There is nothing more.
    fn end() -> Self {
        Self { events: Vec::new(), is_last: true }
    }
}

impl StoredEvent {
    /// The event itself.
    ///
    /// # Errors
    /// `Corrupt` when it is not one.
    pub fn event(&self) -> Result<Event, Error> {
        serde_json::from_slice(&self.json).map_err(|error| corrupt(&error.to_string()))
    }

    /// Whether its text is so long that it is sent in pieces.
    #[must_use]
    pub fn is_large(&self) -> bool {
        LARGE < self.json.len()
    }

    /// About how many bytes of it an answer shows.
    #[must_use]
    pub fn shown_bytes(&self) -> usize {
        if shown::SHOWN < self.json.len() { shown::LEFT } else { self.json.len() }
    }

    /// Its text, JSON.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.json
    }

    /// Its text in pieces, none of which holds the whole in memory.
    pub fn pieces(&self) -> impl Iterator<Item = String> + Send {
        let mut rest = &self.json[..];
        std::iter::from_fn(move || {
            let mut end = PIECE.min(rest.len());
            // Between two characters; the longest of them has four bytes.
            while end < rest.len() && rest[end] & 0xC0 == 0x80 {
                end -= 1;
            }
            let (piece, after) = rest.split_at(end);
            rest = after;
            (!piece.is_empty()).then(|| String::from_utf8_lossy(piece).into_owned())
        })
    }

    /// Whether somebody waits for the room that its text takes.
    pub(crate) fn is_wanted(&self) -> bool {
        self.place.as_ref().is_some_and(Place::is_wanted)
    }

    /// With what it takes of the room for long texts.
    pub(super) fn with_place(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    fn new(seq: i64, at: i64, step: impl Display, kind: &str, data: &str) -> Result<Self, Error> {
        let at = timestamp(at);
        let json = format!(r#"{{"seq":{seq},"at":"{at}","step":{step},"kind":"{kind}","data":{data}}}"#);
        let is_end = kind == "state" && from_json::<Event>("event", &json)?.body.is_end();
        Ok(Self { seq, is_end, json: json.into(), place: None })
    }

    /// The bytes of its text.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.json.len()
    }
}

impl TryFrom<&Row<'_>> for StoredEvent {
    type Error = Error;

    fn try_from(row: &Row<'_>) -> Result<Self, Error> {
        let Row { seq, body, .. } = row;
        match body.step {
            Some(step) => Self::new(*seq, body.at, step, body.kind, &body.data),
            None => Self::new(*seq, body.at, "null", body.kind, &body.data),
        }
    }
}

impl Serialize for StoredEvent {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        // Looked through once, so that a damaged row cannot damage the message around it.
        serde_json::from_slice::<&RawValue>(&self.json).map_err(S::Error::custom)?.serialize(to)
    }
}

/// A line of a page: the columns with a space between them. JSON of ours has no line ends in it.
impl FromStr for StoredEvent {
    type Err = Error;

    fn from_str(line: &str) -> Result<Self, Error> {
        let mut columns = line.splitn(5, ' ');
        let mut next = || columns.next().ok_or_else(|| corrupt("a column is missing"));
        let (seq, at, step, kind, data) = (next()?, next()?, next()?, next()?, next()?);
        let number = |text: &str| text.parse().map_err(|_| corrupt("a number cannot be read"));
        Self::new(number(seq)?, number(at)?, step, kind, data)
    }
}

fn corrupt(why: &str) -> Error {
    Error::Corrupt { what: "event", why: why.to_owned() }
}

impl Store {
    /// What the last commits have added after number `after`, when that is still at hand.
    #[must_use]
    pub fn event_recent(&self, run: RunId, after: i64) -> Option<EventPage> {
        self.wakeups.recent(run, after)
    }

    /// Rings after each commit that added events to this run. Mark it heard before reading, not after.
    #[must_use]
    pub fn event_wakeups(&self, run: RunId) -> watch::Receiver<()> {
        self.wakeups.run_events(run)
    }

    /// Tokens of this run as they come; live only.
    #[must_use]
    pub fn partials(&self, run: RunId) -> broadcast::Receiver<Partial> {
        self.wakeups.run_partials(run)
    }

    /// Passes tokens on to whoever listens now.
    pub fn partial_send(&self, run: RunId, partial: Partial) {
        self.wakeups.send_partial(run, partial);
    }
}
