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
    let gate = Gate { id, kind: GateKind::Approval, text, options, since, until: None, answer: None };
    GateRecord::of(gate, Some("step-1-attempt-1".to_owned()))
}

#[tokio::test]
async fn a_gate_is_opened_once_answered_once_and_survives() {
    for mut fresh in both().await {
        let run = insert_run(&fresh.store).await;
        let new = gate(Uuid::now_v7());
        fresh.store.gate_insert(run, &new, Some("{}")).await.expect("stored");
        fresh.store.gate_insert(run, &new, Some("[]")).await.expect("known already");
        assert_eq!(fresh.store.gate_ids(run).await.expect("read"), [(new.gate.id, true)], "{}", fresh.kind);
        assert!(fresh.store.gate_answer(run, new.gate.id, "yes\0").await.expect("asked"));
        assert!(!fresh.store.gate_answer(run, new.gate.id, "no").await.expect("asked"), "{}", fresh.kind);
        let stranger = insert_run(&fresh.store).await;
        assert!(!fresh.store.gate_answer(stranger, new.gate.id, "no").await.expect("asked"));
        fresh.reopen().await;
        let [kept] = &fresh.store.gate_list(run).await.expect("read")[..] else { panic!("one gate") };
        let answered = Gate { answer: Some("yes\0".to_owned()), ..new.gate.clone() };
        assert_eq!((&kept.gate, kept.delivered), (&answered, false), "{}", fresh.kind);
        assert!(kept.answered_at.is_some());
        assert_eq!(fresh.store.gate_ask(new.gate.id).await.expect("read").as_deref(), Some("{}"));

        let mut write = RunWrite::of(run).event(1, EventBody::Gate(answered));
        write.delivered = Some(Delivered::Gate(new.gate.id));
        fresh.store.run_write(write).await.expect("written");
        assert!(fresh.store.gate_list(run).await.expect("read")[0].delivered, "{}", fresh.kind);
        assert_eq!(fresh.store.gate_ask(new.gate.id).await.expect("read"), None, "it is needed no more");
        assert_eq!(fresh.store.gate_ids(run).await.expect("read"), [(new.gate.id, false)]);
    }
}

#[tokio::test]
async fn a_gate_of_a_batch_stays_one_when_its_answer_is_delivered() {
    for fresh in both().await {
        let run = insert_run(&fresh.store).await;
        for of_batch in [true, false] {
            let mut new = GateRecord { of_batch, ..gate(Uuid::now_v7()) };
            new.gate.kind = GateKind::Budget;
            fresh.store.gate_insert(run, &new, None).await.expect("stored");
            assert!(fresh.store.gate_answer(run, new.gate.id, "2").await.expect("asked"));
            let mut write = RunWrite::of(run);
            write.delivered = Some(Delivered::Gate(new.gate.id));
            fresh.store.run_write(write).await.expect("written");
            let kept = fresh.store.gate_fetch(run, new.gate.id).await.expect("read").expect("the gate");
            assert_eq!((kept.of_batch, kept.delivered), (of_batch, true), "{}", fresh.kind);
        }
        let stranger = insert_run(&fresh.store).await;
        let [kept, ..] = &fresh.store.gate_list(run).await.expect("read")[..] else { panic!("two gates") };
        assert_eq!(fresh.store.gate_fetch(stranger, kept.gate.id).await.expect("read"), None);
    }
}

#[tokio::test]
async fn whatever_an_agent_asks_its_gates_are_short_and_listed_without_its_requests() {
    for fresh in both().await {
        let run = insert_run(&fresh.store).await;
        let ask = "x".repeat(1 << 20);
        for _ in 0..20 {
            let mut new = gate(Uuid::now_v7());
            new.gate.text = "\u{1F980}".repeat(1 << 18);
            new.gate.options = vec!["y".repeat(1 << 20); 30];
            fresh.store.gate_insert(run, &new, Some(&ask)).await.expect("stored");
        }
        let gates = fresh.store.gate_list(run).await.expect("read");
        let bytes = format!("{gates:?}").len();
        assert!(gates.len() == 20 && bytes < 20 * (32 << 10), "{}: {bytes}", fresh.kind);
        assert!(gates[0].gate.text.ends_with("… (1048576 bytes)"));
        let kept = fresh.store.gate_ask(gates[0].gate.id).await.expect("read");
        assert!(kept.is_some_and(|kept| kept == ask), "the agent's request is kept as it came");
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
