//! What a run must not say: its secrets are read once, before anything else, and masked in all that is written.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use super::{Driver, Halt};
use crate::{
    app::App,
    mask::Mask,
    secret::Secret,
    secrets::{MAX_OF_RUN, Sealed, Unopened, label},
    store::{self, Partial, RunWrite, StoredSecret, Work},
};
use api::{
    agent::{AgentEvent, AgentLine, PermissionRequest},
    event::{EventBody, GitAction},
    executor::{CommitResult, EgressReport, Elsewhere},
    id::{InstanceId, RunId},
    instance::Denied,
    run::{Gate, NotCommitted},
    task::EnvValue,
};

/// The secrets a run was given, by name; one that cannot be opened says why.
pub(super) type Given = BTreeMap<String, Result<Secret, Unopened>>;

impl Driver {
    /// Reads the secrets the task names. From now on the run has these values, whatever becomes of them.
    pub(super) async fn learn_secrets(&mut self) -> Result<(), Halt> {
        let app = self.app.clone();
        let names = names(&self.record.run.task.env);
        let stored = self.patiently(|| fetch(&app, &names)).await?.unwrap_or_default();
        let open = |name: &str, sealed: &Sealed| app.secrets.open(&label(name), sealed);
        self.given =
            stored.iter().map(|it| (it.info.name.clone(), open(&it.info.name, &it.sealed))).collect();
        // An adopted run may have been given the value before this one.
        let before = stored.iter().filter_map(|it| Some((it.info.name.clone(), it.previous.as_ref()?)));
        self.replaced =
            before.filter_map(|(name, old)| Some((name.clone(), open(&name, old).ok()?))).collect();
        self.mask_all(self.record.run.instance_id);
        Ok(())
    }

    /// Builds the mask again, with the token of this instance.
    pub(super) fn mask_all(&mut self, instance: Option<InstanceId>) {
        let given =
            self.given.iter().filter_map(|(name, value)| Some((name.clone(), value.as_ref().ok()?.clone())));
        let mut values: Vec<(String, Secret)> = given.collect();
        // More than a run may have, see `environment`: then it gets none of them, and has none to tell.
        if MAX_OF_RUN < values.iter().map(|(_, value)| value.expose().len()).sum() {
            values.clear();
        }
        values.extend(self.replaced.iter().cloned());
        self.mask = mask(&self.app, self.record.run.id, instance, values.into_iter());
        self.driven.mask.send_replace(Some(self.mask.clone()));
    }

    /// Passes tokens on, but for what could be the beginning of a secret.
    pub(super) fn send_partial(&mut self, Partial { text, block }: Partial) {
        if self.partial_block != block {
            self.flush_partials();
            self.partial_block.clone_from(&block);
        }
        let text = self.partial_tail.push(&self.mask, &text);
        self.show_partial(text);
    }

    /// The block is over: what was held back is no secret.
    pub(super) fn flush_partials(&mut self) {
        let text = self.partial_tail.flush(&self.mask);
        self.show_partial(text);
    }

    fn show_partial(&self, text: String) {
        if !text.is_empty() {
            let block = self.partial_block.clone();
            self.app.store.partial_send(self.record.run.id, Partial { text, block });
        }
    }
}

/// An agent's request as it is stored, JSON: what an answer needs. The gate has its words, the executor has the
/// request as it came.
pub(super) fn kept_request(mask: &Mask, request: &PermissionRequest) -> Option<String> {
    let request = PermissionRequest { text: String::new(), ..request.clone() };
    serde_json::to_string(&request).ok().map(|kept| mask.json(&kept).into_owned())
}

fn names(env: &BTreeMap<String, EnvValue>) -> Vec<&str> {
    env.values()
        .filter_map(|value| if let EnvValue::Secret(name) = value { Some(name.as_str()) } else { None })
        .collect()
}

async fn fetch(app: &App, names: &[&str]) -> Result<Vec<StoredSecret>, store::Error> {
    let mut found = Vec::new();
    for name in names {
        found.extend(app.store.secret_fetch(name).await?);
    }
    Ok(found)
}

/// A mask for these values and for what every run might come by: the server's credentials and its own tokens.
fn mask(
    app: &App,
    run: RunId,
    instance: Option<InstanceId>,
    values: impl Iterator<Item = (String, Secret)>,
) -> Arc<Mask> {
    let mut all: Vec<(String, Secret)> = values.collect();
    all.extend(app.broker.credentials().into_iter().map(|(name, value)| (name.to_owned(), value)));
    all.push(("model token".to_owned(), Secret::new(app.keys.model_token(run))));
    all.extend(instance.map(|id| ("instance token".to_owned(), Secret::new(app.keys.instance_token(id)))));
    Arc::new(Mask::new(all.iter().map(|(name, value)| (name.as_str(), value))))
}

/// A mask for a run that is not driven here, from what is stored now.
pub(crate) async fn mask_of(app: &App, run: &api::run::Run) -> Result<Arc<Mask>, store::Error> {
    let stored = fetch(app, &names(&run.task.env)).await?;
    let values = stored.iter().flat_map(|it| {
        let all = [Some(&it.sealed), it.previous.as_ref()].into_iter().flatten();
        all.filter_map(|sealed| {
            Some((it.info.name.clone(), app.secrets.open(&label(&it.info.name), sealed).ok()?))
        })
    });
    Ok(mask(app, run.id, run.instance_id, values))
}

/// Masks everything of a write that an agent, a tool or an engine has said.
pub(super) fn apply(mask: &Mask, write: &mut RunWrite) {
    write.events.iter_mut().for_each(|event| body(mask, &mut event.body));
    if let Some(end) = &mut write.end {
        mask.apply(&mut end.detail);
    }
    let patch = &mut write.patch;
    [&mut patch.agent_session, &mut patch.model].into_iter().flatten().for_each(|text| mask.apply(text));
    if let Some(Some(shown)) = &mut patch.gate {
        gate(mask, shown);
    }
    patch.denied.iter_mut().flatten().for_each(|one| denied(mask, one));
    for artifact in patch.artifacts.iter_mut().flatten() {
        mask.apply(&mut artifact.what);
    }
    patch.work.iter_mut().for_each(|it| work(mask, it));
}

fn body(mask: &Mask, body: &mut EventBody) {
    match body {
        EventBody::Agent(line) => agent_line(mask, line),
        EventBody::Notice(notice) => mask.apply(&mut notice.text),
        EventBody::Progress(progress) => mask.apply(&mut progress.text),
        EventBody::User(said) => mask.apply(&mut said.text),
        EventBody::Gate(shown) => gate(mask, shown),
        EventBody::Check(check) => {
            [&mut check.run, &mut check.why, &mut check.output].into_iter().for_each(|text| mask.apply(text));
        }
        EventBody::Git(GitAction::Commit { summary, .. }) => mask.apply(summary),
        EventBody::Git(GitAction::PullRequest { url, .. }) => mask.apply(url),
        EventBody::Git(GitAction::Push { .. }) => {}
        EventBody::Egress(egress) => {
            [&mut egress.host, &mut egress.why].into_iter().for_each(|text| mask.apply(text));
            egress.process.iter_mut().for_each(|text| mask.apply(text));
        }
        EventBody::State(state) => state.detail.iter_mut().for_each(|text| mask.apply(text)),
    }
}

/// The events are masked as a whole, so that no part of them can be forgotten here.
fn agent_line(mask: &Mask, line: &mut AgentLine) {
    mask.apply_json(&mut line.raw);
    agent_event(mask, &mut line.event);
    line.more.iter_mut().for_each(|event| agent_event(mask, event));
}

fn agent_event(mask: &Mask, event: &mut AgentEvent) {
    if event.is_empty() {
        return;
    }
    let masked = match serde_json::to_string(event) {
        Ok(json) => match mask.json(&json) {
            Cow::Borrowed(_) => return,
            Cow::Owned(masked) => serde_json::from_str(&masked),
        },
        Err(error) => Err(error),
    };
    // A secret that is one of our own words: only the raw line is left.
    *event = masked.unwrap_or_else(|_| AgentEvent::new(event.r#type));
}

pub(super) fn gate(mask: &Mask, gate: &mut Gate) {
    mask.apply(&mut gate.text);
    gate.options.iter_mut().chain(&mut gate.answer).for_each(|text| mask.apply(text));
}

fn work(mask: &Mask, work: &mut Work) {
    let Work { not_committed, elsewhere, denied, outside, cut: _, told } = work;
    beside(mask, not_committed, elsewhere);
    denied.values_mut().chain(outside.values_mut()).chain(told).for_each(|text| mask.apply(text));
}

fn beside(mask: &Mask, not_committed: &mut [NotCommitted], elsewhere: &mut [Elsewhere]) {
    for file in not_committed {
        [&mut file.path, &mut file.why].into_iter().for_each(|text| mask.apply(text));
    }
    elsewhere.iter_mut().for_each(|it| mask.apply(&mut it.place));
}

fn denied(mask: &Mask, denied: &mut Denied) {
    [&mut denied.host, &mut denied.why].into_iter().for_each(|text| mask.apply(text));
    denied.process.iter_mut().for_each(|text| mask.apply(text));
}

/// Masks what an executor says of the work.
pub(super) fn taken(mask: &Mask, done: &mut CommitResult) {
    beside(mask, &mut done.not_committed, &mut done.elsewhere);
    let objections = done.objections.iter_mut().map(|it| &mut it.text);
    objections.chain(&mut done.notices).for_each(|text| mask.apply(text));
}

/// Masks what a container says of its refusals.
pub(super) fn report(mask: &Mask, report: &mut EgressReport) {
    report.denied.iter_mut().for_each(|one| denied(mask, one));
    report.notices.iter_mut().for_each(|text| mask.apply(text));
}

#[cfg(test)]
mod tests;
