//! Plays a script: reads the request, asks what to answer, counts attempts, answers.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use api::id::RunId;
use axum::{
    Json,
    body::Body,
    extract,
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use serde_json::json;
use uuid::Uuid;

use super::{
    body,
    choose::{self, Place},
    fill::Names,
    message::Message,
    request::Request,
    script::{Failure, Script},
    stream::{self, Pace},
};
use crate::{
    broker::{json_file, model::Call, refusal::Refusal},
    room::Room,
};

/// How many places are counted at once. A container can make up prompts without end.
const MAX_COUNTED: usize = 10_000;

/// A scripted model. Cheap to clone; clones share what they count.
#[derive(Clone)]
pub struct Player(Arc<Parts>);

struct Parts {
    file: PathBuf,
    script: Script,
    /// No id may come twice in a session, even after a restart: this part is new each time.
    id_prefix: String,
    next_id: AtomicU64,
    attempts: Mutex<HashMap<Counted, u32>>,
}

/// What attempts are counted by, so that runs do not disturb each other.
#[derive(PartialEq, Eq, Hash)]
struct Counted {
    run: RunId,
    place: Place,
    first_prompt: u64,
}

impl Player {
    /// Reads a script.
    ///
    /// # Errors
    /// The file cannot be read, or a key in it is unknown or wrong; both are named.
    pub fn load(file: &Path) -> Result<Self, json_file::Error> {
        let script = Script::load(file)?;
        let id_prefix = Uuid::now_v7().simple().to_string();
        let (next_id, attempts) = (AtomicU64::new(1), Mutex::default());
        Ok(Self(Arc::new(Parts { file: file.to_owned(), script, id_prefix, next_id, attempts })))
    }

    /// Where the script is.
    pub(in crate::broker) fn file(&self) -> &Path {
        &self.0.file
    }

    /// Answers one model call of a run, whose calls share this room.
    pub(in crate::broker) async fn answer(
        &self,
        run: RunId,
        room: &Room,
        call: Call,
        request: extract::Request,
    ) -> Response {
        if call == Call::Models {
            return Json(json!({"data": [], "has_more": false, "first_id": null, "last_id": null}))
                .into_response();
        }
        let body = match body::read(request, room).await {
            Ok(body) => body,
            Err(refusal) => return refusal.into_response(),
        };
        let request = Request::read(&body);
        drop(body);
        if call == Call::CountTokens {
            return Json(json!({"input_tokens": request.tokens})).into_response();
        }
        self.play(run, &request).await
    }

    async fn play(&self, run: RunId, request: &Request) -> Response {
        let Parts { script, .. } = &*self.0;
        let choice = choose::choose(script, request);
        let turn = &choice.turn;
        if !turn.errors.is_empty() {
            let attempt = self.count(run, choice.place, request.first_prompt());
            if let Some(failure) = choose::error_at(&turn.errors, attempt) {
                return self.fail(failure);
            }
        }
        tracing::debug!(run.id = %run, place = ?choice.place, "the scripted model answers");
        tokio::time::sleep(Duration::from_millis(turn.before_ms)).await;
        let message = Message::of(turn, request, &script.variables, |kind| self.next_id(kind));
        let names = Names { request, variables: &script.variables };
        let more = turn.headers.iter().map(|(name, value)| (name.as_str(), names.fill_text(value)));
        let headers = self.headers(more);
        if !request.stream {
            return (headers, Json(message.to_json())).into_response();
        }
        let sse =
            [(header::CONTENT_TYPE, "text/event-stream; charset=utf-8"), (header::CACHE_CONTROL, "no-cache")];
        let body = Body::from_stream(stream::body(message, Pace::of(turn, script)));
        (sse, headers, body).into_response()
    }

    /// How often this place was asked for before.
    fn count(&self, run: RunId, place: Place, first_prompt: &str) -> u32 {
        let mut hasher = DefaultHasher::new();
        first_prompt.hash(&mut hasher);
        let counted = Counted { run, place, first_prompt: hasher.finish() };
        let mut attempts = self.0.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        if MAX_COUNTED <= attempts.len() && !attempts.contains_key(&counted) {
            attempts.clear();
        }
        let attempt = attempts.entry(counted).or_default();
        *attempt = attempt.saturating_add(1);
        *attempt - 1
    }

    fn fail(&self, failure: &Failure) -> Response {
        let mut refusal = Refusal::new(failure.status, "");
        refusal.kind = failure.r#type.clone().unwrap_or(refusal.kind);
        refusal.message = failure.message.clone().unwrap_or_else(|| refusal.kind.clone());
        let more = failure.headers.iter().map(|(name, value)| (name.as_str(), value.clone()));
        (self.headers(more), refusal).into_response()
    }

    /// A request id and the script's own headers. One that cannot be sent is left out.
    fn headers<'a>(&self, more: impl Iterator<Item = (&'a str, String)>) -> HeaderMap {
        let id = ("request-id", self.next_id("req"));
        let all = std::iter::once(id).chain(more);
        let pairs = all.filter_map(|(name, value)| {
            Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?))
        });
        pairs.collect()
    }

    fn next_id(&self, kind: &str) -> String {
        let number = self.0.next_id.fetch_add(1, Ordering::Relaxed);
        format!("{kind}_{}{number:06}", self.0.id_prefix)
    }
}

#[cfg(test)]
mod tests;
