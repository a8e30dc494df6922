//! The fold: idempotent, gap-proof, and the same whatever is cut and sent again.

use api::{
    event::{EgressEvent, EventBody, GitAction, Progress},
    run::{Gate, GateKind},
    stream::Frame,
};

use super::{Next, RunLog};
use crate::state::{
    example::{self, answers, calls, event, item, says},
    item::What,
};

fn story() -> Vec<api::event::Event> {
    let progress = |seq, percent| {
        let progress =
            Progress { phase: "clone".to_owned(), text: "cloning".to_owned(), percent: Some(percent) };
        event(seq, None, EventBody::Progress(progress))
    };
    vec![
        progress(1, 10),
        progress(2, 64),
        says(3, 1, "I look."),
        calls(4, 1, "t1", "ls"),
        calls(5, 1, "t2", "make"),
        answers(6, 1, "t2", "Exit code 2", true),
        answers(7, 1, "t1", "a.rs", false),
        says(8, 2, "Next."),
        event(
            9,
            None,
            EventBody::Git(GitAction::Commit { commit: "abc".to_owned(), summary: "Done".to_owned() }),
        ),
    ]
}

/// What is shown, in a line per group.
fn shown(log: &RunLog) -> Vec<String> {
    let word = |what: &What| match what {
        What::Text(text) => text.clone(),
        What::Tool(call) => {
            format!("{}={}", call.object, call.answer.as_ref().map_or("?", |answer| answer.text.as_str()))
        }
        What::StrayAnswer { id, .. } => format!("answer to {id}"),
        What::Progress(progress) => format!("{:?}", progress.percent),
        What::Git(_) => "git".to_owned(),
        other => format!("{other:?}"),
    };
    let group = |group: &super::Group| {
        let items: Vec<_> = group.items.iter().map(|item| word(&item.what)).collect();
        format!("{} ({}): {}", group.step, group.events, items.join(", "))
    };
    log.groups.iter().map(group).collect()
}

fn whole() -> RunLog {
    let mut log = RunLog::from(0);
    for event in story() {
        assert_eq!(log.fold(item(event)), Next::Read);
    }
    log
}

#[test]
fn answers_attach_to_their_calls_and_steps_are_kept_apart() {
    assert_eq!(
        shown(&whole()),
        ["0 (2): Some(64)", "1 (5): I look., ls=a.rs, make=Exit code 2", "2 (2): Next., git"]
    );
}

#[test]
fn a_frame_that_comes_twice_changes_nothing() {
    let mut log = whole();
    for event in story() {
        assert_eq!(log.fold(item(event)), Next::Read);
    }
    assert_eq!(shown(&log), shown(&whole()));
    assert_eq!(log.after(), 9);
}

#[test]
fn any_cut_and_resume_equals_an_uncut_stream() {
    let story = story();
    for cut in 0..story.len() {
        let mut log = RunLog::from(0);
        for event in &story[..cut] {
            log.fold(item(event.clone()));
        }
        let resumed_from = usize::try_from(log.after()).unwrap();
        for event in &story[resumed_from..] {
            log.fold(item(event.clone()));
        }
        assert_eq!(shown(&log), shown(&whole()), "cut at {cut}");
    }
}

#[test]
fn a_gap_or_a_resync_asks_for_a_new_subscription_and_loses_nothing() {
    let mut log = RunLog::from(0);
    let story = story();
    log.fold(item(story[0].clone()));
    assert_eq!(log.fold(item(story[2].clone())), Next::Resubscribe);
    assert_eq!(log.after(), 1);
    assert_eq!(log.fold(Frame::Resync { after: 1 }), Next::Resubscribe);
    for event in story {
        log.fold(item(event));
    }
    assert_eq!(shown(&log), shown(&whole()));
}

#[test]
fn older_events_come_before_and_find_their_answers_wherever_the_log_began() {
    let story = story();
    for begin in 1..story.len() {
        let mut log = RunLog::from(i64::try_from(begin).unwrap());
        for event in &story[begin..] {
            log.fold(item(event.clone()));
        }
        assert_eq!(log.unloaded(), i64::try_from(begin).unwrap());
        log.prepend(story[..begin].to_vec());
        assert_eq!(shown(&log), shown(&whole()), "begun after {begin}");
        assert_eq!((log.unloaded(), log.after()), (0, 9));
        log.prepend(story[..begin].to_vec());
        assert_eq!(shown(&log), shown(&whole()));
    }
}

#[test]
fn partial_text_grows_until_its_line_arrives() {
    let mut log = RunLog::from(0);
    let partial = |text: &str, block: &str| Frame::Partial { text: text.to_owned(), block: block.to_owned() };
    log.fold(partial("hm", "thinking"));
    log.fold(partial("I ", "text"));
    log.fold(partial("look", "text"));
    assert_eq!(log.partial.as_ref().map(|partial| partial.text.as_str()), Some("I look"));
    log.fold(item(says(1, 1, "I look.")));
    assert_eq!(log.partial, None);
}

#[test]
fn the_end_is_final() {
    let mut log = whole();
    log.fold(Frame::CaughtUp { seq: 9 });
    assert_eq!(log.fold(Frame::End), Next::Stop);
    assert!(log.complete && log.caught_up);
}

#[test]
fn a_hundred_thousand_events_are_folded_one_by_one() {
    let mut log = RunLog::from(0);
    for seq in 1..=100_000 {
        log.fold(item(says(seq, u32::try_from(seq / 40_000).unwrap() + 1, "on")));
    }
    assert_eq!(
        log.groups.iter().map(|group| group.items.len()).collect::<Vec<_>>(),
        [39_999, 40_000, 20_001]
    );
}

#[test]
fn an_answered_gate_is_one_item_with_question_and_answer_wherever_the_log_began() {
    let answered = Gate { answer: Some("Blue".to_owned()), ..example::gate(GateKind::Question) };
    let story = [
        says(1, 1, "Hm."),
        event(2, Some(1), EventBody::Gate(example::gate(GateKind::Question))),
        says(3, 1, "Waiting."),
        event(4, Some(2), EventBody::Gate(answered.clone())),
    ];
    for begin in 0..story.len() {
        let mut log = RunLog::from(i64::try_from(begin).unwrap());
        for event in &story[begin..] {
            log.fold(item(event.clone()));
        }
        log.prepend(story[..begin].to_vec());
        let gates: Vec<_> = log.groups.iter().flat_map(|group| &group.items).map(|item| &item.what).collect();
        assert_eq!(
            gates.iter().filter(|what| matches!(what, What::Gate(_))).count(),
            1,
            "begun after {begin}"
        );
        assert_eq!(gates[1], &What::Gate(answered.clone()));
    }
}

#[test]
fn a_refusal_that_is_told_again_is_one_item_with_the_newer_count() {
    let refused = |seq, host: &str, allowed, count| {
        let egress = EgressEvent {
            host: host.to_owned(),
            port: None,
            allowed,
            count,
            why: String::new(),
            process: None,
        };
        event(seq, Some(1), EventBody::Egress(egress))
    };
    let mut log = RunLog::from(0);
    for event in [
        refused(1, "one.example", false, 1),
        refused(2, "one.example", false, 10),
        refused(3, "two.example", false, 1),
        refused(4, "two.example", true, 0),
    ] {
        log.fold(item(event));
    }
    let counts: Vec<_> = log.groups[0]
        .items
        .iter()
        .filter_map(|item| match &item.what {
            What::Egress(egress) => Some((egress.host.as_str(), egress.count)),
            _ => None,
        })
        .collect();
    assert_eq!(counts, [("one.example", 10), ("two.example", 1), ("two.example", 0)]);
}

#[test]
fn a_long_event_that_was_cut_comes_whole_with_the_next_subscription() {
    let event = says(1, 1, &"long ".repeat(100));
    let text = serde_json::to_string(&event).unwrap();
    let (half, rest) = text.split_at(200);
    let part = |text: &str, last| Frame::Part { seq: 1, text: text.to_owned(), last };
    let mut log = RunLog::from(0);
    log.fold(part(half, false));
    assert_eq!(log.begin(), 0, "nothing of it counts");
    log.fold(part(half, false));
    assert_eq!(log.fold(part(rest, true)), Next::Read);
    assert_eq!((log.after(), log.len()), (1, 1));
}
