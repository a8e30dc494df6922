//! What a run may ask of a model. The body of a call is read along as it passes: the first model in it
//! decides whether the call leaves at all, and what comes later breaks it off. Where any model is allowed nothing
//! is held back.

use std::sync::{Arc, OnceLock};

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderValue, StatusCode, header},
};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use tokio::sync::Semaphore;

use super::named::{Malformed, Names};
use crate::broker::refusal::Refusal;

/// How much of a call is held until its model is known. The agent says it at once.
const HELD: usize = 64 << 10;
/// Calls of one run whose model is looked for at a time; so what they hold is bounded.
const LOOKING: usize = 8;

/// The models of one run.
pub(super) struct Models {
    allowed: Vec<String>,
    looking: Semaphore,
}

/// A call that may leave.
pub(super) struct Checked {
    pub(super) call: Request,
    /// Its model, where it was looked for and said in time.
    pub(super) model: Option<String>,
    pub(super) late: Late,
}

/// Why a call that was let through was broken off after all.
pub(super) type Late = Arc<OnceLock<Refusal>>;

impl Models {
    pub(super) fn new(allowed: Vec<String>) -> Self {
        Self { allowed, looking: Semaphore::new(LOOKING) }
    }

    /// The call, as soon as it has named a model that is allowed. Where any is, its model is looked for only if
    /// `look` says so, and it may go without.
    pub(super) async fn check(self: &Arc<Self>, call: Request, look: bool) -> Result<Checked, Refusal> {
        let late = Late::default();
        let (mut parts, body) = call.into_parts();
        if parts.headers.contains_key(header::CONTENT_ENCODING) {
            return Err(malformed("it must not have a content encoding"));
        }
        // Nobody reads it as anything else.
        parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let mut pieces = body.into_data_stream();
        let (mut names, mut held, mut size) = (Names::default(), Vec::new(), 0);
        let place = self.looking.acquire().await;
        let must = !self.allowed.is_empty();
        while (look || must) && names.main().is_none() {
            let piece = match pieces.next().await {
                Some(piece) => piece,
                None if must => return Err(malformed("it names no `model`")),
                None => break,
            };
            let piece = piece.map_err(|_| malformed("it broke off"))?;
            self.look(&mut names, &piece)?;
            size += piece.len();
            held.push(piece);
            if HELD < size && names.main().is_none() {
                if must {
                    return Err(malformed("its `model` comes too late: put it before `messages`"));
                }
                break;
            }
        }
        drop(place);
        let model = names.main().map(str::to_owned);
        let rest = self.clone().watch(names, pieces, Arc::clone(&late));
        let held = futures::stream::iter(held.into_iter().map(Ok));
        let call = Request::from_parts(parts, Body::from_stream(held.chain(rest)));
        Ok(Checked { call, model, late })
    }

    /// Passes the rest on, and breaks it off at a model that is not allowed.
    fn watch(
        self: Arc<Self>,
        mut names: Names,
        mut pieces: impl Stream<Item = Result<Bytes, axum::Error>> + Unpin + Send + 'static,
        late: Late,
    ) -> impl Stream<Item = Result<Bytes, axum::Error>> + Send {
        async_stream::stream! {
            while let Some(piece) = pieces.next().await {
                if let Ok(bytes) = &piece
                    && let Err(refusal) = self.look(&mut names, bytes)
                {
                    let why = refusal.message.clone();
                    late.get_or_init(|| refusal);
                    yield Err(axum::Error::new(why));
                    return;
                }
                yield piece;
            }
        }
    }

    fn look(&self, names: &mut Names, bytes: &[u8]) -> Result<(), Refusal> {
        let named = names.feed(bytes).map_err(|Malformed(why)| malformed(why))?;
        match named.into_iter().find(|name| !self.allowed.is_empty() && !allows(&self.allowed, name)) {
            None => Ok(()),
            Some(name) => Err(self.refusal(&name)),
        }
    }

    fn refusal(&self, name: &str) -> Refusal {
        let name = name.chars().filter(|c| !c.is_control()).take(100).collect::<String>();
        let allowed = self.allowed.join(", ");
        let why = format!("the model {name} is not among this task's `models`: {allowed}");
        Refusal::new(StatusCode::FORBIDDEN, why)
    }
}

fn malformed(why: &str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, format!("Caisson does not pass this call on: {why}"))
}

/// Whether one of them is this name, or its beginning and `*`.
fn allows(allowed: &[String], name: &str) -> bool {
    allowed.iter().any(|allowed| match allowed.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == allowed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_allowed_by_its_name_or_its_beginning() {
        let allowed = ["claude-sonnet-5-5", "claude-haiku-*"].map(str::to_owned);
        for (name, is_allowed) in [
            ("claude-sonnet-5-5", true),
            ("claude-haiku-5-5", true),
            ("claude-haiku-", true),
            ("claude-haiku", false),
            ("claude-sonnet-5-5-20260101", false),
            ("Claude-sonnet-5-5", false),
            (" claude-sonnet-5-5", false),
            ("claude-opus-5-5", false),
            ("claude-haiku-*", true),
            ("", false),
        ] {
            assert_eq!(allows(&allowed, name), is_allowed, "{name}");
        }
        assert!(allows(&["*".to_owned()], "anything"));
    }
}
