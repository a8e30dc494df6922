//! The bar that starts a run: task, repository, and where to begin.

use api::{id::TaskId, rpc::runs::RunsApiClient, rpc::tasks::TasksApiClient, task::Task};
use leptos::{
    ev::SubmitEvent,
    html::{Input, Select},
    prelude::*,
};
use leptos_router::{
    components::A,
    hooks::{use_navigate, use_query_map},
};

use crate::{
    components::Field, link::use_link, live::use_live, state::failure::Failure, timer::spawn_scoped,
};

/// How many tasks the list offers.
const OFFERED: u32 = 100;

/// Task, repository, ref, Run.
#[component]
pub(crate) fn StartBar() -> impl IntoView {
    let link = use_link();
    let tasks = RwSignal::new(None);
    let failure = RwSignal::new(None::<Failure>);
    spawn_scoped(async move {
        let page = link
            .call(|client| async move { TasksApiClient::list(&*client, None, None, Some(OFFERED)).await });
        match page.await {
            Ok(page) => tasks.set(Some(page.items)),
            Err(why) => failure.set(Some(why)),
        }
    });
    move || match tasks.get() {
        Some(tasks) if tasks.is_empty() => view! { <FirstTask/> }.into_any(),
        Some(tasks) => view! { <StartForm tasks failure/> }.into_any(),
        None => view! { <div class="panel start" aria-busy="true"></div> }.into_any(),
    }
}

#[component]
fn FirstTask() -> impl IntoView {
    view! {
        <div class="panel start empty">
            <p>"There is no task yet. A task says what an agent shall do, step by step, and how to check it."</p>
            <A href="/tasks/new" attr:class="button primary">"Write the first task"</A>
        </div>
    }
}

#[component]
fn StartForm(tasks: Vec<Task>, failure: RwSignal<Option<Failure>>) -> impl IntoView {
    let (task, repository, from) =
        (NodeRef::<Select>::new(), NodeRef::<Input>::new(), NodeRef::<Input>::new());
    let busy = RwSignal::new(false);
    let submit = submit(task, repository, from, failure, busy);
    let wanted = use_query_map().read_untracked().get("task");
    let option = |task: Task| {
        let id = task.id.to_string();
        let selected = wanted.as_ref() == Some(&id);
        view! { <option value=id selected=selected>{task.spec.name}</option> }
    };
    let options = tasks.into_iter().map(option).collect_view();
    let error = move |field: &'static str| Signal::derive(move || failure.read().as_ref()?.at(field));
    let other = move || {
        let failure = failure.get()?;
        let shown = matches!(failure.field.as_deref(), Some("taskId" | "repository" | "ref"));
        (!shown).then(|| view! { <p class="trouble" role="alert">{failure.text}</p> })
    };
    view! {
        <form class="panel start" on:submit=submit>
            <Field label="Task" error=error("taskId")>
                <select node_ref=task data-testid="start-task">{options}</select>
            </Field>
            <Field label="Repository" error=error("repository")>
                <input
                    node_ref=repository
                    class="mono"
                    placeholder="owner/name or a URL"
                    autocomplete="on"
                    name="repository"
                    spellcheck="false"
                    data-testid="start-repository"
                />
            </Field>
            <Field label="Branch, tag or commit" error=error("ref")>
                <input
                    node_ref=from
                    class="mono"
                    placeholder="the default branch"
                    spellcheck="false"
                    data-testid="start-ref"
                />
            </Field>
            <button type="submit" class="primary" data-testid="start-run" disabled=busy>"Run"</button>
            {other}
        </form>
    }
}

fn submit(
    task: NodeRef<Select>,
    repository: NodeRef<Input>,
    from: NodeRef<Input>,
    failure: RwSignal<Option<Failure>>,
    busy: RwSignal<bool>,
) -> impl Fn(SubmitEvent) {
    let link = use_link();
    let live = use_live();
    let navigate = use_navigate();
    move |event| {
        event.prevent_default();
        let typed = |input: NodeRef<Input>| {
            input.get_untracked().map(|input| input.value().trim().to_owned()).unwrap_or_default()
        };
        let chosen = task.get_untracked().and_then(|select| select.value().parse::<TaskId>().ok());
        let Some(task) = chosen else { return };
        let (repository, from) = (typed(repository), Some(typed(from)).filter(|from| !from.is_empty()));
        busy.set(true);
        failure.set(None);
        let navigate = navigate.clone();
        leptos::task::spawn_local(async move {
            let run = link.call(|client| async move {
                RunsApiClient::create(&*client, task, repository, from, None, None).await
            });
            let result = run.await;
            busy.try_set(false);
            match result {
                Ok(run) => {
                    let address = format!("/runs/{}", run.id);
                    live.runs.update(|runs| runs.fold(run));
                    navigate(&address, Default::default());
                }
                Err(why) => drop(failure.try_set(Some(why))),
            }
        });
    }
}
