//! A labelled field with its error below it.

use leptos::prelude::*;

/// A label, the control, and what the server said of it.
#[component]
pub(crate) fn Field(
    /// What it is called.
    label: &'static str,
    /// What to know before writing.
    #[prop(optional)]
    hint: &'static str,
    /// What is wrong with it.
    #[prop(into)]
    error: Signal<Option<String>>,
    /// The control.
    children: Children,
) -> impl IntoView {
    view! {
        <label class="field" class:wrong=move || error.read().is_some()>
            <span class="label">{label}</span>
            {children()}
            {move || {
                error.get().map(|error| {
                    view! { <span class="error" role="alert" data-testid="field-error">{error}</span> }
                })
            }}
            {(!hint.is_empty()).then(|| view! { <span class="hint">{hint}</span> })}
        </label>
    }
}
