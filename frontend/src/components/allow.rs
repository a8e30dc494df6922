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

    /// How it stands with it.
    fn standing(&self, allowing: RwSignal<Allowing>) -> Standing {
        allowing.read().of(self.run, &self.entry())
    }

    /// Notes what came of it.
    fn note(&self, allowing: RwSignal<Allowing>, change: &dyn Fn(&mut Standing)) {
        allowing.update(|allowing| change(allowing.change(self.run, &self.entry())));
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
    let refused = Arc::new(refused);
    let of = refused.clone();
    let standing = move || {
        let standing = of.standing(allowing);
        Standing { run: standing.run || live.get() && reached.get(), ..standing }
    };
    let press = Callback::new(move |in_task: bool| {
        let (refused, goes_on) = (refused.clone(), live.get_untracked());
        refused.note(allowing, &|standing| {
            standing.busy = true;
            standing.trouble = None;
        });
        leptos::task::spawn_local(async move {
            let of = refused.clone();
            let asked =
                link.call(move |client| async move { allow(&client, &of, in_task, goes_on, allowing).await });
            let trouble = asked.await.err().map(|failure| match failure.field {
                Some(_) => sentence(&format!("{} {}", refused.entry(), failure.text)),
                None => failure.text,
            });
            refused.note(allowing, &|standing| {
                standing.busy = false;
                standing.trouble = trouble.clone();
            });
        });
    });
    let at_work = standing.clone();
    let busy = Signal::derive(move || at_work().busy);
    let button = |in_task: bool, label: &'static str, testid: &'static str| {
        let shown = standing.clone();
        let when = move || {
            let standing = shown();
            if in_task { !standing.task } else { live.get() && !standing.run }
        };
        view! {
            <Show when=Signal::derive(when)>
                <button type="button" class="choice" data-testid=testid disabled=busy on:click=move |_| press.run(in_task)>{label}</button>
            </Show>
        }
    };
    let buttons =
        [button(false, "Allow for this run", "allow-run"), button(true, "Allow in the task", "allow-task")];
    let (words, trouble) = (standing.clone(), standing);
    view! {
        <div class="allow" data-testid="allow">
            {buttons.into_iter().collect_view()}
            <span class="good small" role="status" data-testid="allowed">{move || words().words()}</span>
        </div>
        <Trouble text=Signal::derive(move || trouble().trouble)/>
    }
    .into_any()
}

/// Puts the host into the task if that is wanted, and lets the container reach it while the run goes on.
async fn allow(
    client: &Client,
    refused: &Refused,
    in_task: bool,
    goes_on: bool,
    allowing: RwSignal<Allowing>,
) -> Result<(), Error> {
    let run = RunsApiClient::by_id(client, refused.run).await?;
    if in_task {
        TasksApiClient::allow(client, run.task_id, refused.host.clone(), refused.port).await?;
        refused.note(allowing, &|standing| standing.task = true);
    }
    if let Some(instance) = run.instance_id.filter(|_| goes_on) {
        InstancesApiClient::allow(client, instance, refused.host.clone(), refused.port).await?;
        refused.note(allowing, &|standing| standing.run = true);
    }
    Ok(())
}
