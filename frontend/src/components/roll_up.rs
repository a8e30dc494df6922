//! How the runs of a batch stand: a bar in parts, and the same in words.

use api::batch::Batch;
use leptos::prelude::*;

use crate::state::{badge::Tone, batches};

/// The bar and the words.
#[component]
pub(crate) fn RollUp(
    /// The batch.
    #[prop(into)]
    batch: Signal<Batch>,
) -> impl IntoView {
    let parts = Memo::new(move |_| batches::roll_up(&batch.read()));
    let bar = move || {
        let mut from = 0;
        let part = |(count, tone): (u64, Tone)| {
            let at = from;
            from += count;
            view! { <rect class=tone.class() x=at.to_string() width=count.to_string() height="6"/> }
        };
        let drawn = batches::shares(&batch.read()).into_iter().map(part).collect_view();
        view! { <svg class="bar roll-up" viewBox=format!("0 0 {} 6", from.max(1)) preserveAspectRatio="none" aria-hidden="true">{drawn}</svg> }
    };
    let word = |(words, tone): (String, Tone)| view! { <span class=format!("word {}", tone.class())><i class="dot"></i>{words}</span> };
    view! {
        {bar}
        <span class="roll-words" data-testid="roll-up">{move || parts.get().into_iter().map(word).collect_view()}</span>
    }
}
