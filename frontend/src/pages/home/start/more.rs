//! What may be said beside task and repository: budget and priority, and of a batch how it proceeds.

use leptos::prelude::*;

use crate::{
    components::{Field, Show},
    state::{failure::Failure, start::StartForm},
};

/// The fields that this page has for what the server may refuse.
const FIELDS: [&str; 4] = ["taskId", "ref", "repository", "repositories"];

/// The names of the fields in here, as the server names them.
const MINE: [&str; 5] =
    ["budgetUsd", "overrides.budgetUsd", "overrides.priority", "concurrency", "stopAfterFailures"];

/// The further fields: shown on request, and always for a batch.
#[component]
pub(super) fn More(
    form: RwSignal<StartForm>,
    failure: RwSignal<Option<Failure>>,
    several: Signal<bool>,
) -> impl IntoView {
    let open = RwSignal::new(false);
    let refused = move || {
        failure
            .read()
            .as_ref()
            .and_then(|failure| failure.field.clone())
            .is_some_and(|field| MINE.contains(&field.as_str()))
    };
    let shown = Memo::new(move |_| open.get() || several.get() || refused());
    let error = move |fields: &'static [&'static str]| {
        Signal::derive(move || {
            let failure = failure.read();
            fields.iter().find_map(|field| failure.as_ref()?.at(field))
        })
    };
    let other = move || {
        let failure = failure.get()?;
        let field = failure.field.as_deref().unwrap_or_default();
        let at_field = FIELDS.contains(&field) || MINE.contains(&field) || field.starts_with("repositories[");
        (!at_field).then(|| view! { <p class="trouble" role="alert">{failure.text}</p> })
    };
    let budget = move || if several.get() { "no limit for all together" } else { "the task's" };
    view! {
        <Show
            when=move || shown.get()
            fallback=move || view! {
                <button type="button" class="link small more-link" data-testid="start-more" on:click=move |_| open.set(true)>"Budget and priority…"</button>
            }
        >
            <div class="further">
                <Field label="Budget, US dollars" error=error(&["budgetUsd", "overrides.budgetUsd"])>
                    <input prop:value=move || form.read().budget.clone() on:input=move |event| form.write().budget = event_target_value(&event)
                        inputmode="decimal" placeholder=budget data-testid="start-budget"/>
                </Field>
                <Field label="Priority" error=error(&["overrides.priority"])>
                    <input prop:value=move || form.read().priority.clone() on:input=move |event| form.write().priority = event_target_value(&event)
                        placeholder="0; −100 to 100" data-testid="start-priority"/>
                </Field>
                <Show when=move || several.get()>
                    <Field label="Runs at once" error=error(&["concurrency"])>
                        <input prop:value=move || form.read().concurrency.clone() on:input=move |event| form.write().concurrency = event_target_value(&event)
                            inputmode="numeric" placeholder="as many as fit" data-testid="start-concurrency"/>
                    </Field>
                    <Field label="Stop after failures" error=error(&["stopAfterFailures"])>
                        <input prop:value=move || form.read().stop_after.clone() on:input=move |event| form.write().stop_after = event_target_value(&event)
                            inputmode="numeric" placeholder="never" data-testid="start-stop-after"/>
                    </Field>
                </Show>
            </div>
        </Show>
        {other}
    }
}
