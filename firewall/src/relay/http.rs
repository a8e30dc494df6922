//! An HTTP/1 connection: every request on it is looked at, and written again, so that the server reads exactly
//! what was judged.

use std::{
    convert::Infallible,
    io::{Error, Result},
    pin::pin,
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::{
    Request, Response, StatusCode, Uri,
    body::Incoming,
    client::conn::http1::{self as client_side, SendRequest},
    header::{CONNECTION, CONTENT_TYPE, HeaderValue},
    server::conn::http1 as server_side,
    service::service_fn,
    upgrade::{OnUpgrade, on},
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpStream, sync::Mutex};

use super::{conversation::Pending, decide::Denial, http_head, refuse, rewound::Rewound};

/// How long a client may take for a head, and be silent between two requests.
const SILENCE: Duration = Duration::from_secs(60);
/// The longest head, in bytes.
const LONGEST_HEAD: usize = 64 * 1024;
/// What is read at once after an upgrade.
const BUFFER: usize = 64 * 1024;

type Body = Either<Incoming, Full<Bytes>>;

/// The two halves of one connection, and what becomes of them.
struct Exchange<'a> {
    pending: &'a Pending<'a>,
    upstream: Mutex<SendRequest<Incoming>>,
    upgraded: Mutex<Option<(OnUpgrade, OnUpgrade)>>,
}

/// Relays the requests of one client until one side closes.
///
/// # Errors
/// When one of the two fails or does not speak HTTP.
pub(super) async fn serve(
    client: TcpStream,
    head: Vec<u8>,
    upstream: TcpStream,
    pending: &Pending<'_>,
) -> Result<()> {
    let (sender, answering) = client_side::Builder::new()
        .preserve_header_case(true)
        .handshake::<_, Incoming>(TokioIo::new(upstream))
        .await
        .map_err(Error::other)?;
    let exchange = Exchange { pending, upstream: Mutex::new(sender), upgraded: Mutex::default() };
    let mut answering = pin!(answering.with_upgrades());
    let mut answered = false;
    {
        let service = service_fn(|request| async { Ok::<_, Infallible>(exchange.answer(request).await) });
        let asking = server_side::Builder::new()
            .preserve_header_case(true)
            .auto_date_header(false)
            .timer(TokioTimer::new())
            .header_read_timeout(SILENCE)
            .max_buf_size(LONGEST_HEAD)
            .serve_connection(TokioIo::new(Rewound::new(head, client)), service)
            .with_upgrades();
        let mut asking = pin!(asking);
        loop {
            tokio::select! {
                asked = &mut asking => break asked.map_err(Error::other)?,
                // The server has closed: nothing more can be asked, but the last answer is still to be read.
                _ = &mut answering, if !answered => {
                    answered = true;
                    asking.as_mut().graceful_shutdown();
                }
            }
        }
    }
    let Some((client, upstream)) = exchange.upgraded.into_inner() else { return Ok(()) };
    let rest = async {
        if !answered {
            // Its error comes with the upgrade too.
            let _ = answering.await;
        }
        Ok(())
    };
    let (client, upstream, ()) = tokio::try_join!(client, upstream, rest).map_err(Error::other)?;
    let (mut client, mut upstream) = (TokioIo::new(client), TokioIo::new(upstream));
    tokio::io::copy_bidirectional_with_sizes(&mut client, &mut upstream, BUFFER, BUFFER).await.map(drop)
}

impl Exchange<'_> {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let port = self.pending.port();
        let name = http_head::host(request.method(), request.uri(), request.headers(), port);
        match name.map(|name| self.pending.permit(&name)) {
            Ok(Ok(())) => self.forward(request).await.unwrap_or_else(|error| {
                page(StatusCode::BAD_GATEWAY, format!("Caisson got no answer from the server: {error}.\n"))
            }),
            Ok(Err(denial)) => page(StatusCode::FORBIDDEN, refuse::sentence(&denial, port)),
            Err(why) => {
                let denial: Denial = self.pending.refusal(why);
                self.pending.record(&denial);
                page(StatusCode::BAD_REQUEST, refuse::sentence(&denial, port))
            }
        }
    }

    async fn forward(&self, mut request: Request<Incoming>) -> hyper::Result<Response<Body>> {
        let websocket = http_head::becomes_websocket(request.headers());
        if !websocket {
            http_head::drop_upgrade(request.headers_mut());
        }
        // A server judges by the Host header; that is the same host.
        if let Some(path) = request.uri().path_and_query().cloned() {
            *request.uri_mut() = Uri::from(path);
        }
        let client = websocket.then(|| on(&mut request));
        let mut response = self.upstream.lock().await.send_request(request).await?;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let Some(client) = client else {
                return Ok(page(
                    StatusCode::BAD_GATEWAY,
                    "The server changed the protocol unasked.\n".to_owned(),
                ));
            };
            *self.upgraded.lock().await = Some((client, on(&mut response)));
        }
        Ok(response.map(Either::Left))
    }
}

fn page(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Either::Right(Full::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
