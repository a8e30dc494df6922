//! Writing a task: a new one, or a new version of one.

use api::{
    id::TaskId,
    rpc::tasks::TasksApiClient,
    task::{Task, TaskSpec},
};
use jsonrpsee::core::client::{Client, Error};
use leptos::prelude::*;
use leptos_router::hooks::{use_navigate, use_params_map};

use super::NotFound;
use crate::{
    components::{Confirm, Trouble, set_title},
    link::use_link,
    state::{failure::Failure, form::TaskForm},
    timer::spawn_scoped,
};

mod editor;

/// The page for a new task.
#[component]
pub(crate) fn NewTask() -> impl IntoView {
    set_title(|| "New task".to_owned());
    view! {
        <header class="head"><h1>"New task"</h1></header>
        <Editing stored=None/>
    }
}

/// The page of the task in the address.
#[component]
pub(crate) fn EditTask() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.read().get("id").and_then(|id| id.parse::<TaskId>().ok()));
    move || match id.get() {
        Some(id) => view! { <Stored id/> }.into_any(),
        None => view! { <NotFound/> }.into_any(),
    }
}

#[component]
fn Stored(id: TaskId) -> impl IntoView {
    let link = use_link();
    let task = RwSignal::new(None::<Result<Task, Failure>>);
    spawn_scoped(async move {
        task.set(Some(
            link.call(move |client| async move { TasksApiClient::by_id(&*client, id).await }).await,
        ));
    });
    move || match task.get() {
        Some(Ok(task)) => {
            let name = task.spec.name.clone();
            set_title(move || name.clone());
            let archived = task.archived_at.is_some();
            let note = archived.then(
                || view! { <p class="trouble">"This task was deleted. Runs of it keep their own copy."</p> },
            );
            view! {
                <header class="head">
                    <h1>{task.spec.name.clone()}</h1>
                    {(!archived).then(|| view! { <Delete id/> })}
                </header>
                {note}
                <Editing stored=Some(task)/>
            }
            .into_any()
        }
        Some(Err(failure)) if failure.not_found => view! { <NotFound/> }.into_any(),
        Some(Err(failure)) => view! { <p class="trouble" role="alert">{failure.text}</p> }.into_any(),
        None => ().into_any(),
    }
}

/// The form, and what saving it does.
#[component]
fn Editing(stored: Option<Task>) -> impl IntoView {
    let form = RwSignal::new(stored.as_ref().map_or_else(TaskForm::new, TaskForm::of));
    let failure = RwSignal::new(None::<Failure>);
    let busy = RwSignal::new(false);
    let link = use_link();
    let navigate = StoredValue::new_local(use_navigate());
    let version = stored.map(|task| (task.id, task.version));
    let save = move || {
        let spec = match form.with_untracked(TaskForm::wire) {
            Ok(spec) => spec,
            Err(why) => return failure.set(Some(why)),
        };
        busy.set(true);
        failure.set(None);
        leptos::task::spawn_local(async move {
            let saved = link.call(move |client| async move { send(&client, version, spec).await }).await;
            busy.try_set(false);
            match saved {
                Ok(_) => navigate.with_value(|navigate| navigate("/tasks", Default::default())),
                Err(why) => drop(failure.try_set(Some(why))),
            }
        });
    };
    view! { <editor::Editor form failure busy save/> }
}

/// Stores it. What the form does not show is left out, and so stays as it is.
async fn send(client: &Client, version: Option<(TaskId, i64)>, spec: TaskSpec) -> Result<Task, Error> {
    let TaskSpec { name, steps, model, budget_usd, max_turns, image, .. } = spec;
    let profile = Some(spec.permission_profile);
    let (egress, env, models) = (Some(spec.egress), Some(spec.env), Some(spec.models));
    let (settings, submodules) = (Some(spec.repository_settings), Some(spec.submodules));
    match version {
        None => {
            TasksApiClient::create(
                client, name, steps, None, None, model, profile, budget_usd, None, None, egress, env, None,
                max_turns, image, models, settings, submodules,
            )
            .await
        }
        Some((id, version)) => {
            let (name, steps) = (Some(name), Some(steps));
            TasksApiClient::update(
                client, id, version, name, steps, None, None, model, profile, budget_usd, None, None, egress,
                env, None, max_turns, image, models, settings, submodules,
            )
            .await
        }
    }
}

/// Deletes the task, or archives it when it has runs: the server knows.
#[component]
fn Delete(id: TaskId) -> impl IntoView {
    let link = use_link();
    let navigate = StoredValue::new_local(use_navigate());
    let busy = RwSignal::new(false);
    let trouble = RwSignal::new(None);
    let delete = move || {
        busy.set(true);
        leptos::task::spawn_local(async move {
            let deleted = link.call(move |client| async move { TasksApiClient::delete(&*client, id).await });
            let deleted = deleted.await;
            busy.try_set(false);
            match deleted {
                Ok(_) => navigate.with_value(|navigate| navigate("/tasks", Default::default())),
                Err(failure) => drop(trouble.try_set(Some(failure.text))),
            }
        });
    };
    view! {
        <Confirm label="Delete" sure="Delete the task" keep="Keep it" testid="delete-task" busy act=delete/>
        <Trouble text=trouble/>
    }
}
