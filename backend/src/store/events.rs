//! The log of a run: pages after a number, and the bell that says when to look again.

use std::{fmt::Display, str::FromStr, sync::Arc};

use api::{event::Event, id::RunId};
use sea_orm::{ConnectionTrait, Statement};
use serde::{Serialize, Serializer, ser::Error as _};
use serde_json::value::RawValue;
use tokio::sync::{broadcast, watch};

use super::{
    Error, Partial, Store,
    entity::{from_json, run_event::Row, timestamp},
};

/// An event of a log as text: whoever only passes it on need not take it apart.
#[derive(Clone, Debug)]
pub struct StoredEvent {
    /// Its number.
    pub seq: i64,
    /// Whether it is the last one of its run.
    pub is_end: bool,
    json: String,
}

/// How much of a log is read at once.
#[derive(Clone, Copy, Debug)]
pub struct PageLimit {
    /// The most events.
    pub events: u32,
    /// The most bytes, which the last event may exceed.
    pub bytes: u32,
}

/// Some events of a log, in order.
#[derive(Debug, Default)]
pub struct EventPage {
    /// They.
    pub events: Vec<Arc<StoredEvent>>,
    /// Whether it is known that this is all there is.
    pub is_last: bool,
}

impl StoredEvent {
    /// The event itself.
    ///
    /// # Errors
    /// `Corrupt` when it is not one.
    pub fn event(&self) -> Result<Event, Error> {
        from_json("event", &self.json)
    }

    fn new(seq: i64, at: i64, step: impl Display, kind: &str, data: &str) -> Result<Self, Error> {
        let at = timestamp(at);
        let json = format!(r#"{{"seq":{seq},"at":"{at}","step":{step},"kind":"{kind}","data":{data}}}"#);
        let is_end = kind == "state" && from_json::<Event>("event", &json)?.body.is_end();
        Ok(Self { seq, is_end, json })
    }

    /// The bytes of its text.
    pub(super) fn bytes(&self) -> usize {
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
        serde_json::from_str::<&RawValue>(&self.json).map_err(S::Error::custom)?.serialize(to)
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

/// A page as one text, a line an event: so what each row costs the driver is paid once.
/// The first part finds out how far the bytes reach, without reading a text.
const PAGE: &str = "
    WITH sizes AS (
        SELECT seq, octet_length(data) AS size FROM run_events
        WHERE run_id = $1 AND $2 < seq ORDER BY seq LIMIT $3
    ), reach AS (
        SELECT seq, size, SUM(size) OVER (ORDER BY seq) AS sum FROM sizes
    )
    SELECT string_agg(concat_ws(' ', seq, at, COALESCE(CAST(step AS TEXT), 'null'), kind, data), $5 ORDER BY seq)
    FROM run_events
    WHERE run_id = $1 AND $2 < seq AND seq <= (SELECT MAX(seq) FROM reach WHERE sum - size < $4)";

impl Store {
    /// Events after number `after`, in order: at least one, if there is one.
    ///
    /// # Errors
    /// `Database` when they cannot be read.
    pub async fn event_page(&self, run: RunId, after: i64, limit: PageLimit) -> Result<EventPage, Error> {
        let (most, bytes) = (i64::from(limit.events), i64::from(limit.bytes));
        let values = [run.0.into(), after.into(), most.into(), bytes.into(), "\n".into()];
        let statement = Statement::from_sql_and_values(self.read.get_database_backend(), PAGE, values);
        let row = self.read.query_one_raw(statement).await?;
        let text: Option<String> = row.map(|row| row.try_get_by_index(0)).transpose()?.flatten();
        let Some(text) = text else { return Ok(EventPage { events: Vec::new(), is_last: true }) };
        let events = text.split('\n').map(|line| Ok(Arc::new(line.parse()?)));
        let events = events.collect::<Result<Vec<_>, Error>>()?;
        let is_last = events.len() < limit.events as usize && text.len() < limit.bytes as usize;
        Ok(EventPage { events, is_last })
    }

    /// What the last commits have added after number `after`, when that is still at hand.
    #[must_use]
    pub fn event_recent(&self, run: RunId, after: i64) -> Option<EventPage> {
        self.bells.recent(run, after)
    }

    /// At most `limit` events after number `after`, in order.
    ///
    /// # Errors
    /// `Database` when they cannot be read.
    pub async fn event_list(&self, run: RunId, after: i64, limit: u32) -> Result<Vec<Event>, Error> {
        let page = self.event_page(run, after, PageLimit { events: limit, bytes: u32::MAX }).await?;
        page.events.iter().map(|stored| stored.event()).collect()
    }

    /// Rings after each commit that added events to this run. Mark it heard before reading, not after.
    #[must_use]
    pub fn event_bell(&self, run: RunId) -> watch::Receiver<()> {
        self.bells.run_events(run)
    }

    /// Tokens of this run as they come; live only.
    #[must_use]
    pub fn partials(&self, run: RunId) -> broadcast::Receiver<Partial> {
        self.bells.run_partials(run)
    }

    /// Passes tokens on to whoever listens now.
    pub fn partial_send(&self, run: RunId, partial: Partial) {
        self.bells.send_partial(run, partial);
    }
}
