//! The wait before a call. It can take hours: a person may have to decide whether the run spends more.

use axum::{body::Body, extract::Request};
use futures::{FutureExt, StreamExt, future::BoxFuture, stream};

use crate::broker::meter::Permit;

/// How much of a call is read while it waits. A connection whose request was read to its end is seen to
/// be closed, and the call is dropped; a larger call that was given up fails when its rest is sent on.
const READ_AHEAD: usize = 64 << 10;

/// The call, once the run may make it; otherwise why it never may.
pub(super) async fn admitted(
    mut admit: BoxFuture<'_, Result<Permit, String>>,
    call: Request,
) -> Result<(Permit, Request), String> {
    if let Some(answer) = (&mut admit).now_or_never() {
        return answer.map(|permit| (permit, call));
    }
    let (parts, body) = call.into_parts();
    let mut body = body.into_data_stream().fuse();
    let (mut held, mut size) = (Vec::new(), 0);
    let answer = loop {
        tokio::select! {
            answer = &mut admit => break answer,
            Some(piece) = body.next(), if size < READ_AHEAD => {
                let piece = piece.map_err(|error| format!("the agent broke off its call: {error}"))?;
                size += piece.len();
                held.push(Ok(piece));
            }
        }
    };
    let body = Body::from_stream(stream::iter(held).chain(body));
    answer.map(|permit| (permit, Request::from_parts(parts, body)))
}

#[cfg(test)]
mod tests;
