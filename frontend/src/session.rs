//! Signing in and out: three plain requests; the cookie they set is not visible here.

use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Headers, RequestInit, Response};

use crate::timer::Notifier;

/// Whether the reader is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// Not asked yet, or the server does not answer.
    Unknown,
    /// Yes.
    In,
    /// No.
    Out,
}

/// The session as the pages see it.
#[derive(Clone, Copy)]
pub(crate) struct Session {
    /// Whether the reader is signed in.
    pub(crate) entry: RwSignal<Entry>,
    notifier: StoredValue<Notifier>,
}

/// Makes the session known to the pages.
pub(crate) fn provide_session() -> Session {
    let session = Session { entry: RwSignal::new(Entry::Unknown), notifier: StoredValue::default() };
    provide_context(session);
    session
}

impl Session {
    /// Sets whether the reader is signed in, and wakes those who wait for it.
    pub(crate) fn set(self, entry: Entry) {
        if self.entry.get_untracked() != entry {
            self.entry.set(entry);
        }
        self.notifier.get_value().notify();
    }

    /// Waits until the reader is signed in.
    #[cfg(target_arch = "wasm32")]
    pub(crate) async fn signed_in(self) {
        while self.entry.get_untracked() != Entry::In {
            self.notifier.get_value().notified().await;
        }
    }

    /// Waits until the reader is signed out.
    #[cfg(target_arch = "wasm32")]
    pub(crate) async fn signed_out(self) {
        while self.entry.get_untracked() != Entry::Out {
            self.notifier.get_value().notified().await;
        }
    }
}

/// Asks the server whether the cookie is good.
#[cfg(target_arch = "wasm32")]
pub(crate) async fn check() -> Entry {
    match send("GET", "/api/session", None).await {
        Ok(response) if response.ok() => Entry::In,
        Ok(response) if response.status() == 401 => Entry::Out,
        _ => Entry::Unknown,
    }
}

/// Gives the token to the server, which answers with a cookie.
///
/// # Errors
/// What to tell the reader.
pub(crate) async fn login(token: &str) -> Result<(), String> {
    let body = serde_json::json!({ "token": token }).to_string();
    let response = send("POST", "/api/login", Some(&body)).await;
    let response = response.map_err(|_| "The server does not answer. Try again.".to_owned())?;
    if response.ok() { Ok(()) } else { Err(refusal(&response).await) }
}

/// Makes the cookie worthless.
pub(crate) async fn logout() {
    // Where the server does not answer there is nothing to sign out of; the next visit asks again.
    let _ = send("POST", "/api/logout", None).await;
}

/// The reason in the body of a refusal: `{"error": …}`, a text or an object with a message.
async fn refusal(response: &Response) -> String {
    let body = match response.text() {
        Ok(text) => JsFuture::from(text).await.ok().and_then(|text| text.as_string()),
        Err(_) => None,
    };
    let body: serde_json::Value = body.and_then(|body| serde_json::from_str(&body).ok()).unwrap_or_default();
    let error = &body["error"];
    let reason = error.as_str().or_else(|| error["message"].as_str());
    match reason {
        Some(reason) => crate::state::failure::sentence(reason),
        None if response.status() == 401 => "This token is not valid.".to_owned(),
        None => format!("The server refused with status {}.", response.status()),
    }
}

async fn send(method: &str, path: &str, json: Option<&str>) -> Result<Response, JsValue> {
    let request = RequestInit::new();
    request.set_method(method);
    if let Some(json) = json {
        let headers = Headers::new()?;
        headers.set("content-type", "application/json")?;
        request.set_headers(&headers);
        request.set_body(&json.into());
    }
    JsFuture::from(window().fetch_with_str_and_init(path, &request)).await?.dyn_into()
}
