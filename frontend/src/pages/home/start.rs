//! The bar that starts a run, or a batch when it names several repositories: task, repositories, where to begin.

use api::{id::TaskId, rpc::tasks::TasksApiClient, task::Task};
use leptos::{ev::SubmitEvent, html::Select, prelude::*};
use leptos_router::{
    components::A,
    hooks::{use_navigate, use_query_map},
};

use self::more::More;
use crate::{
    components::Field,
    link::use_link,
    live::use_live,
    state::{failure::Failure, start::StartForm},
    timer::spawn_scoped,
};

mod more;
mod send;

/// How many tasks the list offers.
const OFFERED: u32 = 100;

/// The most lines that the field for repositories grows to.
const TALLEST: usize = 10;

/// Task, repositories, ref, Run.
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
        Some(tasks) => view! { <StartFields tasks failure/> }.into_any(),
        None => view! { <div class="panel start" aria-busy="true"></div> }.into_any(),
    }
}

#[component]
fn FirstTask() -> impl IntoView {
    view! {
        <div class="panel start empty">
            <p>"There are no tasks yet. A task tells an agent what to do, step by step, and how its work is checked."</p>
            <A href="/tasks/new" attr:class="button primary">"Write the first task"</A>
        </div>
    }
}

#[component]
fn StartFields(tasks: Vec<Task>, failure: RwSignal<Option<Failure>>) -> impl IntoView {
    let task = NodeRef::<Select>::new();
    let form = RwSignal::new(StartForm::default());
    let busy = RwSignal::new(false);
    let submit = submit(task, form, failure, busy);
    let wanted = use_query_map().read_untracked().get("task");
    let option = |task: Task| {
        let id = task.id.to_string();
        let selected = wanted.as_ref() == Some(&id);
        view! { <option value=id selected=selected>{task.spec.name}</option> }
    };
    let options = tasks.into_iter().map(option).collect_view();
    let error = move |field: &'static str| Signal::derive(move || failure.read().as_ref()?.at(field));
    // What is wrong with a repository is said below all of them: by line where there are several.
    let repositories = Signal::derive(move || {
        let failure = failure.read();
        let failure = failure.as_ref()?;
        let lines = form.with_untracked(|form| form.said_of_lines(failure));
        let said = failure.at("repository").or_else(|| failure.at("repositories"));
        if lines.is_empty() { said } else { Some(lines.join("\n")) }
    });
    let count = Memo::new(move |_| form.read().count());
    let rows = move || form.read().repositories.split('\n').count().min(TALLEST).to_string();
    let label = move || match count.get() {
        0 | 1 => "Run".to_owned(),
        count => format!("Run in {count}"),
    };
    view! {
        <form class="panel start" on:submit=submit>
            <Field label="Task" error=error("taskId")>
                <select node_ref=task data-testid="start-task">{options}</select>
            </Field>
            <Field label="Repositories, one a line" error=repositories>
                <textarea
                    rows=rows
                    class="mono"
                    prop:value=move || form.read().repositories.clone()
                    on:input=move |event| form.write().repositories = event_target_value(&event)
                    placeholder="owner/name or a URL"
                    spellcheck="false"
                    wrap="off"
                    data-testid="start-repository"
                ></textarea>
            </Field>
            <Field label="Branch, tag or commit" error=error("ref")>
                <input
                    prop:value=move || form.read().from.clone()
                    on:input=move |event| form.write().from = event_target_value(&event)
                    class="mono"
                    placeholder="the default branch"
                    spellcheck="false"
                    data-testid="start-ref"
                />
            </Field>
            <button type="submit" class="primary" data-testid="start-run" disabled=busy>{label}</button>
            <More form failure several=Signal::derive(move || 1 < count.get())/>
        </form>
    }
}

fn submit(
    task: NodeRef<Select>,
    form: RwSignal<StartForm>,
    failure: RwSignal<Option<Failure>>,
    busy: RwSignal<bool>,
) -> impl Fn(SubmitEvent) {
    let link = use_link();
    let live = use_live();
    let navigate = use_navigate();
    move |event| {
        event.prevent_default();
        let chosen = task.get_untracked().and_then(|select| select.value().parse::<TaskId>().ok());
        let Some(task) = chosen else { return };
        let wanted = match form.with_untracked(StartForm::wanted) {
            Ok(wanted) => wanted,
            Err(why) => return failure.set(Some(why)),
        };
        let from = form.with_untracked(StartForm::wire_ref);
        busy.set(true);
        failure.set(None);
        let navigate = navigate.clone();
        leptos::task::spawn_local(async move {
            let result = send::send(link, live, task, from, wanted).await;
            busy.try_set(false);
            match result {
                Ok(address) => navigate(&address, Default::default()),
                Err(why) => drop(failure.try_set(Some(why))),
            }
        });
    }
}
