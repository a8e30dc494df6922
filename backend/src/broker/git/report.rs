//! The answer to a refused push, as git's own server gives it: `git push` shows it branch by branch.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{
    pkt_line,
    push::{Head, Update},
};

/// Says no to every update of the push: a part of it is not done either.
pub(super) fn refusal(head: &Head, branch: &str) -> Response {
    let sentence = match &head.forbidden {
        Some(more) => format!("a push with {more} cannot pass the git gateway: push without it"),
        None => format!("this run may push to the branch {branch} only, and remove nothing"),
    };
    match body(head, branch, &sentence) {
        Some(body) => {
            ([(header::CONTENT_TYPE, "application/x-git-receive-pack-result")], body).into_response()
        }
        None => super::refuse(StatusCode::FORBIDDEN, sentence),
    }
}

/// `None` when the client did not ask for a report.
fn body(head: &Head, branch: &str, sentence: &str) -> Option<Vec<u8>> {
    let can = |what: &str| head.capabilities.iter().any(|capability| capability == what);
    if !can("report-status") && !can("report-status-v2") {
        return None;
    }
    let mut report = Vec::new();
    pkt_line::write(&mut report, b"unpack ok\n");
    for update in &head.updates {
        let line = format!("ng {} {}\n", update.reference, reason(head, update, branch));
        pkt_line::write(&mut report, line.as_bytes());
    }
    pkt_line::write_flush(&mut report);
    if !can("side-band-64k") {
        return Some(report);
    }
    let mut bands = Vec::new();
    pkt_line::write(&mut bands, format!("\u{2}Caisson: {sentence}\n").as_bytes());
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
