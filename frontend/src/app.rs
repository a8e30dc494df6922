//! Providers in the order in which they need each other, and the routes.

use leptos::prelude::*;
use leptos_router::{
    components::{FlatRoutes, Redirect, Route, Router},
    path,
};

use crate::{
    clock,
    components::Frame,
    components::Show,
    link, live, pages,
    session::{self, Entry},
};

/// Puts the app into the page.
pub fn mount() {
    mount_to_body(App);
}

/// The app: the sign-in page, or the pages in their frame. The address stays, so after signing in one is
/// where one wanted to go.
#[component]
fn App() -> impl IntoView {
    clock::provide_clock();
    let session = session::provide_session();
    let link = link::provide_link(session);
    #[cfg(target_arch = "wasm32")]
    leptos::task::spawn_local(crate::connection::keep(link, session));
    let entry = Memo::new(move |_| session.entry.get());
    move || match entry.get() {
        Entry::In => view! { <Pages/> }.into_any(),
        Entry::Out => view! { <pages::Login/> }.into_any(),
        Entry::Unknown => view! { <Away connected=link.connected.into()/> }.into_any(),
    }
}

/// Nothing at first, and words when the server does not answer.
#[component]
fn Away(connected: Signal<Option<bool>>) -> impl IntoView {
    view! {
        <Show when=move || connected.get() == Some(false)>
            <main class="lone"><p class="second" role="status">"The server does not answer. Trying again…"</p></main>
        </Show>
    }
}

#[component]
fn Pages() -> impl IntoView {
    live::provide_live();
    view! {
        <Router>
            <Frame>
                <FlatRoutes fallback=pages::NotFound>
                    <Route path=path!("/") view=pages::Home/>
                    <Route path=path!("/login") view=|| view! { <Redirect path="/"/> }/>
                    <Route path=path!("/runs") view=pages::Runs/>
                    <Route path=path!("/runs/:id") view=pages::Run/>
                    <Route path=path!("/batches") view=pages::Batches/>
                    <Route path=path!("/batches/:id") view=pages::BatchPage/>
                    <Route path=path!("/tasks") view=pages::Tasks/>
                    <Route path=path!("/tasks/new") view=pages::NewTask/>
                    <Route path=path!("/tasks/:id") view=pages::EditTask/>
                    <Route path=path!("/instances") view=pages::Instances/>
                </FlatRoutes>
            </Frame>
        </Router>
    }
}
