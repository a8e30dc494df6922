//! A part of a page that is there or not. Leptos' own is compiled again for each place it is used in, which
//! costs kilobytes of wasm each time; this one is compiled once.

use leptos::prelude::*;

/// Shows its children while a condition holds; they are made again each time it becomes true.
#[component]
pub(crate) fn Show(
    /// The condition.
    #[prop(into)]
    when: Signal<bool>,
    /// What is shown while it does not hold.
    #[prop(optional, into)]
    fallback: ViewFn,
    /// What is shown while it holds.
    children: ChildrenFn,
) -> impl IntoView {
    let when = Memo::new(move |_| when.get());
    move || if when.get() { children() } else { fallback.run() }
}
