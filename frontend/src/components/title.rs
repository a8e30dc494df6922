//! The page's title, for tabs and the browser's history.

use leptos::prelude::*;

/// Sets the title and keeps it current; blank is the name alone.
pub(crate) fn set_title(title: impl Fn() -> String + 'static) {
    Effect::new(move |_| {
        let title = title();
        document().set_title(&if title.is_empty() {
            "Caisson".to_owned()
        } else {
            format!("{title} – Caisson")
        });
    });
}
