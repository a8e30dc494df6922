//! `run_events`: one row an event.
//!
//! An event's `data` is JSON text. There a NUL character is an escape of six ordinary ones, so any database
//! holds it and it is read back as it came. Raw NULs cannot reach the table: `kind` is one of ours.

use std::borrow::Cow;

use api::{Timestamp, event::EventBody, id::RunId};

use super::{micros, to_json};
use crate::store::{Error, NewEvent};

/// An event as its columns hold it, without its place in the log.
#[derive(Clone, Debug)]
pub struct Body {
    /// When it happened, in microseconds since 1970.
    pub at: i64,
    pub step: Option<i32>,
    pub kind: &'static str,
    /// JSON.
    pub data: String,
    /// Its number in the executor's spool; not a column.
    pub n: Option<u64>,
}

/// A row.
#[derive(Clone, Debug)]
pub struct Row<'a> {
    pub run: RunId,
    pub seq: i64,
    pub body: Cow<'a, Body>,
}

impl Body {
    pub fn new(at: Timestamp, step: Option<u32>, body: &EventBody) -> Result<Self, Error> {
        let (kind, data) = halves(body)?;
        let step = step.and_then(|step| i32::try_from(step).ok());
        Ok(Self { at: micros(at), step, kind, data, n: None })
    }
}

impl TryFrom<NewEvent> for Body {
    type Error = Error;

    fn try_from(event: NewEvent) -> Result<Self, Error> {
        Ok(Self { n: event.n, ..Self::new(event.at, event.step, &event.body)? })
    }
}

/// The two halves of an event's body, as serde names them.
fn halves(body: &EventBody) -> Result<(&'static str, String), Error> {
    Ok(match body {
        EventBody::State(data) => ("state", to_json("event", data)?),
        EventBody::Progress(data) => ("progress", to_json("event", data)?),
        EventBody::Agent(data) => ("agent", to_json("event", data)?),
        EventBody::Check(data) => ("check", to_json("event", data)?),
        EventBody::Git(data) => ("git", to_json("event", data)?),
        EventBody::Egress(data) => ("egress", to_json("event", data)?),
        EventBody::Gate(data) => ("gate", to_json("event", data)?),
        EventBody::Notice(data) => ("notice", to_json("event", data)?),
        EventBody::User(data) => ("user", to_json("event", data)?),
    })
}
