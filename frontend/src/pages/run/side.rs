//! Beside the conversation: steps, cost and tokens, the container and what it may reach.

use api::{id::InstanceId, instance::Instance, rpc::instances::InstancesApiClient, run::RunState};
use leptos::prelude::*;
use std::time::Duration;

use super::RunView;
use crate::{
    clock::use_now,
    components::Hosts,
    link::use_link,
    state::{
        steps::{self, Mark, StepLine},
        words,
    },
    timer::{sleep, spawn_scoped},
};

/// How often the container is asked what it uses.
const MEASURE_EVERY: Duration = Duration::from_secs(3);

/// The cards.
#[component]
pub(super) fn Side(view: RunView) -> impl IntoView {
    let instance = Memo::new(move |_| view.run.read().as_ref().and_then(|run| run.instance_id));
    view! {
        <aside class="side">
            <Steps view/>
            <Spent view/>
            {move || instance.get().map(|id| view! { <Container view id/> })}
        </aside>
    }
}

#[component]
fn Steps(view: RunView) -> impl IntoView {
    let now = use_now();
    let lines = Memo::new(move |_| {
        let run = view.run.get()?;
        // The clock counts while a step is at work; after that nothing here moves.
        let now = if run.state == RunState::Ended { run.ended_at.unwrap_or_default() } else { now.get() };
        Some(steps::lines(&run, &view.log.read(), now))
    });
    let line = |line: StepLine| {
        let (class, mark) = match line.mark {
            Mark::Done => ("done", "✓".to_owned()),
            Mark::Current => ("current", line.number.to_string()),
            Mark::Broken => ("broken", "✕".to_owned()),
            Mark::Stopped => ("stopped", "–".to_owned()),
            Mark::ToCome => ("to-come", line.number.to_string()),
        };
        view! {
            <li class=class>
                <i class="mark">{mark}</i>
                <span>{line.title}</span>
                <span class="third figure">{line.seconds.map(words::stopwatch)}</span>
            </li>
        }
    };
    view! {
        <section class="panel" data-testid="steps">
            <h3>"Steps"</h3>
            <ol class="steps">{move || lines.get().map(|lines| lines.into_iter().map(line).collect_view())}</ol>
        </section>
    }
}

#[component]
fn Spent(view: RunView) -> impl IntoView {
    let run = move || view.run.get();
    let pairs = move || {
        let run = run()?;
        let budget = run.task.budget_usd.map(|budget| format!(" of {}", words::dollars(budget)));
        let spent = match (words::cost_of(&run), budget) {
            (Some(cost), budget) => {
                view! { <strong>{cost}</strong><span class="third">{budget}</span> }.into_any()
            }
            (None, _) => view! { <span class="third">"Nothing yet."</span> }.into_any(),
        };
        let row = |name: &'static str, count: i64| (0 < count).then(|| pair(name, words::tokens(count)));
        Some(view! {
            <p class="spent" data-testid="spent-cost">{spent}</p>
            {run.task.budget_usd.filter(|_| run.cost.known).map(|budget| budget_bar(run.cost.usd / budget))}
            <dl class="pairs">
                {row("Input", run.usage.input_tokens)}
                {row("Cached", run.usage.cache_read_tokens)}
                {row("Written to the cache", run.usage.cache_creation_tokens)}
                {row("Output", run.usage.output_tokens)}
                {run.model.clone().map(|model| pair("Model", model))}
            </dl>
        })
    };
    view! { <section class="panel" data-testid="spent"><h3>"Cost and tokens"</h3>{pairs}</section> }
}

/// How much of the budget is spent.
fn budget_bar(part: f64) -> impl IntoView {
    let width = format!("{:.1}", 100.0 * part.clamp(0.0, 1.0));
    view! {
        <svg class="bar budget" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
            <rect class="bar-all" width="100" height="6"/>
            <rect class="bar-done" width=width height="6"/>
        </svg>
    }
}

fn pair(name: &'static str, value: String) -> impl IntoView {
    view! { <dt>{name}</dt><dd class="figure">{value}</dd> }
}

#[component]
fn Container(view: RunView, id: InstanceId) -> impl IntoView {
    let link = use_link();
    let instance = RwSignal::new(None::<Instance>);
    spawn_scoped(async move {
        loop {
            if let Ok(found) =
                link.call(move |client| async move { InstancesApiClient::get(&*client, id).await }).await
            {
                let is_over = found.state.is_over();
                // What can be clicked is drawn again only when it has changed.
                view.reach.maybe_update(|known| {
                    let is_new = known.as_ref().map(|known| &known.egress) != Some(&found.egress);
                    *known = Some(found.clone());
                    is_new
                });
                instance.set(Some(found));
                if is_over {
                    return;
                }
            }
            sleep(MEASURE_EVERY).await;
        }
    });
    let card = move || instance.get().map(container_view);
    let live = Signal::derive(move || view.is_live());
    let hosts = move || {
        view.reach.get().map(|instance| {
            let egress = instance.egress;
            view! { <section class="panel" data-testid="network"><Hosts run=view.id egress live/></section> }
        })
    };
    view! { {card}{hosts} }
}

fn container_view(instance: Instance) -> impl IntoView {
    let memory = instance.memory_bytes.map(|used| words::bytes_of(used, instance.memory_limit_bytes));
    view! {
        <section class="panel" data-testid="container">
            <h3>"Container"</h3>
            <dl class="pairs">
                {pair("State", api::run::wire_name(&instance.state))}
                {instance.cpu_percent.map(|cpu| pair("CPU", format!("{cpu:.0} %")))}
                {memory.map(|memory| pair("Memory", memory))}
            </dl>
        </section>
    }
}
