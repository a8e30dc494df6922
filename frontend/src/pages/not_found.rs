//! The page for addresses that lead nowhere.

use leptos::prelude::*;
use leptos_router::components::A;

/// Says so, and where to go.
#[component]
pub(crate) fn NotFound() -> impl IntoView {
    view! {
        <header class="head"><h1>"Not found"</h1></header>
        <p class="second" data-testid="not-found">
            "There is nothing at this address. Go to "<A href="/">"Home"</A>" or to the "<A href="/runs">"runs"</A>"."
        </p>
    }
}
