//! The relay's look at HTTP/1.

use std::{convert::Infallible, sync::Mutex};

use bytes::Bytes;
use http_body_util::Empty;
use hyper::{
    Request, Response,
    body::Incoming,
    header::{CONNECTION, HeaderValue},
    server::conn::http1::Builder,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncWriteExt, duplex};

use super::cuts;
use crate::{
    policy::Name,
    relay::{
        first::{First, look},
        http_head,
    },
};

/// The port that is connected to.
const PORT: u16 = 8080;

/// The first bytes of a client: once it is decided what they are, more of them change nothing, and what is not
/// taken for HTTP begins with no request of HTTP/1.
///
/// # Panics
/// When it is otherwise.
pub fn first_bytes(bytes: &[u8]) {
    let whole = look(bytes);
    for cut in cuts(bytes.len()) {
        let early = look(&bytes[..cut]);
        assert!(early == First::More || early == whole, "at {cut}: {early:?}, as a whole {whole:?}");
    }
    // What holds a zero is no line of HTTP, and git's own protocol looks like that.
    let line = bytes.split(|byte| matches!(*byte, 0 | b'\n')).next().unwrap_or_default();
    // As lenient servers do it: words apart by white space of any kind.
    let space = |byte: &u8| matches!(byte, b'\t'..=b'\r' | 0x1c..=b' ');
    let mut words = line.split(space).filter(|word| !word.is_empty());
    let (method, version) = (words.next().unwrap_or_default(), words.nth(1).unwrap_or_default());
    let token = method.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte));
    if token && version.get(..5).is_some_and(|name| name.eq_ignore_ascii_case(b"HTTP/")) && line != bytes {
        assert!(matches!(whole, First::Http | First::Trick(_)), "{whole:?}");
    }
}

/// A whole connection: for the first request on it the host that was found is the one Host header there is.
///
/// # Panics
/// When another one was found, or there are several.
pub fn http_head(bytes: &[u8]) {
    let found = Mutex::new(None);
    let judge = async |request: Request<Incoming>| {
        let host = http_head::host(request.method(), request.uri(), request.headers(), PORT);
        let _ = http_head::becomes_websocket(request.headers());
        *found.lock().expect("nobody panicked") = Some(host);
        let mut response = Response::new(Empty::<Bytes>::new());
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        Ok::<_, Infallible>(response)
    };
    let serve = async {
        let (mut client, server) = duplex(bytes.len() + 4096);
        client.write_all(bytes).await.expect("there is room");
        client.shutdown().await.expect("it is open");
        let service = service_fn(judge);
        let serving =
            Builder::new().preserve_header_case(true).serve_connection(TokioIo::new(server), service);
        // What is no request ends it.
        let _ = serving.await;
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(serve);
    if let Some(Ok(name)) = found.into_inner().expect("nobody panicked") {
        is_the_only_host(bytes, &name);
    }
}

fn is_the_only_host(bytes: &[u8], name: &Name) {
    let lines = bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    // Empty lines may come before a request.
    let mut lines = lines.skip_while(|line| line.is_empty());
    let request = lines.next().unwrap_or_default();
    let head = lines.take_while(|line| !line.is_empty());
    let host = |line: &[u8]| {
        let (field, value) = line.split_at(line.iter().position(|byte| *byte == b':')?);
        let value = String::from_utf8_lossy(&value[1..]).trim().to_ascii_lowercase();
        field.trim_ascii().eq_ignore_ascii_case(b"host").then_some(value)
    };
    let hosts: Vec<String> = head.filter_map(host).collect();
    let [host] = &*hosts else { panic!("{hosts:?} are not one host") };
    let host = host.strip_suffix(&format!(":{PORT}")).unwrap_or(host);
    assert_eq!(host.strip_suffix('.').unwrap_or(host), name.as_str());
    assert!(!request.starts_with(b"CONNECT "), "this is no proxy");
}
