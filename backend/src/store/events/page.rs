//! The log as it is read: page by page, a long text alone, and questions that read no text at all.

use std::sync::Arc;

use api::{event::Event, id::RunId};
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};
use serde_json::value::RawValue;

use super::{EventPage, PageLimit, StoredEvent, corrupt, shown};
use crate::{
    store::{Error, Store, large::LARGE},
    turn::{LONG, Turn},
};

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

/// One event that may be the last of its run. None of these is long.
const STATE: &str =
    "SELECT at, step, kind, data FROM run_events WHERE run_id = $1 AND seq = $2 AND kind = 'state'";

/// Whether there is a further event.
const MORE: &str = "SELECT seq FROM run_events WHERE run_id = $1 AND $2 < seq LIMIT 1";

/// What comes next in a log.
enum Next {
    /// Events with short texts.
    Page(EventPage),
    /// One with a long text, of which only the number and the bytes are known.
    Large(i64, usize),
}

impl Store {
    /// Events after number `after`, in order: at least one, if there is one. One with a long text comes alone, when
    /// there is room for it. Drivers never wait for that: they ask [`Store::event_page_short`].
    ///
    /// # Errors
    /// `Database` when they cannot be read.
    pub async fn event_page(&self, run: RunId, after: i64, limit: PageLimit) -> Result<EventPage, Error> {
        match self.event_next(run, after, limit).await? {
            Next::Page(page) => Ok(page),
            Next::Large(seq, size) => {
                let event = self.event_large(run, seq, size).await?;
                let page = |event| EventPage { events: vec![event], is_last: false };
                Ok(event.map_or_else(EventPage::end, page))
            }
        }
    }

    /// The same without long texts, which are passed over unread, and the number up to which it goes.
    ///
    /// # Errors
    /// `Database` when they cannot be read.
    pub async fn event_page_short(
        &self,
        run: RunId,
        after: i64,
        limit: PageLimit,
    ) -> Result<(EventPage, i64), Error> {
        Ok(match self.event_next(run, after, limit).await? {
            Next::Page(page) => {
                let last = page.events.last().map_or(after, |last| last.seq);
                (page, last)
            }
            Next::Large(seq, _) => (EventPage::default(), seq),
        })
    }

    /// Whether there are events after number `after`.
    ///
    /// # Errors
    /// `Database` when it cannot be read.
    pub async fn event_is_more(&self, run: RunId, after: i64) -> Result<bool, Error> {
        Ok(self.event_row(MORE, vec![run.0.into(), after.into()]).await?.is_some())
    }

    /// Whether the event of this number is the last one of its run.
    ///
    /// # Errors
    /// `Database` when it cannot be read.
    pub async fn event_is_end(&self, run: RunId, seq: i64) -> Result<bool, Error> {
        let row = self.event_row(STATE, vec![run.0.into(), seq.into()]).await?;
        row.map_or(Ok(false), |row| Ok(event(seq, row)?.is_end))
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

    async fn event_next(&self, run: RunId, after: i64, limit: PageLimit) -> Result<Next, Error> {
        let (most, bytes) = (i64::from(limit.events), i64::from(limit.bytes));
        let large = i64::try_from(LARGE).unwrap_or(i64::MAX);
        let values = vec![run.0.into(), after.into(), most.into(), bytes.into(), "\n".into(), large.into()];
        let Some(row) = self.event_row(PAGE, values).await? else { return Ok(Next::Page(EventPage::end())) };
        let text: Option<String> = row.try_get_by_index(0)?;
        let large: Option<i64> = row.try_get_by_index(1)?;
        let Some(text) = text else {
            let Some(seq) = large else { return Ok(Next::Page(EventPage::end())) };
            let size: i64 = row.try_get_by_index(2)?;
            return Ok(Next::Large(seq, usize::try_from(size).unwrap_or(usize::MAX)));
        };
        let events = text.split('\n').map(|line| Ok(Arc::new(line.parse()?)));
        let events = events.collect::<Result<Vec<_>, Error>>()?;
        let is_whole = events.len() < limit.events as usize && text.len() < limit.bytes as usize;
        Ok(Next::Page(EventPage { events, is_last: is_whole && large.is_none() }))
    }

    /// An event with a long text: read once, for all who read it now.
    async fn event_large(
        &self,
        run: RunId,
        seq: i64,
        size: usize,
    ) -> Result<Option<Arc<StoredEvent>>, Error> {
        let read = async |place| {
            let _turn = if LONG < size { Turn::take().await } else { Turn::default() };
            let row = self.event_row(ONE, vec![run.0.into(), seq.into()]).await?;
            let Some(event) = row.map(|row| event(seq, row)).transpose()? else { return Ok(None) };
            // Looked through once: from here on it is sent as it is.
            serde_json::from_slice::<&RawValue>(&event.json).map_err(|error| corrupt(&error.to_string()))?;
            Ok(Some(event.with_place(place)))
        };
        self.large.event(run, seq, size, read).await
    }

    async fn event_row(&self, sql: &str, values: Vec<Value>) -> Result<Option<QueryResult>, Error> {
        let statement = Statement::from_sql_and_values(self.read.get_database_backend(), sql, values);
        Ok(self.read.query_one_raw(statement).await?)
    }
}

/// The event of a row with the columns of [`ONE`].
fn event(seq: i64, row: QueryResult) -> Result<StoredEvent, Error> {
    let (at, kind): (i64, String) = (row.try_get_by_index(0)?, row.try_get_by_index(2)?);
    let step: Option<i32> = row.try_get_by_index(1)?;
    let data: String = row.try_get_by_index(3)?;
    drop(row);
    match step {
        Some(step) => StoredEvent::new(seq, at, step, &kind, &data),
        None => StoredEvent::new(seq, at, "null", &kind, &data),
    }
}
