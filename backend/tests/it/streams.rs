//! Following: any cut and resume gives the same list as reading without a cut.

use api::{
    Timestamp,
    event::{Event, EventBody, Notice},
    id::RunId,
    run::{Reason, Transition},
    stream::{Cursor, Frame},
};
use backend::{
    app::follow::follow,
    store::{NewEvent, RunWrite, Store},
};
use futures::StreamExt;
use proptest::test_runner::{Config, TestRunner};

use crate::databases::{both, insert_run};

/// Writes a run of this many events while others read it, in writes of growing size.
async fn write(store: &Store, run: RunId, events: usize) {
    store.run_write(RunWrite::of(run).transition(Transition::Claim)).await.expect("claimed");
    let mut written = 0;
    for size in 1.. {
        let size = size.min(events - written);
        let mut write = RunWrite::of(run);
        write.events = (written..written + size)
            .map(|at| NewEvent {
                at: Timestamp::now(),
                step: Some(1),
                body: EventBody::Notice(Notice { about: "test".into(), text: at.to_string() }),
                n: None,
            })
            .collect();
        store.run_write(write).await.expect("written");
        written += size;
        if written == events {
            break;
        }
    }
    store.run_write(RunWrite::of(run).end(Reason::Completed, "Done.")).await.expect("ended");
}

/// Reads a run to its end, cut after each of these numbers of frames, then for ever.
async fn read(store: &Store, run: RunId, cuts: &[usize]) -> Vec<Event> {
    let (mut events, mut cursor) = (Vec::new(), Cursor::default());
    for frames in cuts.iter().copied().chain([usize::MAX]) {
        let mut stream = Box::pin(follow(store.clone(), run, cursor.after));
        for _ in 0..frames {
            let frame = stream.next().await.expect("no end without End").expect("readable");
            match frame.frame().expect("a frame") {
                Frame::Item { event } => {
                    assert_eq!(cursor.accept(event.seq), Ok(true), "neither gap nor double");
                    events.push(event);
                }
                Frame::End => {
                    assert!(stream.next().await.is_none(), "nothing comes after the end");
                    return events;
                }
                Frame::CaughtUp { seq } => assert_eq!(seq, cursor.after),
                Frame::Partial { .. } | Frame::Part { .. } | Frame::Resync { .. } => {
                    panic!("nobody sent that")
                }
            }
        }
    }
    unreachable!("the last read is not cut")
}

#[tokio::test(flavor = "multi_thread")]
async fn any_cut_and_resume_is_the_same_list() {
    for fresh in both().await {
        let run = insert_run(&fresh.store).await;
        let live = read(&fresh.store, run, &[1, 1, 2, 3, 5, 8, 300]);
        let (_, live) = tokio::join!(write(&fresh.store, run, 700), live);
        assert_eq!(live.len(), 702);
        let whole = read(&fresh.store, run, &[]).await;
        assert_eq!(live, whole, "{}", fresh.kind);

        let mut cases = TestRunner::new(Config { cases: 30, failure_persistence: None, ..Config::default() });
        let cuts = proptest::collection::vec(0..400_usize, 0..12);
        let runtime = tokio::runtime::Handle::current();
        let tested = tokio::task::block_in_place(|| {
            cases.run(&cuts, |cuts| {
                let resumed = runtime.block_on(read(&fresh.store, run, &cuts));
                proptest::prop_assert!(resumed == whole, "cut at {cuts:?}");
                Ok(())
            })
        });
        tested.unwrap_or_else(|error| panic!("{}: {error}", fresh.kind));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_at_the_end_of_a_run_gets_the_end() {
    for fresh in both().await {
        let run = insert_run(&fresh.store).await;
        write(&fresh.store, run, 3).await;
        let frames: Vec<Frame> = follow(fresh.store.clone(), run, 5)
            .map(|frame| frame.expect("a frame").frame().expect("one"))
            .collect()
            .await;
        assert_eq!(frames, [Frame::CaughtUp { seq: 5 }, Frame::End]);
    }
}
