//! A text of the form: one line or several, with what the server said of it.

use leptos::prelude::*;

use crate::{
    components::Field,
    state::{
        failure::Failure,
        form::{self, TaskForm},
    },
};

/// A field whose text is kept in the form.
#[component]
pub(super) fn Text(
    /// The form.
    form: RwSignal<TaskForm>,
    /// What the server said of the form.
    failure: RwSignal<Option<Failure>>,
    /// Where its text is kept.
    at: fn(&mut TaskForm) -> &mut String,
    /// What the server calls it.
    name: &'static str,
    /// What people call it.
    label: &'static str,
    /// What to know before writing.
    #[prop(default = "")]
    hint: &'static str,
    /// What stands there while it is blank.
    #[prop(default = "")]
    placeholder: &'static str,
    /// Its `data-testid`.
    testid: &'static str,
    /// How many lines are shown; 0 for a text of one line.
    #[prop(default = 0)]
    rows: u8,
    /// Whether people read it rather than machines.
    #[prop(default = false)]
    prose: bool,
    /// Which keys a phone offers.
    #[prop(default = "text")]
    inputmode: &'static str,
) -> impl IntoView {
    // Only the reader changes it: what is typed need not come back.
    let first = form.try_update_untracked(|form| at(form).clone()).unwrap_or_default();
    let error = Signal::derive(move || {
        let failure = failure.read();
        form.try_update_untracked(|form| form::said(failure.as_ref()?, name, at(form)))?
    });
    let typed = move |event| *at(&mut form.write()) = event_target_value(&event);
    let (class, spellcheck) = if prose { ("", "true") } else { ("mono", "false") };
    let control = match rows {
        0 => view! {
            <input prop:value=first on:input=typed placeholder=placeholder inputmode=inputmode class=class spellcheck=spellcheck data-testid=testid/>
        }
        .into_any(),
        _ => view! {
            <textarea class=class rows=rows.to_string() prop:value=first on:input=typed placeholder=placeholder spellcheck=spellcheck data-testid=testid></textarea>
        }
        .into_any(),
    };
    view! { <Field label hint error>{control}</Field> }
}
