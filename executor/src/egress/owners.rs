//! Asks whose socket was refused, not too often: each look goes through all of the agent's processes.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::watch;

use super::table::Table;
use crate::{account::Account, tasks::Tasks, worker::ask};

/// How long a look may take; later the process is of no interest.
const TIME: Duration = Duration::from_millis(300);
/// How many looks there may be in how long a time.
const LOOKS: u32 = 20;
const PERIOD: Duration = Duration::from_secs(60);

/// Finds the processes behind denials.
#[derive(Clone)]
pub(super) struct Owners {
    account: Account,
    table: watch::Sender<Table>,
    tasks: Tasks,
    /// Since when, and how many looks there were.
    period: Arc<Mutex<(Instant, u32)>>,
}

impl Owners {
    /// Notes what it finds in this table.
    pub(super) fn new(account: Account, table: watch::Sender<Table>, tasks: Tasks) -> Self {
        Self { account, table, tasks, period: Arc::new(Mutex::new((Instant::now(), 0))) }
    }

    /// Looks for the process with this local port, unless there were too many looks, and notes it.
    pub(super) fn find(&self, local: u16, host: String, port: Option<u16>) {
        if !self.may_look(Instant::now()) {
            return;
        }
        let owners = self.clone();
        self.tasks.spawn("owner of a socket", async move {
            let found = ask::<_, Option<String>>(&owners.account, "owner", &local, TIME).await;
            if let Ok(Some(process)) = found {
                owners.table.send_if_modified(|table| table.name_process(&host, port, &process));
            }
        });
    }

    fn may_look(&self, now: Instant) -> bool {
        let mut period = self.period.lock().unwrap_or_else(PoisonError::into_inner);
        if PERIOD <= now.saturating_duration_since(period.0) {
            *period = (now, 0);
        }
        period.1 += 1;
        period.1 <= LOOKS
    }
}

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::*;

    #[test]
    fn there_are_not_more_looks_in_a_minute_than_that() {
        let folder = tempfile::tempdir().unwrap();
        let account = Account::of(&crate::config::tests::config(folder.path()));
        let tasks = Tasks::new(CancellationToken::new());
        let owners = Owners::new(account, watch::Sender::new(Table::default()), tasks);
        let now = Instant::now();
        let looks = |now| (0..2 * LOOKS).filter(|_| owners.may_look(now)).count();
        assert_eq!(looks(now), LOOKS as usize);
        assert_eq!(looks(now + PERIOD / 2), 0);
        assert_eq!(looks(now + 2 * PERIOD), LOOKS as usize);
    }
}
