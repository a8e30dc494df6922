//! One smart HTTP request, answered by a command on an SSH server.
//!
//! Smart HTTP keeps nothing between requests, and so does this: each is a session of its own. A server
//! that is asked for more than the request holds (a negotiation of version 0 goes over several) dies of
//! the end of its input; what it said until then is the answer.

use std::sync::Arc;

use async_stream::try_stream;
use axum::{
    body::Body as HttpBody,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures::{StreamExt, stream::BoxStream};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use url::Url;

use super::{
    Error, Identity,
    advertisement::{Advertisement, Version},
    body::{self, Body, BodyError},
    session::{self, Session},
};
use crate::broker::git::{
    report,
    target::{Part, Service, Target},
    way::Way,
};

type Answer = BoxStream<'static, Result<Bytes, Error>>;

/// Asks the SSH server of this repository.
pub(in crate::broker::git) async fn answer(
    way: &Way,
    identity: Arc<Identity>,
    repository: &Url,
    target: &Target,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    let Some(body) = body::unpacked(headers, body) else {
        return Ok(StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response());
    };
    let wants_two = headers.get("git-protocol").is_some_and(|asked| asked == "version=2");
    let protocol = (wants_two && target.service == Service::UploadPack).then_some("version=2");
    let command = command(target.service, repository);
    let session = session::open(way, identity, repository, command, protocol).await?;
    let kind = match target.part {
        Part::References => "advertisement",
        Part::Exchange => "result",
    };
    let mut pieces = match target.part {
        Part::References => advertise(session, target.service),
        Part::Exchange => exchange(session, body),
    };
    // A server that refuses says so before anything else.
    let first = pieces.next().await.transpose()?;
    let pieces = futures::stream::iter(first.map(Ok)).chain(pieces);
    let kind = format!("application/x-{}-{kind}", target.service.name());
    let headers = [(header::CONTENT_TYPE, kind.as_str()), (header::CACHE_CONTROL, "no-cache")];
    Ok((headers, HttpBody::from_stream(pieces)).into_response())
}

/// `git-upload-pack 'path'`, quoted for the server's shell as git does. A path of the form `~/path` is
/// relative to where the server puts the user, as in `git@host:path`.
fn command(service: Service, repository: &Url) -> String {
    let path = repository.path();
    let path = match path.strip_prefix("/~/") {
        Some(relative) => relative,
        None if path.starts_with("/~") => &path[1..],
        None => path,
    };
    let quoted = path.replace('\'', r"'\''").replace('!', r"'\!'");
    format!("{} '{quoted}'", service.name())
}

/// What there is: said by the server at once. It goes when it is told that nobody wants more.
fn advertise(mut session: Session, service: Service) -> Answer {
    let pieces = try_stream! {
        let (mut advertisement, mut begun) = (Advertisement::default(), false);
        while !advertisement.has_ended() {
            let bytes = session.hear().await?.ok_or(Error::Malformed("what the SSH server says"))?;
            let said = advertisement.feed(bytes)?.said;
            if said.is_empty() {
                continue;
            }
            if !begun && advertisement.version() != Some(Version::Two) {
                yield Bytes::from(report::announcement(service));
            }
            begun = true;
            yield said;
        }
        // It may be gone already, which is as good.
        let _ = session.write.data_bytes(Bytes::from_static(b"0000")).await;
        session.close().await;
    };
    pieces.boxed()
}

/// The transfer itself: the request goes in while the answer comes out.
fn exchange(mut session: Session, body: Body) -> Answer {
    let pieces = try_stream! {
        let writer = session.write.make_writer();
        let mut send = std::pin::pin!(send(body, writer));
        let (mut is_sent, mut advertisement) = (false, Advertisement::default());
        loop {
            let step = tokio::select! {
                sent = &mut send, if !is_sent => Step::Sent(sent),
                heard = session.hear() => Step::Heard(heard),
            };
            match step {
                Step::Sent(sent) => {
                    sent.map_err(|error| Error::Request(error.to_string()))?;
                    is_sent = true;
                    // It may be gone already: then what it said is all there is.
                    let _ = session.write.eof().await;
                }
                Step::Heard(heard) => {
                    let Some(bytes) = heard? else { break };
                    let rest = advertisement.feed(bytes)?.rest;
                    if !rest.is_empty() {
                        yield rest;
                    }
                }
            }
        }
        session.close().await;
    };
    pieces.boxed()
}

enum Step {
    Sent(Result<(), BodyError>),
    Heard(Result<Option<Bytes>, Error>),
}

/// Sends the request. A server that hangs up has heard enough; a request that breaks off is an error, so
/// that nothing half is taken for whole.
async fn send(mut body: Body, mut to: impl AsyncWrite + Unpin) -> Result<(), BodyError> {
    while let Some(bytes) = body.next().await {
        if to.write_all(&bytes?).await.is_err() {
            break;
        }
    }
    let _ = to.flush().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command_of(url: &str) -> String {
        command(Service::UploadPack, &url.parse().unwrap())
    }

    #[test]
    fn a_path_is_quoted_for_the_servers_shell() {
        assert_eq!(command_of("ssh://git@example.org/o/r.git"), "git-upload-pack '/o/r.git'");
        assert_eq!(command_of("ssh://git@example.org/~/o/r.git"), "git-upload-pack 'o/r.git'");
        assert_eq!(command_of("ssh://git@example.org/~me/r.git"), "git-upload-pack '~me/r.git'");
        assert_eq!(command_of("ssh://example.org/a'b!c"), r"git-upload-pack '/a'\''b'\!'c'");
        assert_eq!(command_of("ssh://example.org/$(id)`id`;id"), "git-upload-pack '/$(id)%60id%60;id'");
    }
}
