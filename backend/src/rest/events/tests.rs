//! Readers that stand still, and texts that are long.

use std::sync::Arc;

use api::{
    Timestamp,
    event::{Event, EventBody, Notice},
};
use axum::body::Body;
use futures::{StreamExt, stream};
use tokio_util::sync::CancellationToken;

use super::*;

/// A reader that is waited for so long is one that stands still.
const SHORT: Duration = Duration::from_millis(1);

fn event(seq: i64, text: &str) -> Outgoing {
    let body = EventBody::Notice(Notice { about: "test".to_owned(), text: text.to_owned() });
    let data = serde_json::to_value(&body).unwrap()["data"].to_string();
    Outgoing::Item { event: Arc::new(format!("{seq} 0 1 notice {data}").parse().unwrap()) }
}

async fn read(body: Body) -> Vec<Frame> {
    let bytes = axum::body::to_bytes(body, usize::MAX).await.expect("a whole body");
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    data.map(|data| serde_json::from_str(data).unwrap()).collect()
}

#[tokio::test]
async fn a_reader_that_stands_still_is_let_go_at_once_and_hears_later_where_to_go_on() {
    let (pieces, body) = pieces::body(PLACES, SHORT);
    let held = Arc::new(());
    let frames = (8..).map({
        let held = held.clone();
        move |seq| {
            let _held = &held;
            Ok(event(seq, "x"))
        }
    });
    let mut sent = Sent { pieces, is_inside: false };
    let left = pump(&mut sent, stream::iter(frames), 7, &CancellationToken::new()).await;
    assert_eq!(Arc::strong_count(&held), 1, "what the stream holds is dropped while its reader stands still");
    let (frames, ()) = tokio::join!(read(body), sent.finish(left));
    let [items @ .., last] = &frames[..] else { panic!("a word before the end") };
    let seen: Vec<i64> = items
        .iter()
        .map(|frame| match frame {
            Frame::Item { event } => event.seq,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(seen, (8..8 + PLACES as i64).collect::<Vec<_>>(), "only what there are places for");
    assert_eq!(last, &Frame::Resync { after: 7 + PLACES as i64 });
}

#[tokio::test]
async fn a_long_text_comes_whole_and_piece_by_piece() {
    let long = "ä\"\n\u{1F980}".repeat(100_000);
    let (pieces, body) = pieces::body(1, Duration::from_secs(60));
    let frames = [event(1, "short"), event(2, &long), event(3, "short"), Outgoing::Other(Frame::End)];
    let sending = async {
        let mut sent = Sent { pieces, is_inside: false };
        let frames = stream::iter(frames.map(Ok));
        let left = pump(&mut sent, frames, 0, &CancellationToken::new()).await;
        assert!(matches!(left, Left::Over));
        sent.finish(left).await;
    };
    let reading = async {
        let pieces: Vec<Bytes> = body.into_data_stream().map(|piece| piece.unwrap()).collect().await;
        assert!(pieces.iter().all(|piece| piece.len() <= 32 << 10), "no piece holds the whole");
        pieces.concat()
    };
    let (bytes, ()) = tokio::join!(reading, sending);
    let frames = read(Body::from(bytes)).await;
    let expected = |seq, text: &str| Frame::Item {
        event: Event {
            seq,
            at: Timestamp::UNIX_EPOCH,
            step: Some(1),
            body: EventBody::Notice(Notice { about: "test".to_owned(), text: text.to_owned() }),
        },
    };
    assert_eq!(frames, [expected(1, "short"), expected(2, &long), expected(3, "short"), Frame::End]);
}

/// What a browser makes of a stream: the events of it that are whole, and the number it would come back with.
fn understood(bytes: &[u8]) -> (Vec<Frame>, Option<i64>) {
    let text = String::from_utf8_lossy(bytes);
    let (whole, _broken) = text.rsplit_once("\n\n").unwrap_or_default();
    let (mut frames, mut last) = (Vec::new(), None);
    for event in whole.split("\n\n").filter(|event| !event.is_empty()) {
        for line in event.lines() {
            match line.split_once(": ").expect("a field") {
                ("data", data) => frames.push(serde_json::from_str(data).expect("a frame")),
                ("id", id) => last = Some(id.parse().expect("a number")),
                ("event", _) => {}
                other => panic!("{other:?}"),
            }
        }
    }
    (frames, last)
}

#[tokio::test]
async fn a_reader_that_is_late_inside_a_long_event_comes_back_for_the_whole() {
    let long = "x".repeat(1 << 20);
    for places in 1..8 {
        let (pieces, body) = pieces::body(places, SHORT);
        let mut sent = Sent { pieces, is_inside: false };
        let frames = stream::iter([event(1, "short"), event(2, &long), event(3, "short")].map(Ok));
        let left = pump(&mut sent, frames, 0, &CancellationToken::new()).await;
        assert!(matches!(left, Left::Late(Frame::Resync { after: 1 })), "{left:?}");
        let reading = async {
            let (mut bytes, mut is_whole) = (Vec::new(), true);
            let mut pieces = body.into_data_stream();
            while let Some(piece) = pieces.next().await {
                piece.map_or_else(|_| is_whole = false, |piece| bytes.extend_from_slice(&piece));
            }
            (bytes, is_whole)
        };
        let ((bytes, is_whole), ()) = tokio::join!(reading, async { sent.finish(left).await });
        let (frames, last) = understood(&bytes);
        assert_eq!(last, Some(1), "it has the first one and nothing else");
        // With the one place taken by the first event nothing of the long one is out, and a word may follow.
        assert_eq!(is_whole, places == 1, "{places} places");
        assert_eq!(frames.len(), 1 + usize::from(is_whole));
    }
}
