//! The way to allow a host that was refused, where the refusal is shown: for the run, or in its task.

use std::sync::Arc;

use api::{
    id::RunId,
    rpc::{instances::InstancesApiClient, runs::RunsApiClient, tasks::TasksApiClient},
};
use jsonrpsee::core::client::{Client, Error};
use leptos::prelude::*;

use super::{Show, Trouble};
use crate::{
    link::use_link,
    live::use_live,
    state::{
        egress::{self, Allowing, Standing},
        failure::sentence,
    },
};

/// One host of one run.
#[derive(Clone, PartialEq)]
pub(crate) struct Refused {
    /// The run.
    pub(crate) run: RunId,
    /// Its name or address.
    pub(crate) host: String,
    /// The port, where there was one.
    pub(crate) port: Option<u16>,
}

impl Refused {
    /// It, as a task's `egress` spells it.
    pub(crate) fn entry(&self) -> String {
        egress::entry(&self.host, self.port)
    }
}

/// The two buttons, and what came of them; nothing for what is no host.
#[component]
pub(crate) fn Allow(
    /// What was refused.
    refused: Refused,
    /// Whether the run goes on.
    live: Signal<bool>,
    /// Whether the container may reach it by now.
    reached: Signal<bool>,
) -> impl IntoView {
    if !egress::is_host(&refused.host) {
        return ().into_any();
    }
    let (link, allowing) = (use_link(), use_live().allowing);
    let entry = refused.entry();
    let refused = StoredValue::new(refused);
    let standing = Memo::new(move |_| {
        let run = refused.with_value(|refused| refused.run);
        let standing = allowing.read().of(run, &entry);
        Standing { run: standing.run || live.get() && reached.get(), ..standing }
    });
    let press = move |in_task: bool| {
        let (refused, goes_on) = (refused.get_value(), live.get_untracked());
        note(allowing, &refused, |standing| {
            *standing = Standing { busy: true, trouble: None, ..standing.clone() }
        });
        leptos::task::spawn_local(async move {
            let of = refused.clone();
            let asked =
                link.call(move |client| async move { allow(&client, &of, in_task, goes_on, allowing).await });
            let trouble = asked.await.err().map(|failure| match failure.field {
                Some(_) => sentence(&format!("{} {}", refused.entry(), failure.text)),
                None => failure.text,
            });
            note(allowing, &refused, |standing| {
                standing.busy = false;
                standing.trouble = trouble;
            });
        });
    };
    let busy = Signal::derive(move || standing.read().busy);
    view! {
        <div class="allow" data-testid="allow">
            <Show when=move || live.get() && !standing.read().run>
                <button type="button" class="choice" data-testid="allow-run" disabled=busy on:click=move |_| press(false)>"Allow for this run"</button>
            </Show>
            <Show when=move || !standing.read().task>
                <button type="button" class="choice" data-testid="allow-task" disabled=busy on:click=move |_| press(true)>"Allow in the task"</button>
            </Show>
            <span class="good small" role="status" data-testid="allowed">{move || standing.read().words()}</span>
        </div>
        <Trouble text=Signal::derive(move || standing.read().trouble.clone())/>
    }
    .into_any()
}

fn note(allowing: RwSignal<Allowing>, refused: &Refused, change: impl FnOnce(&mut Standing)) {
    allowing.update(|allowing| change(allowing.change(refused.run, &refused.entry())));
}

/// Puts the host into the task if that is wanted, and lets the container reach it while the run goes on.
async fn allow(
    client: &Arc<Client>,
    refused: &Refused,
    in_task: bool,
    goes_on: bool,
    allowing: RwSignal<Allowing>,
) -> Result<(), Error> {
    let run = RunsApiClient::by_id(&**client, refused.run).await?;
    if in_task {
        let task = TasksApiClient::by_id(&**client, run.task_id).await?;
        let mut egress = task.spec.egress;
        if !egress::names(&egress, &refused.host, refused.port) {
            egress.push(refused.entry());
            TasksApiClient::update(
                &**client,
                task.id,
                task.version,
                None,
                None,
                None,
                None,
                None,
                None,
                None,
                None,
                None,
                Some(egress),
                None,
                None,
                None,
                None,
                None,
                None,
                None,
            )
            .await?;
        }
        note(allowing, refused, |standing| standing.task = true);
    }
    if let Some(instance) = run.instance_id.filter(|_| goes_on) {
        InstancesApiClient::allow(&**client, instance, refused.host.clone(), refused.port).await?;
        note(allowing, refused, |standing| standing.run = true);
    }
    Ok(())
}
