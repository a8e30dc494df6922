//! A button for what cannot be taken back: the first press asks, the second does it.

use leptos::prelude::*;

use super::Show;

/// Asks before it acts.
#[component]
pub(crate) fn Confirm(
    /// What the button says at first.
    label: &'static str,
    /// What it says when it asks.
    sure: &'static str,
    /// What the way back says.
    keep: &'static str,
    /// Its `data-testid`.
    testid: &'static str,
    /// Whether it is at work.
    #[prop(into)]
    busy: Signal<bool>,
    /// What the second press does.
    act: impl Fn() + 'static,
) -> impl IntoView {
    let asks = RwSignal::new(false);
    let press = move |_| {
        if asks.get_untracked() {
            act();
        }
        asks.update(|asks| *asks = !*asks);
    };
    view! {
        <span class="confirm">
            <Show when=move || asks.get()>
                <button type="button" class="plain" on:click=move |_| asks.set(false)>{keep}</button>
            </Show>
            <button
                type="button"
                data-testid=testid
                class:danger=move || asks.get()
                disabled=move || busy.get()
                on:click=press
            >
                {move || if asks.get() { sure } else { label }}
            </button>
        </span>
    }
}
