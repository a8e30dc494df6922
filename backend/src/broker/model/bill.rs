//! The bill of one model call: open from when the call leaves until what it cost is told, exactly once,
//! whoever hangs up in between.

use std::sync::Arc;

use async_stream::stream;
use axum::{
    body::{Body, HttpBody},
    http::{StatusCode, header, response::Parts},
    response::Response,
};
use futures::StreamExt;
use tokio::sync::oneshot;

use super::{
    Model,
    reader::{Heard, Reader, Whole},
};
use crate::broker::{Spent, Upstream, meter::Permit};

/// What a model is called that did not get to say its name.
const UNKNOWN: &str = "unknown";
/// The longest message of a refusal that is told, in characters.
const LONGEST_MESSAGE: usize = 500;

/// An open bill. When dropped it tells what is known until then.
pub(super) struct Bill {
    model: Arc<Model>,
    state: State,
    /// Given back when what the call cost is noted.
    permit: Option<Permit>,
}

enum State {
    /// On its way: nothing is known, but it may cost something.
    Asked,
    /// Being answered.
    Answered(Reader),
    /// The upstream refuses the credential.
    Refused(StatusCode, Whole),
    /// Told already, or nothing to tell.
    Closed,
}

impl Bill {
    /// Opens the bill of a call that is about to leave.
    pub(super) fn open(model: Arc<Model>, permit: Permit) -> Self {
        Self { model, state: State::Asked, permit: Some(permit) }
    }

    /// The call never reached a model.
    pub(super) fn cancel(mut self) {
        self.state = State::Closed;
    }

    /// Passes the answer on unchanged, and reads along.
    pub(super) fn follow(mut self, answer: Response) -> Response {
        let (parts, body) = answer.into_parts();
        self.state = match parts.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                State::Refused(parts.status, Whole::default())
            }
            status if status.is_success() => State::Answered(Reader::of(&parts.headers)),
            _ => State::Closed,
        };
        let length = length(&parts, &body);
        Response::from_parts(parts, self.pass(body, length))
    }

    fn pass(mut self, body: Body, length: Option<u64>) -> Body {
        Body::from_stream(stream! {
            let mut pieces = body.into_data_stream();
            let mut passed = 0;
            while let Some(piece) = pieces.next().await {
                if let Ok(bytes) = &piece {
                    self.read(bytes);
                    passed += bytes.len() as u64;
                }
                // What the agent takes for the end must not come before the bill is paid.
                if piece.is_err() || self.is_finished() || length.is_some_and(|length| length <= passed) {
                    self.settle().await;
                }
                yield piece;
            }
            self.settle().await;
        })
    }

    fn read(&mut self, bytes: &[u8]) {
        match &mut self.state {
            State::Answered(reader) => reader.feed(bytes),
            State::Refused(_, whole) => whole.feed(bytes),
            State::Asked | State::Closed => {}
        }
    }

    fn is_finished(&self) -> bool {
        matches!(&self.state, State::Answered(reader) if reader.is_finished())
    }

    /// Tells what the call cost and waits until that is noted.
    async fn settle(&mut self) {
        if let Some(noted) = self.tell() {
            // Without an answer the meter has gone: nobody is left to wait for.
            let _ = noted.await;
        }
    }

    /// Tells what the call cost, once. It is noted to the end even if nobody waits for it.
    fn tell(&mut self) -> Option<oneshot::Receiver<()>> {
        let heard = match std::mem::replace(&mut self.state, State::Closed) {
            State::Asked => Heard::default(),
            State::Answered(reader) => reader.heard(),
            State::Refused(status, whole) => {
                self.tell_refusal(status, &whole);
                return None;
            }
            State::Closed => return None,
        };
        let spent = self.spent(heard);
        let meter = Arc::clone(&self.model.meter);
        let (done, noted) = oneshot::channel();
        let permit = self.permit.take();
        self.model.broker.0.tasks.spawn("meter", |_| async move {
            meter.spent(spent).await;
            drop(permit);
            // Nobody waits when the agent has hung up.
            let _ = done.send(());
        });
        Some(noted)
    }

    fn spent(&self, heard: Heard) -> Spent {
        let parts = &self.model.broker.0;
        let model = heard.model.unwrap_or_else(|| UNKNOWN.to_owned());
        let usd = match parts.upstream {
            Upstream::Scripted(_) => parts.prices.usd_of_free(&model, &heard.usage),
            Upstream::Anthropic { .. } | Upstream::None => parts.prices.usd(&model, &heard.usage),
        };
        if usd.is_none() {
            tracing::warn!(run.id = %self.model.run, model, "the price of a model call is unknown");
        }
        Spent { model, usage: heard.usage.totals(), usd }
    }

    fn tell_refusal(&self, status: StatusCode, whole: &Whole) {
        let message =
            whole.error_message().unwrap_or_else(|| format!("the model upstream answered {status}"));
        let message = self.model.broker.0.upstream.redactor().text(&message);
        let message = message.chars().take(LONGEST_MESSAGE).collect::<String>();
        tracing::warn!(run.id = %self.model.run, %status, message, "the model refuses the credential");
        self.model.meter.refused(status.as_u16(), message);
    }
}

impl Drop for Bill {
    fn drop(&mut self) {
        self.tell();
    }
}

/// How long the answer is, where that is known beforehand.
fn length(parts: &Parts, body: &Body) -> Option<u64> {
    let told = parts.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    body.size_hint().exact().or_else(|| told?.parse().ok())
}

#[cfg(test)]
mod tests;
