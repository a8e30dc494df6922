//! Egress: tells the gate what the container may reach, and keeps what the gate says was refused.
//!
//! The gate is the firewall, PID 1; the line to it is this process's standard input, which no process that is
//! started here inherits.

mod gate;
mod line;
mod owner;
mod owners;
mod presets;
mod table;

use std::{io, os::unix::net::UnixStream, sync::Arc, time::Duration};

use api::executor::{EGRESS_WAIT_SECONDS, EgressReport, SetEgress};
use tokio::sync::{Mutex, watch};

use crate::{Config, account::Account, refusal::Refusal, tasks::Tasks};

pub use line::gate;
pub(crate) use owner::owner_of;

use gate::Gate;
use owners::Owners;
use presets::Presets;
use table::Table;

/// The most entries, and the longest one, in bytes.
const ENTRIES: usize = 1000;
const LONGEST: usize = 300;
/// Who asks again and again gets what has changed in between at once, so a flood is a few answers.
const SETTLE: Duration = Duration::from_millis(100);

/// What the container may reach, and what it was refused.
#[derive(Clone)]
pub(crate) struct Egress(Arc<Inner>);

struct Inner {
    /// `None` where there is no gate: tests, development.
    gate: Option<Mutex<Gate>>,
    table: watch::Sender<Table>,
    presets: Presets,
    tasks: Tasks,
}

impl Egress {
    /// Takes over the line to the gate, if there is one.
    ///
    /// # Errors
    /// When the system refuses.
    pub(crate) fn start(
        line: Option<UnixStream>,
        config: &Config,
        account: &Account,
        tasks: &Tasks,
    ) -> io::Result<Self> {
        let table = watch::Sender::new(Table::default());
        let owners = Owners::new(account.clone(), table.clone(), tasks.clone());
        let open = |line| Gate::open(line, table.clone(), owners, tasks).map(Mutex::new);
        let gate = line.map(open).transpose()?;
        let presets = Presets::new(account.clone(), config.tool_env.clone());
        Ok(Self(Arc::new(Inner { gate, table, presets, tasks: tasks.clone() })))
    }

    /// Replaces what the container may reach. Goes on when the caller is gone.
    ///
    /// # Errors
    /// `Invalid` for lists without measure, `Unavailable` without a gate.
    pub(crate) async fn set(&self, egress: SetEgress) -> Result<EgressReport, Refusal> {
        if ENTRIES < egress.allow.len() {
            return Err(Refusal::Invalid(format!("allow: at most {ENTRIES} entries")));
        }
        if let Some(place) = egress.allow.iter().position(|entry| LONGEST < entry.len()) {
            return Err(Refusal::Invalid(format!("allow[{place}]: longer than {LONGEST} bytes")));
        }
        let egress_now = self.clone();
        let work = self.0.tasks.spawn("egress", async move { egress_now.set_now(&egress.allow).await });
        work.await.map_err(|error| Refusal::system("setting the egress")(io::Error::other(error)))?
    }

    async fn set_now(&self, allow: &[String]) -> Result<EgressReport, Refusal> {
        let Some(gate) = &self.0.gate else {
            return match allow {
                [] => Ok(self.0.table.borrow().report.clone()),
                _ => Err(Refusal::Unavailable(
                    "there is no gate that could let anything out: this container was not started by the firewall"
                        .to_owned(),
                )),
            };
        };
        let mut expanded = self.0.presets.expand(allow).await;
        let mut gate = gate.lock().await;
        let (allowed, refused) = gate.set(&expanded.allow).await.map_err(unavailable)?;
        expanded.refused.extend(refused);
        self.0.table.send_if_modified(|table| table.allow(allowed, expanded.refused));
        Ok(self.0.table.borrow().report.clone())
    }

    /// The current report, at once; with `after`, as soon as there is a newer one than that, or after a while.
    ///
    /// # Errors
    /// `Unavailable` when the gate is gone.
    pub(crate) async fn report(&self, after: Option<u64>) -> Result<EgressReport, Refusal> {
        if let Some(after) = after {
            self.wait_for_newer(after).await;
        }
        let table = self.0.table.borrow();
        table.broken.clone().map_or_else(|| Ok(table.report.clone()), |why| Err(unavailable(why)))
    }

    async fn wait_for_newer(&self, after: u64) {
        let mut changes = self.0.table.subscribe();
        let newer = changes.wait_for(|table| table.broken.is_some() || after < table.report.version);
        let wait = Duration::from_secs(EGRESS_WAIT_SECONDS);
        let stop = self.0.tasks.stop();
        let waited = tokio::select! {
            waited = tokio::time::timeout(wait, newer) => waited.is_ok(),
            () = stop.cancelled() => false,
        };
        if waited && after != 0 {
            tokio::time::sleep(SETTLE).await;
        }
    }
}

fn unavailable(why: String) -> Refusal {
    Refusal::Unavailable(format!("nothing gets out, and nothing can be allowed: {why}"))
}
