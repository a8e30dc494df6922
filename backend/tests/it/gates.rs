//! Gates, messages and artifacts in the store.

use api::{
    Timestamp,
    event::EventBody,
    run::{Gate, GateKind},
};
use backend::store::{Delivered, GateRecord, RunWrite};
use uuid::Uuid;

use crate::databases::{both, insert_run};

fn gate(id: Uuid) -> GateRecord {
    // Microseconds, as they are stored.
    let since = Timestamp::from_microsecond(1_800_000_000_000_001).expect("a time");
    let text = "May it?\0 \u{1F980}".to_owned();
    let options = vec!["allow".to_owned(), "deny".to_owned()];
    GateRecord {
        gate: Gate { id, kind: GateKind::Approval, text, options, since, until: None, answer: None },
        ask: Some("{}".to_owned()),
        execution: Some("step-1-attempt-1".to_owned()),
        answered_at: None,
        delivered: false,
    }
}

#[tokio::test]
async fn a_gate_is_opened_once_answered_once_and_survives() {
    for mut fresh in both().await {
        let run = insert_run(&fresh.store).await;
        let new = gate(Uuid::now_v7());
        fresh.store.gate_insert(run, &new).await.expect("stored");
        fresh.store.gate_insert(run, &new).await.expect("known already");
        assert!(fresh.store.gate_answer(run, new.gate.id, "yes\0").await.expect("asked"));
        assert!(!fresh.store.gate_answer(run, new.gate.id, "no").await.expect("asked"), "{}", fresh.kind);
        let stranger = insert_run(&fresh.store).await;
        assert!(!fresh.store.gate_answer(stranger, new.gate.id, "no").await.expect("asked"));
        fresh.reopen().await;
        let [kept] = &fresh.store.gate_list(run).await.expect("read")[..] else { panic!("one gate") };
        let answered = Gate { answer: Some("yes\0".to_owned()), ..new.gate.clone() };
        assert_eq!((&kept.gate, kept.delivered), (&answered, false), "{}", fresh.kind);
        assert!(kept.answered_at.is_some());

        let mut write = RunWrite::of(run).event(1, EventBody::Gate(answered));
        write.delivered = Some(Delivered::Gate(new.gate.id));
        fresh.store.run_write(write).await.expect("written");
        assert!(fresh.store.gate_list(run).await.expect("read")[0].delivered, "{}", fresh.kind);
    }
}

#[tokio::test]
async fn messages_wait_in_their_order_until_they_are_delivered() {
    for fresh in both().await {
        let (store, run) = (&fresh.store, insert_run(&fresh.store).await);
        for text in ["first", "second\0", "third"] {
            store.message_insert(run, text).await.expect("stored");
        }
        assert_eq!(store.message_count_waiting(run).await.expect("counted"), 3);
        let waiting = store.message_list_waiting(run).await.expect("read");
        let texts: Vec<_> = waiting.iter().map(|message| message.text.as_str()).collect();
        assert_eq!(texts, ["first", "second\0", "third"], "{}", fresh.kind);
        let mut write = RunWrite::of(run);
        write.delivered = Some(Delivered::Message(waiting[0].id));
        store.run_write(write).await.expect("written");
        let left = store.message_list_waiting(run).await.expect("read");
        assert_eq!((left.len(), left[0].id), (2, waiting[1].id), "{}", fresh.kind);
    }
}

#[tokio::test]
async fn an_artifact_is_replaced_by_one_of_the_same_name() {
    for fresh in both().await {
        let (store, run) = (&fresh.store, insert_run(&fresh.store).await);
        assert_eq!(store.artifact_get(run, "a.patch").await.expect("asked"), None);
        for content in [vec![0, 159, 146, 150], vec![1; 100_000]] {
            store.artifact_put(run, "a.patch", content.clone()).await.expect("kept");
            assert_eq!(
                store.artifact_get(run, "a.patch").await.expect("asked"),
                Some(content),
                "{}",
                fresh.kind
            );
        }
        assert_eq!(store.artifact_get(run, "b.patch").await.expect("asked"), None);
    }
}
