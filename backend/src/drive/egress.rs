//! What a run's container may reach and what it was refused: told to the container before the agent starts and
//! whenever a person allows more, heard from it while the run lives.

use std::{convert::Infallible, sync::Arc, time::Duration};

use api::{
    event::{EgressEvent, EventBody, Notice},
    executor::EgressReport,
    id::{InstanceId, RunId},
    instance::Denied,
    run::{DeniedHost, Reason},
};
use tokio::sync::Notify;

use super::{Driver, End, Halt, boot::Booted, execution::insist, masking};
use crate::{
    agent::{Agent, Error},
    mask::Mask,
    store::{self, RunPatch, RunWrite, Store},
};

/// Between two looks at what was refused: what is refused all the time is told at most this often.
const PAUSE: Duration = Duration::from_secs(1);

/// Follows what one container is refused.
pub(super) struct Watch {
    store: Store,
    run: RunId,
    fence: i64,
    instance: InstanceId,
    agent: Agent,
    mask: Arc<Mask>,
    changed: Arc<Notify>,
    /// What is stored.
    denied: Vec<Denied>,
    /// How many of the container's notices are stored.
    notices: usize,
    version: u64,
}

impl Driver {
    /// Tells the container what it may reach; nothing needs to be told when that is nothing.
    ///
    /// # Errors
    /// `FirewallFailed` when it does not take it.
    pub(super) async fn open_egress(&mut self, booted: &Booted) -> Result<(), Halt> {
        let (store, instance) = (self.app.store.clone(), booted.instance);
        let known = self.patiently(|| store.instance_fetch(instance)).await?.flatten();
        let allow = known.map(|instance| instance.egress.allowed).unwrap_or_default();
        if allow.is_empty() {
            return Ok(());
        }
        let told = insist(|| booted.agent.set_egress(allow.clone())).await.map_err(|error| {
            let detail = format!("The container's firewall did not take what the run may reach: {error}");
            End::new(Reason::FirewallFailed, detail)
        })?;
        for refused in told.refused {
            self.notice("egress", format!("{} is not reachable: {}", refused.entry, refused.why)).await?;
        }
        Ok(())
    }

    /// What follows the container's refusals from now on.
    pub(super) async fn watch_egress(&self, booted: &Booted) -> Watch {
        let run = &self.record.run;
        Watch {
            store: self.app.store.clone(),
            run: run.id,
            fence: self.record.fence,
            instance: booted.instance,
            agent: booted.agent.clone(),
            mask: self.mask.clone(),
            changed: self.driven.egress.clone(),
            // What cannot be read now is told once more.
            denied: self.app.store.run_denied(run.id).await.unwrap_or_default(),
            notices: 0,
            version: 0,
        }
    }
}

impl Watch {
    /// Follows until it is dropped. A container that does not answer, or a database that is away, is tried again.
    pub(super) async fn follow(&mut self) -> Infallible {
        loop {
            let changed = self.changed.clone();
            tokio::select! {
                () = changed.notified() => self.tell().await,
                heard = self.agent.egress_after(self.version) => match heard {
                    Ok(report) => drop(self.note(report).await),
                    Err(error) => tracing::debug!(%error, "what a container is refused cannot be heard"),
                },
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// What was refused in the last moments, before the run ends.
    pub(super) async fn last_words(&mut self) {
        // An executor that hangs delays the end by no more than this.
        if let Ok(Ok(report)) = tokio::time::timeout(PAUSE, self.agent.egress()).await {
            drop(self.note(report).await);
        }
    }

    /// What was refused so far, by host.
    pub(super) fn refused_hosts(&self) -> Vec<DeniedHost> {
        store::denied_hosts(&self.denied)
    }

    async fn tell(&self) {
        let allowed = match self.store.instance_fetch(self.instance).await {
            Ok(Some(instance)) => instance.egress.allowed,
            Ok(None) | Err(_) => return self.changed.notify_one(),
        };
        if let Err(Error::Unreachable(_)) = self.agent.set_egress(allowed).await {
            self.changed.notify_one();
        }
    }

    /// Stores what is new in a report: events and what the instance shows, in one transaction.
    async fn note(&mut self, mut report: EgressReport) -> Result<(), store::Error> {
        masking::report(&self.mask, &mut report);
        let before =
            |now: &Denied| self.denied.iter().find(|known| is_same(known, now)).map_or(0, |it| it.count);
        let denials =
            report.denied.iter().filter(|now| is_worth_telling(before(now), now.count)).map(refusal);
        let notices = report
            .notices
            .iter()
            .skip(self.notices)
            .map(|text| EventBody::Notice(Notice { about: "egress".to_owned(), text: text.clone() }));
        let events: Vec<EventBody> = denials.chain(notices).collect();
        let merged = merge(&self.denied, &report.denied);
        if merged != self.denied || !events.is_empty() {
            let step = self.store.run_record(self.run).await?.map_or(0, |record| record.run.step);
            let mut write = RunWrite::of(self.run);
            write.fence = Some(self.fence);
            let write = events.into_iter().fold(write, |write, body| write.event(step, body));
            let write = write.patch(RunPatch { denied: Some(merged.clone()), ..RunPatch::default() });
            self.store.run_write(write).await?;
        }
        (self.denied, self.notices, self.version) = (merged, report.notices.len(), report.version);
        Ok(())
    }
}

fn is_same(one: &Denied, other: &Denied) -> bool {
    one.host == other.host && one.port == other.port
}

/// The first time, and each time it is ten times as often.
fn is_worth_telling(before: u64, now: u64) -> bool {
    before < now && before.checked_ilog10() != now.checked_ilog10()
}

fn refusal(denied: &Denied) -> EventBody {
    EventBody::Egress(EgressEvent {
        host: denied.host.clone(),
        port: denied.port,
        allowed: false,
        count: denied.count,
        why: denied.why.clone(),
        process: denied.process.clone(),
    })
}

/// What is known now. A container that was started again counts from 0: what was known of it stays.
fn merge(known: &[Denied], now: &[Denied]) -> Vec<Denied> {
    let mut merged = known.to_vec();
    for denied in now {
        match merged.iter_mut().find(|known| is_same(known, denied)) {
            Some(known) if known.count < denied.count => *known = denied.clone(),
            Some(_) => {}
            None => merged.push(denied.clone()),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denied(host: &str, count: u64) -> Denied {
        Denied {
            host: host.to_owned(),
            port: Some(443),
            count,
            last_at: api::Timestamp::UNIX_EPOCH,
            why: String::new(),
            process: None,
        }
    }

    #[test]
    fn a_refusal_is_told_at_1_10_100() {
        let mut told = Vec::new();
        for count in 1..=1_000 {
            if is_worth_telling(count - 1, count) {
                told.push(count);
            }
        }
        assert_eq!(told, [1, 10, 100, 1_000]);
        assert!(is_worth_telling(7, 400), "it grew much between two looks");
        assert!(!is_worth_telling(5, 5) && !is_worth_telling(5, 2));
    }

    #[test]
    fn what_is_known_never_shrinks() {
        let known = merge(&[], &[denied("a", 3), denied("b", 1)]);
        assert_eq!(merge(&known, &[denied("a", 1), denied("c", 1)]), merge(&known, &[denied("c", 1)]));
        assert_eq!(merge(&known, &[denied("a", 4)])[0].count, 4);
    }
}
