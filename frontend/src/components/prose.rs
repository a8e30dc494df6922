//! What the agent wrote, as paragraphs and code.

use leptos::prelude::*;

use crate::state::prose::{self, Block, Span};

/// A text in the few forms that are understood; all else is shown as it was written.
#[component]
pub(crate) fn Prose(
    /// The text.
    #[prop(into)]
    text: String,
) -> impl IntoView {
    let block = |block| match block {
        Block::Paragraph(spans) => view! { <p>{inline(spans)}</p> }.into_any(),
        Block::Heading(spans) => view! { <p class="heading">{inline(spans)}</p> }.into_any(),
        Block::Code(code) => view! { <pre class="code">{code}</pre> }.into_any(),
    };
    view! { <div class="prose">{prose::read(&text).into_iter().map(block).collect_view()}</div> }
}

fn inline(spans: Vec<Span>) -> impl IntoView {
    let span = |span| match span {
        Span::Plain(text) => text.into_any(),
        Span::Code(code) => view! { <code>{code}</code> }.into_any(),
        Span::Strong(text) => view! { <strong>{text}</strong> }.into_any(),
    };
    spans.into_iter().map(span).collect_view()
}
