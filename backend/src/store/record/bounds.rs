//! How much of what others say becomes part of a run. A run is read as a whole, in lists of hundreds, so that each of
//! its texts is short. The log has the whole.

use std::{collections::BTreeMap, ops::Deref};

use api::{event::EventBody, instance::Denied, run::Artifact};

use super::RunWrite;
use crate::{
    cut::cut,
    store::{Work, gates},
};

/// The longest name: of a model, a session, a commit, a tool, in bytes.
const NAME: usize = 200;
/// The longest path, host or remark, in bytes.
const REMARK: usize = 2_000;
/// The longest sentence about a run's end, in bytes.
const DETAIL: usize = 8 << 10;
/// The most artifacts, and the most hosts that were refused.
const MANY: usize = 1_000;
/// What is known of the work beside the branch, all in all, in bytes of JSON.
const WORK: usize = 128 << 10;

/// A change to a run as it is stored, with nothing in it that is too long to be part of a run. Secrets are masked before
/// it is made: half a secret is not recognised.
#[derive(Clone, Debug)]
pub struct Bounded(RunWrite);

impl From<RunWrite> for Bounded {
    fn from(mut write: RunWrite) -> Self {
        write.bound();
        Self(write)
    }
}

impl Deref for Bounded {
    type Target = RunWrite;

    fn deref(&self) -> &RunWrite {
        &self.0
    }
}

impl Bounded {
    /// The change.
    pub(in crate::store) fn into_inner(self) -> RunWrite {
        self.0
    }
}

impl RunWrite {
    fn bound(&mut self) {
        let patch = &mut self.patch;
        for name in
            [&mut patch.agent_session, &mut patch.model, &mut patch.base_commit, &mut patch.head_commit]
        {
            name.iter_mut().for_each(|name| cut(name, NAME));
        }
        patch.gate.iter_mut().flatten().for_each(gates::bound);
        if let Some(artifacts) = &mut patch.artifacts {
            artifacts.truncate(MANY);
            artifacts.iter_mut().for_each(artifact);
        }
        if let Some(all) = &mut patch.denied {
            all.truncate(MANY);
            all.iter_mut().for_each(denied);
        }
        patch.work.iter_mut().for_each(work);
        self.end.iter_mut().for_each(|end| cut(&mut end.detail, DETAIL));
        for event in &mut self.events {
            match &mut event.body {
                EventBody::Gate(gate) => gates::bound(gate),
                EventBody::State(state) => state.detail.iter_mut().for_each(|detail| cut(detail, DETAIL)),
                _ => {}
            }
        }
    }
}

fn artifact(artifact: &mut Artifact) {
    cut(&mut artifact.name, NAME);
    cut(&mut artifact.what, REMARK);
}

fn denied(denied: &mut Denied) {
    let process = denied.process.iter_mut();
    process.chain([&mut denied.host, &mut denied.why]).for_each(|text| cut(text, REMARK));
}

fn work(work: &mut Work) {
    let files = work.not_committed.iter_mut().flat_map(|file| [&mut file.path, &mut file.why]);
    let places = work.elsewhere.iter_mut().flat_map(|it| [&mut it.place, &mut it.commit]);
    files.chain(places).chain(work.outside.values_mut()).chain(&mut work.told).for_each(|it| cut(it, REMARK));
    work.denied.values_mut().for_each(|tool| cut(tool, NAME));
    // A call that is too long for its name was made up; nobody will ask for it.
    work.denied.retain(|call, _| call.len() <= NAME);
    work.outside.retain(|call, _| call.len() <= NAME);
    while WORK < bytes(work) && halve_longest(work) {}
}

/// Leaves the first half of the list that takes the most room. Returns whether there was one.
fn halve_longest(work: &mut Work) -> bool {
    let (denied, outside) = (bytes(&work.denied), bytes(&work.outside));
    let lists = [bytes(&work.not_committed), bytes(&work.elsewhere), bytes(&work.told), denied, outside];
    let longest = lists.into_iter().max().unwrap_or_default();
    if longest <= 2 {
        return false;
    }
    let halve = |calls: &mut BTreeMap<String, String>| {
        let last = calls.keys().nth(calls.len() / 2).cloned();
        last.map(|last| calls.split_off(&last));
    };
    match lists.iter().position(|list| *list == longest) {
        Some(0) => work.not_committed.truncate(work.not_committed.len() / 2),
        Some(1) => work.elsewhere.truncate(work.elsewhere.len() / 2),
        Some(2) => work.told.truncate(work.told.len() / 2),
        Some(3) => halve(&mut work.denied),
        _ => halve(&mut work.outside),
    }
    true
}

fn bytes(part: &impl serde::Serialize) -> usize {
    serde_json::to_string(part).map_or(0, |json| json.len())
}

#[cfg(test)]
mod tests {
    use api::{
        Timestamp,
        event::{AgentLine, AgentLineType},
        id::RunId,
        run::{Gate, GateKind, NotCommitted, Reason},
    };

    use proptest::prelude::*;

    use super::*;
    use crate::store::{NewEvent, RunPatch};

    /// What a hostile agent says everywhere.
    fn long() -> String {
        "ä".repeat(1 << 20)
    }

    fn everything(long: impl Fn() -> String) -> RunWrite {
        let gate = Gate {
            id: uuid::Uuid::nil(),
            kind: GateKind::Question,
            text: long(),
            options: vec![long(); 100],
            since: Timestamp::UNIX_EPOCH,
            until: None,
            answer: None,
        };
        let file = NotCommitted { path: long(), bytes: 1, why: long() };
        let calls = |from: usize| (from..from + 500).map(|n| (format!("step-1 {n}"), long())).collect();
        let work = Work {
            not_committed: vec![file; 100],
            denied: [(long(), long())].into_iter().chain(calls(0)).collect(),
            outside: calls(500),
            told: vec![long(); 100],
            ..Work::default()
        };
        let denied = Denied {
            host: long(),
            port: None,
            process: Some(long()),
            why: long(),
            count: 1,
            last_at: Timestamp::UNIX_EPOCH,
        };
        let patch = RunPatch {
            model: Some(long()),
            agent_session: Some(long()),
            base_commit: Some(long()),
            head_commit: Some(long()),
            gate: Some(Some(gate.clone())),
            artifacts: Some(vec![Artifact { name: long(), bytes: 1, what: long() }]),
            denied: Some(vec![denied; 10]),
            work: Some(work),
            ..RunPatch::default()
        };
        let write = RunWrite::of(RunId(uuid::Uuid::nil())).patch(patch);
        write.end(Reason::AgentError, long()).event(1, EventBody::Gate(gate))
    }

    #[test]
    fn whatever_is_said_a_run_stays_short_and_its_log_is_whole() {
        let mut write = everything(long);
        let raw = long();
        let body = EventBody::Agent(AgentLine::plain(AgentLineType::Other, raw.clone()));
        write.events.push(NewEvent { at: Timestamp::UNIX_EPOCH, step: None, body, n: None });
        write.bound();
        let EventBody::Agent(line) = write.events.pop().unwrap().body else { panic!("a line") };
        assert!(line.raw == raw);
        let patch = &write.patch;
        assert!(patch.model.as_ref().unwrap().ends_with("… (2097152 bytes)"));
        assert!(!patch.work.as_ref().unwrap().denied.is_empty(), "that something was denied stays known");
        let bytes = format!("{write:?}").len();
        assert!(bytes < 512 << 10, "{bytes}");
    }

    #[test]
    fn what_is_short_stays_as_it_is() {
        let patch = RunPatch {
            model: Some("claude-sonnet-5-5".to_owned()),
            work: Some(Work { told: vec!["Two heads were merged.".to_owned()], ..Work::default() }),
            ..RunPatch::default()
        };
        let mut write = RunWrite::of(RunId(uuid::Uuid::nil())).patch(patch).end(Reason::Completed, "Done.");
        let before = format!("{write:?}");
        write.bound();
        assert_eq!(format!("{write:?}"), before);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20))]

        #[test]
        fn what_is_bounded_stays_as_it_is(text in "[ä-öx\u{1F980}]{0,40}", times in 1..500_usize) {
            let once = Bounded::from(everything(|| text.repeat(times)));
            let twice = Bounded::from(once.clone().into_inner());
            prop_assert_eq!(format!("{once:?}"), format!("{twice:?}"));
        }
    }
}
