//! Wake-ups between backends: on PostgreSQL each commit tells the other backends which runs it was about.
//!
//! Nothing but ids travels, and one that is missed does no harm: after a lost connection everybody is woken.

use std::{sync::Arc, time::Duration};

use api::id::RunId;
use sea_orm::{
    ConnectionTrait, DbBackend, Statement,
    sqlx::{self, postgres::PgListener},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Error, wakeups::Wakeups};

/// The channel of all backends on one database.
const CHANNEL: &str = "caisson_runs";
/// How many ids fit into one message: it may have 8,000 bytes.
const IDS: usize = 200;
/// Between two tries to listen.
const PAUSE: Duration = Duration::from_secs(1);

/// Tells the other backends that something has happened to these runs, when the transaction is committed.
pub(super) async fn announce(
    connection: &impl ConnectionTrait,
    origin: Uuid,
    runs: impl Iterator<Item = RunId>,
) -> Result<(), Error> {
    if connection.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    let ids: Vec<String> = runs.map(|run| run.0.simple().to_string()).collect();
    for ids in ids.chunks(IDS) {
        let message = format!("{} {}", origin.simple(), ids.join(" "));
        let values = [CHANNEL.into(), message.into()];
        let sql = "SELECT pg_notify($1, $2)";
        connection.query_one_raw(Statement::from_sql_and_values(DbBackend::Postgres, sql, values)).await?;
    }
    Ok(())
}

/// Wakes those who wait here for what the other backends commit, until it is asked to stop.
pub(super) async fn listen(url: String, origin: Uuid, wakeups: Arc<Wakeups>, stop: CancellationToken) {
    let listening = async {
        loop {
            if let Err(error) = hear(&url, origin, &wakeups).await {
                tracing::warn!(%error, "the other backends cannot be heard, trying again");
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = listening => {}
    }
}

async fn hear(url: &str, origin: Uuid, wakeups: &Wakeups) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect(url).await?;
    listener.listen(CHANNEL).await?;
    loop {
        // What was said while nobody listened is in the database.
        wakeups.notify_all();
        while let Some(message) = listener.try_recv().await? {
            let mut ids = message.payload().split(' ').filter_map(|id| id.parse::<Uuid>().ok());
            if ids.next() != Some(origin) {
                ids.for_each(|id| wakeups.notify_remote(RunId(id)));
            }
        }
    }
}
