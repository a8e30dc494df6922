//! The git gateway: a run reads its repositories and pushes to its own branch, with a credential that
//! never enters its container. The container speaks smart HTTP; the git server HTTP or SSH.

mod body;
mod credentials;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod opening;
mod page;
mod pkt_line;
mod push;
mod report;
mod ssh;
mod survey;
mod target;
mod trouble;
mod upstream;
mod way;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use api::executor::GitFailureCode;
use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::any,
};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream, stream::BoxStream};
use tokio::sync::Mutex;
use url::Url;

pub(super) use self::credentials::Credentials;
pub(super) use self::way::Way;
pub use self::{credentials::Error, survey::Survey, way::Named};
use self::{
    ssh::BodyError,
    target::{Part, Service, Target},
    trouble::Trouble,
    upstream::Ask,
};
use super::{Access, Broker};

/// What a request or an answer carries.
type Pieces = BoxStream<'static, Result<Bytes, BodyError>>;

struct Gateway {
    broker: Broker,
    access: Access,
    /// Whether the repository's server has said that it takes nothing without its length.
    wants_length: AtomicBool,
}

/// The git requests of one run.
pub(super) fn router(broker: Broker, access: Access) -> Router {
    Router::new().route("/git/{*rest}", any(answer)).with_state(Arc::new(Gateway::new(broker, access)))
}

async fn answer(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let Some(target) = Target::read(request.method(), request.uri()) else {
        return refuse(StatusCode::FORBIDDEN, "Caisson's git gateway speaks git's smart HTTP protocol only");
    };
    let Some(repository) = gateway.access.repository_of(&target) else {
        let own = &gateway.access.repository;
        return refuse(StatusCode::FORBIDDEN, format_args!("this run may use the repository {own} only"));
    };
    if target.service == Service::ReceivePack && *repository != gateway.access.repository {
        return refuse(StatusCode::FORBIDDEN, format_args!("this run may only read {repository}"));
    }
    let (parts, body) = request.into_parts();
    let body = body.into_data_stream().map_err(BodyError::new).boxed();
    match (target.part, target.service) {
        (Part::References, _) => gateway.forward(&target, repository, &parts.headers, None).await,
        (Part::Exchange, Service::UploadPack) => {
            gateway.forward(&target, repository, &parts.headers, Some(body)).await
        }
        (Part::Exchange, Service::ReceivePack) => gateway.push(&target, &parts.headers, body).await,
    }
}

impl Access {
    /// Which of the run's repositories the request is about, by the address Caisson knows it by.
    fn repository_of(&self, target: &Target) -> Option<&Url> {
        let mut all = std::iter::once(&self.repository).chain(&self.readable);
        all.find(|repository| target.is_in(repository))
    }
}

impl Gateway {
    fn new(broker: Broker, access: Access) -> Self {
        Self { broker, access, wants_length: AtomicBool::new(false) }
    }

    /// Reads which branches a push wants to change before anything of it leaves.
    async fn push(&self, target: &Target, headers: &HeaderMap, mut body: Pieces) -> Response {
        // What is packed cannot be judged, and git does not pack pushes.
        if headers.contains_key(header::CONTENT_ENCODING) {
            return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "a push must not have a content encoding");
        }
        let (head, read) = match push::Head::read(&mut body).await {
            Ok(head) => head,
            Err(error) => return refuse(StatusCode::BAD_REQUEST, error),
        };
        if head.is_allowed(&self.access.branch) {
            let rest = Arc::new(Mutex::new(body));
            let whole = stream::once(async { Ok(read) }).chain(pieces_of(Arc::clone(&rest))).boxed();
            return match self.ask(target, &self.access.repository, headers, Some(whole)).await {
                Ok(answer) => answer,
                Err(trouble) => {
                    push::discard(&mut *rest.lock().await).await;
                    report::failed_push(&head, &self.wanting_length(trouble))
                }
            };
        }
        tracing::info!(run.id = %self.access.run, "a push to another branch than the run's was refused");
        // A client that is still sending would not read the answer.
        push::discard(&mut body).await;
        report::refusal(&head, &self.access.branch)
    }

    /// Asks the repository itself.
    async fn forward(
        &self,
        target: &Target,
        repository: &Url,
        headers: &HeaderMap,
        body: Option<Pieces>,
    ) -> Response {
        match self.ask(target, repository, headers, body).await {
            Ok(answer) => answer,
            Err(trouble) => report::failed(target, headers, &trouble),
        }
    }

    async fn ask(
        &self,
        target: &Target,
        repository: &Url,
        headers: &HeaderMap,
        body: Option<Pieces>,
    ) -> Result<Response, Trouble> {
        let with_length = self.wants_length.load(Ordering::Relaxed);
        let asked = self.broker.ask(Ask { target, repository, headers, body, with_length }).await;
        asked.inspect_err(|trouble| {
            let failure = trouble.failure();
            tracing::warn!(run.id = %self.access.run, why = failure.message, "a git request failed");
        })
    }

    /// A push that failed for want of its length is sent with it the next time, and may be repeated for that.
    fn wanting_length(&self, trouble: Trouble) -> Trouble {
        if trouble.answered == Some(StatusCode::LENGTH_REQUIRED)
            && !self.wants_length.swap(true, Ordering::Relaxed)
        {
            return Trouble { code: GitFailureCode::Interrupted, ..trouble };
        }
        trouble
    }
}

/// A body that somebody else goes on reading when it is no longer wanted here.
fn pieces_of(body: Arc<Mutex<Pieces>>) -> Pieces {
    let next = |body: Arc<Mutex<Pieces>>| async move {
        let piece = body.lock().await.next().await;
        piece.map(|piece| (piece, body))
    };
    stream::unfold(body, next).boxed()
}

/// A refusal as git shows it: it prints plain text as `remote: …`.
fn refuse(status: StatusCode, why: impl fmt::Display) -> Response {
    let body = Bytes::from(format!("Caisson: {why}\n"));
    (status, [(header::CONTENT_TYPE, "text/plain")], body).into_response()
}

#[cfg(test)]
mod tests;
