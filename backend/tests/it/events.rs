//! Events: stored as the JSON they have on the wire, read in pages that fit into memory.

use api::{
    Timestamp,
    agent::{AgentEvent, ToolCall},
    event::{
        AgentLine, AgentLineType, CheckRun, EgressEvent, Event, EventBody, GitAction, Notice, Progress,
        StateChange, UserMessage, Verdict,
    },
    id::RunId,
    run::{Reason, RunState, Transition},
};
use backend::store::{NewEvent, PageLimit, RunPatch, RunWrite, Store};

use crate::{
    databases::{both, insert_run},
    store::pull,
};

/// All events of a run.
pub async fn listed(store: &Store, run: RunId) -> Vec<Event> {
    let (mut events, mut after) = (Vec::new(), 0);
    loop {
        let page =
            store.event_page(run, after, PageLimit { events: 100, bytes: 1 << 20 }).await.expect("read");
        let Some(last) = page.events.last() else { return events };
        after = last.seq;
        events.extend(page.events.iter().map(|stored| stored.event().expect("an event")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_about_a_log_is_answered_without_its_long_texts() {
    let limit = PageLimit { events: 100, bytes: 1 << 20 };
    for fresh in both().await {
        let (store, run) = (&fresh.store, insert_run(&fresh.store).await);
        let mut write = RunWrite::of(run).transition(Transition::Claim);
        for bytes in [10, 200 << 10, 65 << 20, 65 << 20, 10] {
            let body = EventBody::Notice(Notice { about: "test".into(), text: "x".repeat(bytes) });
            write.events.push(NewEvent { at: Timestamp::now(), step: None, body, n: None });
        }
        store.run_write(write).await.expect("written");
        store.run_write(RunWrite::of(run).end(Reason::Completed, "Done.")).await.expect("ended");
        // Held by a reader: another text of that length has no room.
        let held = store.event_page(run, 2, limit).await.expect("read");
        let (mut seqs, mut after) = (Vec::new(), 0);
        loop {
            let (page, last) = store.event_page_short(run, after, limit).await.expect("read");
            seqs.extend(page.events.iter().map(|event| event.seq));
            if page.is_last || last == after {
                break;
            }
            after = last;
        }
        assert_eq!(seqs, [1, 5, 6, 7], "{}", fresh.kind);
        for (seq, is_end) in [(0, false), (1, false), (5, false), (6, false), (7, true), (8, false)] {
            assert_eq!(store.event_is_end(run, seq).await.expect("read"), is_end, "{}, {seq}", fresh.kind);
        }
        for (after, is_more) in [(0, true), (4, true), (6, true), (7, false), (8, false)] {
            assert_eq!(store.event_is_more(run, after).await.expect("read"), is_more, "{}", fresh.kind);
        }
        drop(held);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_any_kind_is_stored_as_the_json_it_has_on_the_wire() {
    let bodies = || {
        let text = str::to_owned;
        let state =
            StateChange { state: RunState::Running, outcome: None, reason: None, detail: Some(text("\0")) };
        let check = CheckRun {
            run: text("make"),
            exit_code: None,
            verdict: Verdict::TimedOut,
            why: text("it took too long"),
            output: text("one\ntwo\0"),
            duration_ms: 1,
            attempt: 1,
        };
        let gate = serde_json::json!({
            "id": RunId::mint(), "kind": "question", "text": "Tabs?", "since": Timestamp::UNIX_EPOCH, "options": ["stop"], "answer": null, "until": null,
        });
        [
            EventBody::State(state),
            EventBody::Progress(Progress { phase: text("clone"), text: text("…"), percent: Some(4) }),
            EventBody::Agent(AgentLine::plain(AgentLineType::Other, text("not JSON \0"))),
            // As versions without neutral events have stored it.
            EventBody::Agent(AgentLine::plain(AgentLineType::Text, text("{\"type\":\"assistant\"}"))),
            EventBody::Agent(AgentLine {
                event: Box::new(AgentEvent {
                    tool: Some(ToolCall {
                        input: serde_json::json!({ "b": "\0", "a": [1.5] }),
                        ..ToolCall::default()
                    }),
                    ..AgentEvent::text(AgentLineType::ToolUse, "one\0")
                }),
                more: vec![AgentEvent::text(AgentLineType::Text, "two")],
                raw: text("{}"),
            }),
            EventBody::Check(check),
            EventBody::Git(GitAction::Commit { commit: text("0a1b"), summary: text("A \"word\"") }),
            EventBody::Egress(EgressEvent {
                host: text("evil.example"),
                port: None,
                allowed: false,
                count: 1,
                why: text("no"),
                process: None,
            }),
            EventBody::Gate(serde_json::from_value(gate).expect("a gate")),
            EventBody::Notice(Notice { about: text("test"), text: text("kind data null") }),
            EventBody::User(UserMessage { text: text("Use tabs.\t\u{7f}") }),
        ]
    };
    for fresh in both().await {
        let run = insert_run(&fresh.store).await;
        // Followed by someone, so that the events are also at hand without the database.
        let _wakeups = fresh.store.event_wakeups(run);
        let bodies = bodies();
        let mut write = RunWrite::of(run);
        for (body, step) in bodies.iter().zip([None, Some(0), Some(7)].into_iter().cycle()) {
            write.events.push(NewEvent { at: Timestamp::now(), step, body: body.clone(), n: None });
        }
        fresh.store.run_write(write).await.expect("written");
        let all = PageLimit { events: 100, bytes: 1 << 20 };
        let page = fresh.store.event_page(run, 0, all).await.expect("a page");
        let recent = fresh.store.event_recent(run, 0).expect("at hand");
        assert_eq!((page.events.len(), page.is_last), (bodies.len(), true));
        for ((stored, recent), body) in page.events.iter().zip(&recent.events).zip(&bodies) {
            let event = stored.event().expect("an event");
            assert_eq!(&event.body, body, "{}", fresh.kind);
            let wire = serde_json::to_string(&event).expect("JSON");
            assert_eq!(serde_json::to_string(stored).expect("JSON"), wire, "{}", fresh.kind);
            assert_eq!(serde_json::to_string(recent).expect("JSON"), wire, "{}", fresh.kind);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nul_in_a_field_of_a_run_is_kept_as_a_replacement_character() {
    for fresh in both().await {
        let run = insert_run(&fresh.store).await;
        let nul = || Some("a\0b".to_owned());
        let patch = RunPatch {
            base_commit: nul(),
            agent_session: nul(),
            model: nul(),
            head_commit: nul(),
            execution: Some(("a\0b".to_owned(), 3)),
            ..RunPatch::default()
        };
        let claim = RunWrite::of(run).transition(Transition::Claim).patch(patch);
        fresh.store.run_write(claim).await.expect("claimed");
        fresh.store.run_write(RunWrite::of(run).end(Reason::Internal, "a\0b")).await.expect("ended");
        let record = fresh.store.run_record(run).await.expect("read").expect("a run");
        let kept = Some("a\u{fffd}b".to_owned());
        let (execution, run) = (record.execution, record.run);
        for text in [run.base_commit, run.agent_session, run.model, run.head_commit, run.detail, execution] {
            assert_eq!(text, kept, "{}", fresh.kind);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_bounded_by_its_bytes_and_has_at_least_one_event() {
    for fresh in both().await {
        let run = insert_run(&fresh.store).await;
        let lines: Vec<String> = (0..6_usize).map(|at| "x".repeat(1_000 * at)).collect();
        let lines: Vec<(u64, &str)> = (1..).zip(lines.iter().map(String::as_str)).collect();
        pull(&fresh.store, run, "a", &lines).await;
        let read = async |after: i64, events: u32, bytes: u32| {
            let page = fresh.store.event_page(run, after, PageLimit { events, bytes }).await.expect("a page");
            (page.events.iter().map(|event| event.seq).collect::<Vec<_>>(), page.is_last)
        };
        assert_eq!(read(0, 100, 1 << 20).await, (vec![1, 2, 3, 4, 5, 6], true), "{}", fresh.kind);
        assert_eq!(read(0, 3, 1 << 20).await, (vec![1, 2, 3], false), "{}", fresh.kind);
        assert_eq!(read(0, 100, 3_500).await, (vec![1, 2, 3, 4], false), "{}", fresh.kind);
        assert_eq!(read(4, 100, 1).await, (vec![5], false), "{}", fresh.kind);
        assert_eq!(read(6, 100, 1).await, (vec![], true), "{}", fresh.kind);
    }
}
