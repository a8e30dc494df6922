//! What the remote says beside a transfer: `remote: …`, the lines of its hooks. It comes in pieces.

use std::cell::RefCell;

use api::executor::{GitFailure, MOST_WORDS, Told, words};

/// How much is held while it comes; counters are part of it.
const MOST_HELD: usize = 16 * MOST_WORDS;

/// Collects it; the last of it when there is much.
#[derive(Default)]
pub(super) struct Heard(RefCell<Vec<u8>>);

impl Heard {
    /// One piece, cut anywhere.
    pub(super) fn piece(&self, bytes: &[u8]) {
        let mut held = self.0.borrow_mut();
        held.extend_from_slice(bytes);
        let beyond = held.len().saturating_sub(2 * MOST_HELD);
        if 0 < beyond {
            let keep = held.len() - MOST_HELD;
            held.drain(..keep);
        }
    }

    /// It, fit to be shown; empty when nothing was said.
    pub(super) fn words(&self) -> String {
        words(&self.0.borrow())
    }

    /// The failure with what the remote said about it.
    pub(super) fn explain(&self, failure: GitFailure) -> GitFailure {
        failure.saying(&self.words())
    }

    /// The same for a fetch: in the place of a pack the broker says here why there is none.
    pub(super) fn explain_fetch(&self, told: Told) -> Told {
        let said = self.words();
        let broker = said.match_indices("Caisson").find_map(|(at, _)| Told::read(&said[at..]));
        let Told { failure, retry_after } = told;
        broker.unwrap_or_else(|| Told { failure: failure.saying(&said), retry_after })
    }
}

#[cfg(test)]
mod tests {
    use api::executor::GitFailureCode;

    use super::*;

    #[test]
    fn pieces_are_lines_again_and_the_last_ones_are_kept() {
        let heard = Heard::default();
        for piece in [&b"hou"[..], b"se ", b"rules\nand m\xc3", b"\xb6re\n"] {
            heard.piece(piece);
        }
        let failure = GitFailure { code: GitFailureCode::Rejected, message: "refused.".to_owned() };
        assert_eq!(
            heard.explain(failure.clone()).message,
            "refused. The remote says:\nhouse rules\nand möre"
        );
        (0..100_000).for_each(|n| heard.piece(format!("{n}\n").as_bytes()));
        assert!(heard.0.borrow().len() <= 2 * MOST_HELD && heard.words().ends_with("99999"));
        assert_eq!(Heard::default().explain(failure.clone()), failure);
        let busy = Heard::default();
        busy.piece(b"Counting\nCaisson (interrupted 3): busy\nTry later\n");
        let told = busy.explain_fetch(failure.into());
        assert_eq!((told.retry_after, told.failure.message.as_str()), (Some(3), "busy\nTry later"));
    }
}
