//! Masking what comes in pieces: a secret may be cut anywhere, so what could be its beginning waits for the rest.

use super::Mask;

/// The end of a text that goes on. It never holds as much as the longest pattern.
#[derive(Default)]
pub(crate) struct Tail {
    pub(super) held: String,
}

impl Tail {
    /// What may be shown after this piece: everything but an end that could be the beginning of a secret.
    pub(crate) fn push(&mut self, mask: &Mask, piece: &str) -> String {
        let Some(search) = &mask.search else { return piece.to_owned() };
        self.held.push_str(piece);
        let text = std::mem::take(&mut self.held);
        let (mut shown, mut done) = (String::with_capacity(text.len()), 0);
        let mut open = first_open(mask, &text, 0);
        for found in search.find_iter(&text) {
            // From there on more may come that makes another match of it.
            if open <= found.start() {
                break;
            }
            shown.push_str(text.get(done..found.start()).unwrap_or_default());
            shown.push_str(mask.replacement(found.pattern().as_usize()));
            done = found.end();
            if open < done {
                open = first_open(mask, &text, done);
            }
        }
        shown.push_str(text.get(done..open).unwrap_or_default());
        text.get(open..).unwrap_or_default().clone_into(&mut self.held);
        shown
    }

    /// What was held back: the text is over. What is left is not a whole secret.
    pub(crate) fn flush(&mut self, mask: &Mask) -> String {
        let rest = std::mem::take(&mut self.held);
        mask.text(&rest).into_owned()
    }
}

/// Where the first end of the text begins, from `from` on, that could be the beginning of a secret.
fn first_open(mask: &Mask, text: &str, from: usize) -> usize {
    let from = from.max((text.len() + 1).saturating_sub(mask.longest));
    let open = (from..text.len()).find(|at| text.get(*at..).is_some_and(|end| mask.may_go_on(end)));
    open.unwrap_or(text.len())
}
