//! The UI's files, as a browser asks for them.

use axum::body::to_bytes;

use super::*;

const FILES: [(&str, &str); 5] = [
    ("index.html", "<!doctype html>"),
    ("index.html.gz", "zipped page"),
    ("app-0123456789abcdef_bg.wasm", "plain wasm"),
    ("app-0123456789abcdef_bg.wasm.gz", "zipped wasm"),
    ("favicon.svg", "<svg/>"),
];

fn built(name: &str) -> Option<File> {
    let (_, text) = FILES.iter().find(|(known, _)| *known == name)?;
    Some(File { bytes: text.as_bytes().into(), hash: [text.len() as u8; 32] })
}

fn get(path: &str, headers: &[(header::HeaderName, &str)]) -> Response {
    let headers = headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
    respond(built, path, &headers)
}

async fn text(response: Response) -> String {
    String::from_utf8(to_bytes(response.into_body(), 10_000).await.unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn a_hashed_file_is_served_compressed_and_kept_for_ever() {
    let wasm = get("/app-0123456789abcdef_bg.wasm", &[(header::ACCEPT_ENCODING, "br, gzip;q=0.8")]);
    assert_eq!(wasm.headers()[header::CONTENT_ENCODING], "gzip");
    assert_eq!(wasm.headers()[header::CONTENT_TYPE], "application/wasm");
    assert_eq!(wasm.headers()[header::CACHE_CONTROL], "public, max-age=31536000, immutable");
    assert_eq!(wasm.headers()[header::VARY], "Accept-Encoding");
    assert_eq!(text(wasm).await, "zipped wasm");
}

#[tokio::test]
async fn whoever_cannot_unpack_gets_the_plain_file() {
    for accepted in ["", "identity", "gzip;q=0", "br"] {
        let wasm = get("/app-0123456789abcdef_bg.wasm", &[(header::ACCEPT_ENCODING, accepted)]);
        assert_eq!(wasm.headers().get(header::CONTENT_ENCODING), None, "{accepted}");
        assert_eq!(text(wasm).await, "plain wasm");
    }
}

#[tokio::test]
async fn every_page_is_the_index_and_is_asked_for_again() {
    for path in ["/", "/runs", "/runs/0190-abc"] {
        let page = get(path, &[]);
        assert_eq!(page.headers()[header::CACHE_CONTROL], "no-cache");
        assert_eq!(page.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
        assert_eq!(text(page).await, "<!doctype html>", "{path}");
    }
    assert_eq!(get("/favicon.svg", &[]).headers()[header::CACHE_CONTROL], "no-cache");
}

#[test]
fn a_file_the_browser_has_is_not_sent_again() {
    let etag = get("/", &[]).headers()[header::ETAG].to_str().unwrap().to_owned();
    let again = get("/", &[(header::IF_NONE_MATCH, &etag)]);
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    let zipped = get("/", &[(header::IF_NONE_MATCH, &etag), (header::ACCEPT_ENCODING, "gzip")]);
    assert_eq!(zipped.status(), StatusCode::OK, "the compressed twin is another file");
}

#[tokio::test]
async fn a_missing_file_is_not_a_page_and_a_missing_ui_says_what_to_run() {
    for path in ["/old-0123456789abcdef.js", "/../Cargo.toml", "/.env"] {
        assert_eq!(get(path, &[]).status(), StatusCode::NOT_FOUND, "{path}");
    }
    let missing = respond(|_| None, "/", &HeaderMap::new());
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    assert!(text(missing).await.contains("cargo xtask web"));
}
