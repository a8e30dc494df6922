//! The log of a run: pages after a number, and the bell that says when to look again.

mod shown;

use std::{fmt::Display, str::FromStr, sync::Arc};

use api::{event::Event, id::RunId};
use bytes::Bytes;
use sea_orm::{ConnectionTrait, Statement};
use serde::{Serialize, Serializer, ser::Error as _};
use serde_json::value::RawValue;
use tokio::sync::{broadcast, watch};

use super::{
    Error, Partial, Store,
    entity::{from_json, run_event::Row, timestamp},
    large::{LARGE, Place},
};

/// How much is read at once for whoever wants a list, in bytes.
const BYTES: u32 = 512 << 10;
/// The longest piece of a long text, in bytes.
const PIECE: usize = 32 << 10;

/// An event of a log as text: whoever only passes it on need not take it apart.
#[derive(Debug)]
pub struct StoredEvent {
    /// Its number.
    pub seq: i64,
    /// Whether it is the last one of its run.
    pub is_end: bool,
    json: Bytes,
    /// What a long text takes of the room for all of them.
    _place: Option<Place>,
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

    /// With what it takes of the room for long texts.
    pub(super) fn with_place(mut self, place: Place) -> Self {
        self._place = Some(place);
        self
    }

    fn new(seq: i64, at: i64, step: impl Display, kind: &str, data: &str) -> Result<Self, Error> {
        let at = timestamp(at);
        let json = format!(r#"{{"seq":{seq},"at":"{at}","step":{step},"kind":"{kind}","data":{data}}}"#);
        let is_end = kind == "state" && from_json::<Event>("event", &json)?.body.is_end();
        Ok(Self { seq, is_end, json: json.into(), _place: None })
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

/// A page as one text, a line an event: so what each row costs the driver is paid once.
/// The first part finds out how far the bytes reach, without reading a text. A long text is not in it: the page
/// ends before it, and when it is the first, its number and size are all there is.
const PAGE: &str = "
    WITH sizes AS MATERIALIZED (
        SELECT seq, octet_length(data) AS size FROM run_events
        WHERE run_id = $1 AND $2 < seq ORDER BY seq LIMIT $3
    ), reach AS (
        SELECT seq, size, SUM(size) OVER (ORDER BY seq) AS sum, MAX(size) OVER (ORDER BY seq) AS longest FROM sizes
    )
    SELECT string_agg(concat_ws(' ', seq, at, COALESCE(CAST(step AS TEXT), 'null'), kind, data), $5 ORDER BY seq),
        (SELECT CAST(seq AS BIGINT) FROM sizes WHERE $6 < size ORDER BY seq LIMIT 1),
        (SELECT CAST(size AS BIGINT) FROM sizes WHERE $6 < size ORDER BY seq LIMIT 1)
    FROM run_events
    WHERE run_id = $1 AND $2 < seq
        AND seq <= (SELECT MAX(seq) FROM reach WHERE sum - size < $4 AND longest <= $6)";

/// One event.
const ONE: &str = "SELECT at, step, kind, data FROM run_events WHERE run_id = $1 AND seq = $2";

impl Store {
    /// Events after number `after`, in order: at least one, if there is one. One with a long text comes alone.
    ///
    /// # Errors
    /// `Database` when they cannot be read.
    pub async fn event_page(&self, run: RunId, after: i64, limit: PageLimit) -> Result<EventPage, Error> {
        let (most, bytes) = (i64::from(limit.events), i64::from(limit.bytes));
        let large = i64::try_from(LARGE).unwrap_or(i64::MAX);
        let values = [run.0.into(), after.into(), most.into(), bytes.into(), "\n".into(), large.into()];
        let statement = Statement::from_sql_and_values(self.read.get_database_backend(), PAGE, values);
        let Some(row) = self.read.query_one_raw(statement).await? else { return Ok(EventPage::end()) };
        let text: Option<String> = row.try_get_by_index(0)?;
        let large: Option<i64> = row.try_get_by_index(1)?;
        let Some(text) = text else {
            let Some(seq) = large else { return Ok(EventPage::end()) };
            let size: i64 = row.try_get_by_index(2)?;
            let event = self.event_large(run, seq, usize::try_from(size).unwrap_or(usize::MAX)).await?;
            return Ok(
                event.map_or_else(EventPage::end, |event| EventPage { events: vec![event], is_last: false })
            );
        };
        let events = text.split('\n').map(|line| Ok(Arc::new(line.parse()?)));
        let events = events.collect::<Result<Vec<_>, Error>>()?;
        let is_whole = events.len() < limit.events as usize && text.len() < limit.bytes as usize;
        Ok(EventPage { events, is_last: is_whole && large.is_none() })
    }

    /// An event with a long text: read once, for all who read it now.
    async fn event_large(
        &self,
        run: RunId,
        seq: i64,
        size: usize,
    ) -> Result<Option<Arc<StoredEvent>>, Error> {
        let read = async |place| {
            let values = [run.0.into(), seq.into()];
            let statement = Statement::from_sql_and_values(self.read.get_database_backend(), ONE, values);
            let Some(row) = self.read.query_one_raw(statement).await? else { return Ok(None) };
            let (at, kind): (i64, String) = (row.try_get_by_index(0)?, row.try_get_by_index(2)?);
            let step: Option<i32> = row.try_get_by_index(1)?;
            let data: String = row.try_get_by_index(3)?;
            drop(row);
            let event = match step {
                Some(step) => StoredEvent::new(seq, at, step, &kind, &data)?,
                None => StoredEvent::new(seq, at, "null", &kind, &data)?,
            };
            // Looked through once: from here on it is sent as it is.
            serde_json::from_slice::<&RawValue>(&event.json).map_err(|error| corrupt(&error.to_string()))?;
            Ok(Some(event.with_place(place)))
        };
        self.large.event(run, seq, size, read).await
    }

    /// The event itself, as it is shown in an answer: a long text is shortened there.
    ///
    /// # Errors
    /// `Corrupt` when it is not one.
    pub async fn event_shown(&self, stored: &StoredEvent) -> Result<Event, Error> {
        if stored.bytes() <= shown::SHOWN {
            return stored.event();
        }
        let _turn = self.large.turn().await;
        let mut event = stored.event()?;
        shown::shorten(&mut event);
        Ok(event)
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
        let (mut events, mut after) = (Vec::new(), after);
        while events.len() < limit as usize {
            let left = limit - u32::try_from(events.len()).unwrap_or(limit);
            let page = self.event_page(run, after, PageLimit { events: left, bytes: BYTES }).await?;
            let Some(last) = page.events.last() else { break };
            after = last.seq;
            for stored in &page.events {
                events.push(stored.event()?);
            }
        }
        Ok(events)
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
