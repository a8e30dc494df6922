//! The answers of the gateway itself, as git's own server gives them: to a refused push, which `git push` shows
//! branch by branch, and to a question that the repository's server did not answer.

use axum::{
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{
    pkt_line,
    push::{Head, Update},
    target::{Part, Service, Target},
    trouble::Trouble,
};

/// Says no to every update of the push: a part of it is not done either.
pub(super) fn refusal(head: &Head, branch: &str) -> Response {
    let sentence = match &head.forbidden {
        Some(more) => format!("a push with {more} cannot pass the git gateway: push without it"),
        None => format!("this run may push to the branch {branch} only, and remove nothing"),
    };
    match body(head, &format!("Caisson: {sentence}"), |update| reason(head, update, branch).to_owned()) {
        Some(body) => push_result(body),
        None => super::refuse(StatusCode::FORBIDDEN, sentence),
    }
}

/// A push that the repository's server did not take.
pub(super) fn failed_push(head: &Head, trouble: &Trouble) -> Response {
    let line = trouble.told_in_a_line().to_string();
    // Without an update, git asks whether it may push at all: it looks at the status only.
    match body(head, &trouble.words, |_| line.clone()).filter(|_| !head.updates.is_empty()) {
        Some(body) => push_result(body),
        None => super::refuse(trouble.status(), trouble.failure().message),
    }
}

fn push_result(body: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, "application/x-git-receive-pack-result")], body).into_response()
}

/// A question, or a fetch, that the repository's server did not answer. An HTTP status would be all that libgit2
/// keeps of an answer with one; this is an error that every git tells in its words.
pub(super) fn failed(target: &Target, headers: &HeaderMap, trouble: &Trouble) -> Response {
    let told = trouble.told();
    let (mut body, kind) = match target.part {
        Part::References => (announcement(target.service), "advertisement"),
        Part::Exchange => (Vec::new(), "result"),
    };
    if target.part == Part::Exchange && is_libgit2(headers) {
        // It does not read an error in the place of a pack, but what is said beside one.
        pkt_line::write(&mut body, b"NAK\n");
        pkt_line::write(&mut body, format!("\u{2}{told}\n").as_bytes());
        pkt_line::write_flush(&mut body);
    } else {
        pkt_line::write(&mut body, format!("ERR {told}").as_bytes());
    }
    let kind = format!("application/x-{}-{kind}", target.service.name());
    ([(header::CONTENT_TYPE, kind.as_str()), (header::CACHE_CONTROL, "no-cache")], body).into_response()
}

/// Whether the client is libgit2, which the executor speaks git with.
fn is_libgit2(headers: &HeaderMap) -> bool {
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    agent.is_some_and(|agent| agent.contains("libgit2"))
}

/// What smart HTTP says before the references.
pub(super) fn announcement(service: Service) -> Vec<u8> {
    let mut head = Vec::new();
    pkt_line::write(&mut head, format!("# service={}\n", service.name()).as_bytes());
    pkt_line::write_flush(&mut head);
    head
}

/// A report with what is said beside it, and why for each update. `None` when the client did not ask for one.
fn body(head: &Head, said: &str, reason: impl Fn(&Update) -> String) -> Option<Vec<u8>> {
    let can = |what: &str| head.capabilities.iter().any(|capability| capability == what);
    if !can("report-status") && !can("report-status-v2") {
        return None;
    }
    let mut report = Vec::new();
    pkt_line::write(&mut report, b"unpack ok\n");
    for update in &head.updates {
        let line = format!("ng {} {}\n", update.reference, reason(update));
        pkt_line::write(&mut report, line.as_bytes());
    }
    pkt_line::write_flush(&mut report);
    if !can("side-band-64k") {
        return Some(report);
    }
    let mut bands = Vec::new();
    if !said.is_empty() {
        pkt_line::write(&mut bands, format!("\u{2}{said}\n").as_bytes());
    }
    for part in report.chunks(pkt_line::LONGEST - 5) {
        pkt_line::write(&mut bands, &[b"\x01", part].concat());
    }
    pkt_line::write_flush(&mut bands);
    Some(bands)
}

fn reason(head: &Head, update: &Update, branch: &str) -> &'static str {
    if head.forbidden.is_some() {
        return "not in this way";
    }
    match (update.is_allowed(branch), update.deletes) {
        (true, _) => "not done, because another update is refused",
        (false, true) => "a run may not remove anything",
        (false, false) => "not this run's branch",
    }
}

#[cfg(test)]
mod tests;
