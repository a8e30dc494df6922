//! The form of a task: its name, its steps with their checks, the model and its limits, and the container.

use api::run::wire_name;
use leptos::{ev::SubmitEvent, prelude::*};

use self::text::Text;
use crate::{
    components::{Field, Show},
    state::{
        failure::Failure,
        form::{self, TaskForm},
    },
};

mod container;
mod text;

/// The fields and the button.
#[component]
pub(super) fn Editor(
    /// What is typed.
    form: RwSignal<TaskForm>,
    /// What the server said of it.
    failure: RwSignal<Option<Failure>>,
    /// Whether it is being saved.
    busy: RwSignal<bool>,
    /// Saves it.
    save: impl Fn() + 'static,
) -> impl IntoView {
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        save();
    };
    let profile_error = Signal::derive(move || failure.read().as_ref()?.at("permissionProfile"));
    let other = move || {
        let failure = failure.get()?;
        let shown = form::is_shown_at_field(&failure, form.read_untracked().steps.len());
        let text = failure
            .field
            .as_ref()
            .map_or_else(|| failure.text.clone(), |field| format!("{field}: {}", failure.text));
        (!shown).then(|| view! { <p class="trouble" role="alert" data-testid="field-error">{text}</p> })
    };
    let chosen = form.read_untracked().profile;
    let profiles = form::PROFILES.map(|(profile, words)| {
        view! { <option value=wire_name(&profile) selected=profile == chosen>{words}</option> }
    });
    let profiles = profiles.into_iter().collect_view();
    let keys = move || form.read().steps.iter().map(|step| step.key).collect::<Vec<_>>();
    view! {
        <form class="editor" on:submit=submit>
            <Text form failure at=|form| &mut form.name name="name" label="Name" testid="task-name" prose=true
                placeholder="Upgrade actix and fix the deprecations"/>
            <For each=keys key=|key| *key children=move |key| view! { <StepFields form failure key/> }/>
            <button type="button" class="add" data-testid="add-step" on:click=move |_| form.write().add_step()>"Add a step"</button>
            <Text form failure at=|form| &mut form.model name="model" label="Model" testid="task-model"
                hint="Blank is the server's default." placeholder="the server's default"/>
            <Field label="Permissions" hint="What the agent may do without asking. It never leaves its container." error=profile_error>
                <select data-testid="task-profile" on:change=move |event| choose(form, &event_target_value(&event))>{profiles}</select>
            </Field>
            <div class="pair">
                <Text form failure at=|form| &mut form.budget name="budgetUsd" label="Budget of a run" testid="task-budget" inputmode="decimal"
                    hint="US dollars. At the limit the run waits and asks you. Blank is no limit." placeholder="no limit"/>
                <Text form failure at=|form| &mut form.max_turns name="maxTurns" label="Turns of a step" testid="task-max-turns" inputmode="numeric"
                    hint="After so many turns the agent is stopped. Blank is no limit." placeholder="no limit"/>
            </div>
            <container::Container form failure/>
            {other}
            <div class="actions">
                <button type="submit" class="primary" data-testid="save-task" disabled=busy>"Save"</button>
            </div>
        </form>
    }
}

fn choose(form: RwSignal<TaskForm>, name: &str) {
    if let Some((profile, _)) = form::PROFILES.into_iter().find(|(profile, _)| wire_name(profile) == name) {
        form.write().profile = profile;
    }
}

/// One step: what the agent is told, and what must hold then.
#[component]
fn StepFields(form: RwSignal<TaskForm>, failure: RwSignal<Option<Failure>>, key: usize) -> impl IntoView {
    let place =
        Memo::new(move |_| form.read().steps.iter().position(|step| step.key == key).unwrap_or_default());
    let error = move |part: &'static str| {
        Signal::derive(move || {
            failure.read().as_ref().and_then(|failure| form::at_step(failure, place.get(), part))
        })
    };
    let alone = Memo::new(move |_| form.read().steps.len() == 1);
    let remove = move |_| form.write().steps.retain(|step| step.key != key);
    let first = form
        .with_untracked(|form| form.steps.iter().find(|step| step.key == key).cloned())
        .unwrap_or_default();
    let instructions = move |event| {
        if let Some(step) = form.write().steps.iter_mut().find(|step| step.key == key) {
            step.instructions = event_target_value(&event);
        }
    };
    let checks = move |event| {
        if let Some(step) = form.write().steps.iter_mut().find(|step| step.key == key) {
            step.checks = event_target_value(&event);
        }
    };
    let clean = move |event| {
        if let Some(step) = form.write().steps.iter_mut().find(|step| step.key == key) {
            step.clean = event_target_checked(&event);
        }
    };
    view! {
        <fieldset class="panel step-fields">
            <legend>
                <span class="step-number">"Step "{move || place.get() + 1}</span>
                <Show when=move || !alone.get()><button type="button" class="link" on:click=remove>"Remove"</button></Show>
            </legend>
            <Field label="Instructions" error=error("instructions")>
                <textarea rows="6" prop:value=first.instructions on:input=instructions data-testid="step-instructions"
                    placeholder="What should the agent do in this step?"></textarea>
            </Field>
            <Field label="Checks" hint="Command lines, one a line. They are run after the step; a failed one is given back to the agent." error=error("checks")>
                <textarea rows="3" class="mono" spellcheck="false" prop:value=first.checks on:input=checks data-testid="step-checks"
                    placeholder="cargo test --workspace"></textarea>
            </Field>
            <label class="clean-checks">
                <input type="checkbox" prop:checked=first.clean on:change=clean data-testid="step-clean"/>
                "Run them in a clean checkout of the commit, without files that are in no commit"
            </label>
        </fieldset>
    }
}
