use axum::http::HeaderValue;
use flate2::{Compression, write::GzEncoder};
use futures::TryStreamExt;

use super::*;

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn headers(encodings: &[&'static str]) -> HeaderMap {
    let all = encodings.iter().map(|one| (header::CONTENT_ENCODING, HeaderValue::from_static(one)));
    all.collect()
}

fn body(bytes: Vec<u8>) -> Body {
    let pieces = bytes.chunks(1000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect::<Vec<_>>();
    futures::stream::iter(pieces).boxed()
}

async fn whole(body: Body) -> Result<Vec<u8>, BodyError> {
    let pieces = body.try_collect::<Vec<_>>().await?;
    Ok(pieces.concat())
}

#[tokio::test]
async fn a_packed_request_is_unpacked() {
    let text = b"0032want 0123456789\n".repeat(10_000);
    for encoding in ["gzip", "x-gzip"] {
        let unpacked = unpacked(&headers(&[encoding]), body(packed(&text))).unwrap();
        assert!(whole(unpacked).await.unwrap() == text);
    }
    let plain = unpacked(&headers(&[]), body(text.clone())).unwrap();
    assert!(whole(plain).await.unwrap() == text);
}

#[tokio::test]
async fn a_request_that_unpacks_to_too_much_or_to_nothing_is_refused() {
    let bomb = packed(&vec![0; LARGEST + 1]);
    assert!(bomb.len() < 1 << 20);
    let error = whole(unpacked(&headers(&["gzip"]), body(bomb)).unwrap()).await.err();
    assert_eq!(error.unwrap().to_string(), "the request unpacks to too much");
    let cut = packed(b"0000")[..8].to_vec();
    for wrong in [b"0000".to_vec(), cut] {
        assert!(whole(unpacked(&headers(&["gzip"]), body(wrong)).unwrap()).await.is_err());
    }
}

#[tokio::test]
async fn other_encodings_and_several_are_refused() {
    for encodings in [&["deflate"][..], &["gzip, gzip"], &["gzip", "gzip"], &["br"], &["identity", "gzip"]] {
        assert!(unpacked(&headers(encodings), body(Vec::new())).is_none(), "{encodings:?}");
    }
}
