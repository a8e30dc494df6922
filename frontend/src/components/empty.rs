//! A list with nothing in it, and a load that failed: what is so, and what to do.

use leptos::prelude::*;

/// Says why there is nothing and what to do first.
#[component]
pub(crate) fn Empty(
    /// What is so.
    #[prop(into)]
    text: String,
    /// What to do: text or links.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    view! { <div class="empty"><p>{text}</p>{children.map(|children| children())}</div> }
}

/// Says what did not work.
#[component]
pub(crate) fn Trouble(
    /// What to say; nothing when `None`.
    #[prop(into)]
    text: Signal<Option<String>>,
) -> impl IntoView {
    move || text.get().map(|text| view! { <p class="trouble" role="alert" data-testid="trouble">{text}</p> })
}
