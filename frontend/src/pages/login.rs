//! The sign-in page: one field, one button.

use leptos::{ev::SubmitEvent, html::Input, prelude::*};

use crate::{
    components::Field,
    session::{self, Entry, Session},
};

/// Asks for the token.
#[component]
pub(crate) fn Login() -> impl IntoView {
    let session = expect_context::<Session>();
    let token = NodeRef::<Input>::new();
    let error = RwSignal::new(None);
    let busy = RwSignal::new(false);
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let Some(typed) = token.get_untracked().map(|input| input.value().trim().to_owned()) else { return };
        if typed.is_empty() {
            return error.set(Some("Give the token.".to_owned()));
        }
        busy.set(true);
        leptos::task::spawn_local(async move {
            match session::login(&typed).await {
                Ok(()) => session.set(Entry::In),
                Err(why) => {
                    busy.set(false);
                    error.set(Some(why));
                }
            }
        });
    };
    view! {
        <main class="lone">
            <form class="panel login" on:submit=submit>
                <div class="brand"><crate::components::Mark/>"Caisson"</div>
                <Field label="Token" hint="The server shows it when it starts first, or it is CAISSON_ADMIN_TOKEN." error>
                    <input
                        type="password"
                        autocomplete="current-password"
                        autofocus
                        node_ref=token
                        data-testid="login-token"
                    />
                </Field>
                <button type="submit" class="primary" data-testid="login-submit" disabled=busy>"Sign in"</button>
            </form>
        </main>
    }
}
