//! All tasks.

use api::{rpc::tasks::TasksApiClient, task::Task};
use leptos::prelude::*;
use leptos_router::components::A;

use crate::{
    clock::{short_time, use_now},
    components::{Empty, Show, Trouble, set_title},
    link::use_link,
    state::words,
    timer::spawn_scoped,
};

/// How many tasks a page has.
const PAGE: u32 = 50;

/// The list of tasks.
#[component]
pub(crate) fn Tasks() -> impl IntoView {
    set_title(|| "Tasks".to_owned());
    let link = use_link();
    let tasks = RwSignal::new(None::<Vec<Task>>);
    let next = RwSignal::new(None::<String>);
    let trouble = RwSignal::new(None);
    let read = move || async move {
        let cursor = next.get_untracked();
        let page =
            link.call(|client| async move { TasksApiClient::list(&*client, None, cursor, Some(PAGE)).await });
        match page.await {
            Ok(page) => {
                next.set(page.next);
                tasks.update(|tasks| tasks.get_or_insert_default().extend(page.items));
            }
            Err(failure) => trouble.set(Some(failure.text)),
        }
    };
    spawn_scoped(read());
    let list = move || {
        tasks.get().map(|tasks| match tasks.is_empty() {
            true => view! {
                <Empty text="No tasks yet. A task tells an agent what to do, step by step, and how its work is checked.">
                    <A href="/tasks/new" attr:class="button primary">"Write the first task"</A>
                </Empty>
            }
            .into_any(),
            false => view! { <div class="panel rows">{tasks.into_iter().map(|task| view! { <TaskRow task/> }).collect_view()}</div> }
                .into_any(),
        })
    };
    view! {
        <header class="head">
            <h1>"Tasks"</h1>
            <A href="/tasks/new" attr:class="button primary" attr:data-testid="new-task">"New task"</A>
        </header>
        <Trouble text=trouble/>
        {list}
        <Show when=move || next.read().is_some()>
            <button type="button" class="more" on:click=move |_| spawn_scoped(read())>"More"</button>
        </Show>
    }
}

#[component]
fn TaskRow(task: Task) -> impl IntoView {
    let now = use_now();
    let (id, updated) = (task.id.to_string(), task.updated_at);
    let (edit, start) = (format!("/tasks/{id}"), format!("/?task={id}"));
    let checks: usize = task.spec.steps.iter().map(|step| step.checks.len()).sum();
    let facts = [
        Some(words::count(task.spec.steps.len(), "step")),
        Some(if checks == 0 { "no checks".to_owned() } else { words::count(checks, "check") }),
        task.spec.model.clone(),
    ];
    let facts = facts.into_iter().flatten().collect::<Vec<_>>().join(" · ");
    view! {
        <div class="row task" data-testid="task-row" data-task-id=id>
            <span class="what">
                <A href=edit attr:class="name cover">{task.spec.name}</A>
                <span class="second small">{facts}</span>
            </span>
            <span class="when third">{move || short_time(updated, now.get())}</span>
            <A href=start attr:class="button above">"Run…"</A>
        </div>
    }
}
