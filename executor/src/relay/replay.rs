//! Model requests through the link, sent again when the link breaks before the answer has begun.
//!
//! A connection whose first request is for the model is read as HTTP, each request rides a stream of its
//! own, and its body is kept until the answer begins. So a backend may restart while the agent waits for
//! hours. Git is never sent again: a push is not to be repeated blindly.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use http_body_util::{BodyExt, Either, Full, combinators::BoxBody};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::{Body, Incoming},
    client::conn::http1 as client,
    header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, TRANSFER_ENCODING},
    server::conn::http1 as server,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::compat::FuturesAsyncReadCompatExt;

use super::{LINK_END, Relay, UNAVAILABLE};

/// How a connection for the model begins.
pub(super) const MODEL: &[u8] = b"POST /v1/";
/// The largest request that is kept, in KiB.
const LARGEST: u32 = 64 << 10;
/// How much is kept of all requests together, in KiB; beyond it a request is sent once.
const TOTAL: usize = 128 << 10;
/// What belongs to one connection, not to the request.
const HOP_BY_HOP: [HeaderName; 3] = [CONNECTION, TRANSFER_ENCODING, HeaderName::from_static("keep-alive")];

/// A request's body: kept, or passed on as it comes.
type Outgoing = Either<Full<Bytes>, Incoming>;
type Answer = Response<BoxBody<Bytes, hyper::Error>>;

/// What all requests may keep.
#[derive(Clone)]
pub(super) struct Kept(Arc<Semaphore>);

impl Default for Kept {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(TOTAL)))
    }
}

impl Kept {
    /// Room for this request; `None` when it is not one to be sent again, or there is none.
    fn room(&self, request: &Request<Incoming>) -> Option<OwnedSemaphorePermit> {
        let model = request.method() == Method::POST && request.uri().path().starts_with("/v1/");
        let bytes = request.body().size_hint().exact().filter(|_| model)?;
        let size = u32::try_from(bytes >> 10).ok().filter(|size| *size < LARGEST)? + 1;
        self.0.clone().try_acquire_many_owned(size).ok()
    }
}

/// Serves a connection until the client hangs up.
pub(super) async fn serve(
    relay: &Relay,
    socket: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) -> Result<(), hyper::Error> {
    let service = service_fn(|request| async { Ok::<_, Infallible>(pass(relay, request).await) });
    server::Builder::new().serve_connection(TokioIo::new(socket), service).await
}

async fn pass(relay: &Relay, request: Request<Incoming>) -> Answer {
    let room = relay.kept.room(&request);
    let (mut head, body) = request.into_parts();
    without_hops(&mut head.headers);
    if room.is_none() {
        return send(relay, Request::from_parts(head, Either::Right(body)))
            .await
            .unwrap_or_else(|_| broken());
    }
    let Ok(body) = body.collect().await else { return broken() };
    let body = body.to_bytes();
    loop {
        let again = Request::from_parts(head.clone(), Either::Left(Full::new(body.clone())));
        match send(relay, again).await {
            Ok(answer) => return answer,
            Err(Cut::ByLink) => tracing::info!("the link broke before the model's answer; asking again"),
            Err(Cut::ByPartner) => return broken(),
        }
    }
}

/// Why no answer began.
enum Cut {
    /// The link is gone: the next one may do better.
    ByLink,
    /// The link stands, and the other end of this stream hung up.
    ByPartner,
}

/// Sends a request once; waits for a link as long as connections do.
async fn send(relay: &Relay, request: Request<Outgoing>) -> Result<Answer, Cut> {
    let Ok((stream, ended)) = relay.open_in_time().await else { return Ok(unavailable()) };
    let answered = async {
        let (mut sender, connection) = client::handshake(TokioIo::new(stream.compat())).await?;
        relay.tasks.spawn("model request", async move {
            // What breaks here is told by the request or by the answer's body.
            let _ = connection.await;
        });
        sender.send_request(request).await
    };
    match answered.await {
        Ok(answer) => {
            let (mut head, body) = answer.into_parts();
            without_hops(&mut head.headers);
            Ok(Response::from_parts(head, body.boxed()))
        }
        // A stream breaks a moment before its link is seen to be gone.
        Err(error) => match tokio::time::timeout(LINK_END, ended.cancelled()).await {
            Ok(()) => Err(Cut::ByLink),
            Err(_) => {
                tracing::debug!(%error, "a model request was cut");
                Err(Cut::ByPartner)
            }
        },
    }
}

fn without_hops(headers: &mut HeaderMap) {
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

fn unavailable() -> Answer {
    error(StatusCode::SERVICE_UNAVAILABLE, UNAVAILABLE)
}

fn broken() -> Answer {
    const BROKEN: &str = r#"{"type":"error","error":{"type":"api_error","message":"the connection to the Caisson server was cut"}}"#;
    error(StatusCode::BAD_GATEWAY, BROKEN)
}

fn error(status: StatusCode, text: &'static str) -> Answer {
    let body = Full::new(Bytes::from_static(text.as_bytes())).map_err(|never| match never {});
    let mut answer = Response::new(body.boxed());
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(text.len()));
    answer
}
