//! The containers that live or lived, with what they may reach and what they were refused.

use std::time::Duration;

use api::{
    instance::{Egress, Instance, InstanceState},
    rpc::instances::InstancesApiClient,
    run::wire_name,
};
use leptos::prelude::*;
use leptos_router::components::A;

use crate::{
    clock::use_now,
    components::{BadgeView, Empty, Hosts, Show, Trouble, set_title},
    link::use_link,
    state::{badge::Tone, words},
    timer::{sleep, spawn_scoped},
};

/// How often the list is read again.
const READ_EVERY: Duration = Duration::from_secs(5);

/// How many are listed.
const LISTED: u32 = 50;

/// The table of instances.
#[component]
pub(crate) fn Instances() -> impl IntoView {
    set_title(|| "Instances".to_owned());
    let link = use_link();
    let instances = RwSignal::new(None::<Vec<Instance>>);
    let trouble = RwSignal::new(None);
    // Not owned by its row, which is drawn again when something changes.
    let opened = RwSignal::new(None);
    spawn_scoped(async move {
        loop {
            let page = link.call(|client| async move {
                InstancesApiClient::list(&*client, None, None, Some(LISTED)).await
            });
            match page.await {
                Ok(page) => {
                    // A click must not meet a row that is just drawn again without need.
                    instances.maybe_update(|known| {
                        let is_new = known.as_ref() != Some(&page.items);
                        *known = Some(page.items);
                        is_new
                    });
                    trouble.set(None);
                }
                Err(failure) => trouble.set(Some(failure.text)),
            }
            sleep(READ_EVERY).await;
        }
    });
    let table = move || {
        instances.get().map(|instances| match instances.is_empty() {
            true => view! { <Empty text="No container yet. Each run gets one of its own, and it is removed when the run ends."/> }.into_any(),
            false => view! { <Table instances opened/> }.into_any(),
        })
    };
    view! {
        <header class="head"><h1>"Instances"</h1></header>
        <Trouble text=trouble/>
        {table}
    }
}

#[component]
fn Table(instances: Vec<Instance>, opened: RwSignal<Option<String>>) -> impl IntoView {
    let rows = instances.into_iter().map(|instance| view! { <Line instance opened/> }).collect_view();
    view! {
        <table class="panel">
            <thead>
                <tr>
                    <th>"State"</th><th>"Run"</th><th>"Image"</th>
                    <th class="right">"CPU"</th><th class="right">"Memory"</th><th class="right">"Network"</th><th class="right">"Age"</th>
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
    }
}

#[component]
fn Line(instance: Instance, opened: RwSignal<Option<String>>) -> impl IntoView {
    let now = use_now();
    let run = instance.run_id.to_string();
    let short: String = run.chars().take(8).collect();
    let memory = instance.memory_bytes.map(|used| words::bytes_of(used, instance.memory_limit_bytes));
    let (id, run_id, egress) = (instance.id, instance.run_id, instance.egress);
    let name = StoredValue::new(id.to_string());
    let open = Signal::derive(move || name.with_value(|name| opened.read().as_ref() == Some(name)));
    let toggle = move |_| opened.set((!open.get_untracked()).then(|| name.get_value()));
    let network = network_words(&egress);
    let lives = !instance.state.is_over();
    let live = Signal::derive(move || lives);
    let (created, removed) = (instance.created_at, instance.removed_at);
    let age = move || words::span(words::seconds_between(created, removed.unwrap_or_else(|| now.get())));
    view! {
        <tr data-testid="instance-row" data-instance-id=instance.id.to_string()>
            <td data-label="State"><BadgeView tone=tone(instance.state) text=wire_name(&instance.state)/></td>
            <td data-label="Run"><A href=format!("/runs/{run}") attr:class="mono">{short}</A></td>
            <td data-label="Image" class="mono second">{instance.image}</td>
            <td data-label="CPU" class="right figure">{instance.cpu_percent.map(|cpu| format!("{cpu:.0} %"))}</td>
            <td data-label="Memory" class="right figure">{memory}</td>
            <td data-label="Network" class="right">
                <button type="button" class="link" data-testid="instance-network" aria-expanded=move || open.get().to_string() on:click=toggle>{network}</button>
            </td>
            <td data-label="Age" class="right third">{age}</td>
        </tr>
        <Show when=move || open.get()>
            <tr class="opened"><td colspan="7"><Hosts run=run_id egress=egress.clone() live/></td></tr>
        </Show>
    }
}

/// What it may reach and was refused, in a few words.
fn network_words(egress: &Egress) -> String {
    let refused: u64 = egress.denied.iter().map(|denied| denied.count).sum();
    let reaches = match egress.allowed.len() {
        0 => "closed".to_owned(),
        hosts => words::count(hosts, "host"),
    };
    if refused == 0 { reaches } else { format!("{reaches}, {refused} refused") }
}

const fn tone(state: InstanceState) -> Tone {
    match state {
        InstanceState::Ready | InstanceState::Busy => Tone::Running,
        InstanceState::Creating | InstanceState::Starting | InstanceState::Removed => Tone::Quiet,
        InstanceState::Stopping => Tone::Waiting,
        InstanceState::Failed => Tone::Bad,
    }
}
