//! Messages to the agent that were sent from this page and have not reached it yet.

use super::{item::What, log::RunLog};

/// A message that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    /// What was said.
    pub(crate) text: String,
    /// The newest event when it was sent: it is delivered after that one.
    pub(crate) after: i64,
}

/// The messages that the log does not show yet, oldest first. Each one in the log delivers one that was sent.
pub(crate) fn undelivered(sent: &[Sent], log: &RunLog) -> Vec<Sent> {
    let mut waiting = sent.to_vec();
    let Some(oldest) = sent.iter().map(|sent| sent.after).min() else { return waiting };
    for item in log.groups.iter().flat_map(|group| &group.items).filter(|item| oldest < item.seq) {
        if let What::User(text) = &item.what
            && let Some(place) = waiting.iter().position(|sent| sent.after < item.seq && sent.text == *text)
        {
            waiting.remove(place);
        }
    }
    waiting
}

#[cfg(test)]
mod tests {
    use api::event::{EventBody, UserMessage};

    use super::*;
    use crate::state::example::{event, item};

    fn sent(after: i64, text: &str) -> Sent {
        Sent { text: text.to_owned(), after }
    }

    #[test]
    fn each_message_in_the_log_delivers_one_that_was_sent_before_it() {
        let mut log = RunLog::from(0);
        let says =
            |seq, text: &str| item(event(seq, None, EventBody::User(UserMessage { text: text.to_owned() })));
        log.fold(says(1, "on"));
        let all = [sent(1, "on"), sent(1, "on"), sent(1, "stop")];
        assert_eq!(undelivered(&all, &log), all, "what was said before delivers nothing");
        log.fold(says(2, "on"));
        assert_eq!(undelivered(&all, &log), all[1..]);
        log.fold(says(3, "stop"));
        assert_eq!(undelivered(&all, &log), all[1..2]);
    }
}
