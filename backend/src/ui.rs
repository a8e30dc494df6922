//! The web UI's files, which are part of the program: hashed ones for ever, the rest asked for again.

use std::borrow::Cow;

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use rust_embed::Embed;

use crate::hex;

#[cfg(test)]
mod tests;

/// What `cargo xtask web` has built. Each file may have a compressed twin: `app.js.gz`.
#[derive(Embed)]
#[folder = "$CARGO_MANIFEST_DIR/../frontend/dist"]
struct Dist;

/// A file and the hash of its content.
struct File {
    bytes: Cow<'static, [u8]>,
    hash: [u8; 32],
}

/// Serves the UI. A path without an extension is one of its pages, so it gets `index.html`.
pub(crate) async fn serve(uri: Uri, headers: HeaderMap) -> Response {
    let find =
        |name: &str| Dist::get(name).map(|file| File { bytes: file.data, hash: file.metadata.sha256_hash() });
    respond(find, uri.path(), &headers)
}

fn respond(find: impl Fn(&str) -> Option<File>, path: &str, headers: &HeaderMap) -> Response {
    let name = path.trim_start_matches('/');
    if !name.is_empty()
        && let Some(plain) = find(name)
    {
        return file(find, name, plain, headers);
    }
    let is_page = !name.rsplit('/').next().is_some_and(|last| last.contains('.'));
    if !is_page {
        return (StatusCode::NOT_FOUND, "there is no such file\n").into_response();
    }
    match find("index.html") {
        Some(index) => file(find, "index.html", index, headers),
        None => (
            StatusCode::NOT_FOUND,
            "The web UI is not part of this build.\nRun `cargo xtask web`, then build again.\n\
             The API is at /rpc, and `caisson --help` lists the command line.\n",
        )
            .into_response(),
    }
}

fn file(find: impl Fn(&str) -> Option<File>, name: &str, plain: File, headers: &HeaderMap) -> Response {
    let twin = if takes_gzip(headers) { find(&format!("{name}.gz")) } else { None };
    let gzipped = twin.is_some();
    let File { bytes, hash } = twin.unwrap_or(plain);
    let etag = format!("\"{}\"", &hex::encode(&hash)[..32]);
    let cache = if is_hashed(name) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let same = headers.get(header::IF_NONE_MATCH).is_some_and(|seen| seen.as_bytes() == etag.as_bytes());
    let mut response =
        if same { StatusCode::NOT_MODIFIED.into_response() } else { body(name, bytes, gzipped) };
    let out = response.headers_mut();
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    out.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        out.insert(header::ETAG, etag);
    }
    response
}

fn body(name: &str, bytes: Cow<'static, [u8]>, gzipped: bool) -> Response {
    let mime = mime_guess::from_path(name).first_or_octet_stream();
    let charset = if mime.type_() == mime_guess::mime::TEXT { "; charset=utf-8" } else { "" };
    let mut response = ([(header::CONTENT_TYPE, format!("{mime}{charset}"))], bytes).into_response();
    if gzipped {
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// Whether the name changes with the content: `app-0123456789abcdef_bg.wasm`.
fn is_hashed(name: &str) -> bool {
    let hash = |part: &str| 8 <= part.len() && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    name.split(['-', '_', '.']).skip(1).any(hash)
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
    accepted.flat_map(|line| line.split(',')).any(|coding| {
        let (name, quality) = coding.split_once(';').unwrap_or((coding, ""));
        let refused = quality.trim().strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0));
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}
