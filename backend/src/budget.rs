//! Where a budget stands, a run's or a batch's: whether one more model call may leave, or a person is asked first.

/// A budget and what is spent of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// In US dollars; `None` is no limit.
    pub limit: Option<f64>,
    /// What is known to be spent, retried runs included, in US dollars.
    pub spent: f64,
    /// Whether that is all: no call has cost what nobody knows.
    pub known: bool,
    /// Whether a person has said that it may go on although something is unknown.
    pub unknown_accepted: bool,
    /// How many calls are on their way.
    pub calls: u64,
    /// The most that those on their way can cost together, in US dollars.
    pub held: f64,
    /// What the dearest call has cost so far, in US dollars; `None` before one was priced.
    pub dearest: Option<f64>,
}

/// Why a person is asked before another call leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Nothing is left.
    UsedUp,
    /// Something has cost, or would cost, what nobody knows.
    Unknown,
}

impl Budget {
    /// A budget of which nothing is spent yet.
    #[must_use]
    pub const fn new(limit: Option<f64>) -> Self {
        Self { limit, spent: 0.0, known: true, unknown_accepted: false, calls: 0, held: 0.0, dearest: None }
    }

    /// Why a person is asked before a call that costs at most so much (`None`: its price is unknown), if one is.
    pub(crate) fn line(&self, most: Option<f64>) -> Option<Line> {
        let limit = self.limit?;
        if limit <= self.spent {
            return Some(Line::UsedUp);
        }
        let known = self.known && most.is_some();
        (!known && !self.unknown_accepted).then_some(Line::Unknown)
    }

    /// Whether one more call may leave beside those on their way. Alone one always may: so the budget is crossed
    /// by one call at most.
    pub(crate) fn has_room(&self, most: Option<f64>) -> bool {
        let Some(limit) = self.limit else { return true };
        let fits = self.spent + self.held + self.reserve(most) <= limit;
        self.calls == 0 || (self.dearest.is_some() && fits)
    }

    /// What is held for such a call: the most it can cost, and no less than the dearest so far.
    pub(crate) fn reserve(&self, most: Option<f64>) -> f64 {
        most.unwrap_or_default().max(self.dearest.unwrap_or_default())
    }

    /// One call was priced.
    pub(crate) fn priced(&mut self, usd: f64) {
        self.spent += usd;
        self.dearest = Some(self.dearest.map_or(usd, |dearest| dearest.max(usd)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(spent: f64, calls: u64, held: f64, dearest: Option<f64>) -> Budget {
        Budget { spent, calls, held, dearest, ..Budget::new(Some(1.0)) }
    }

    #[test]
    fn calls_side_by_side_fit_together_and_one_alone_may_cross_the_line() {
        let free = Some(0.0);
        assert!(budget(0.0, 0, 0.0, None).has_room(free));
        assert!(!budget(0.0, 1, 0.0, None).has_room(free), "nobody knows yet what a call costs");
        assert!(budget(0.0, 1, 0.0, Some(0.0)).has_room(free), "calls that cost nothing go side by side");
        assert!(budget(0.2, 1, 0.2, Some(0.2)).has_room(free));
        assert!(!budget(0.7, 1, 0.2, Some(0.2)).has_room(free), "the next may be as dear as the dearest");
        assert!(!budget(0.2, 1, 0.2, Some(0.01)).has_room(Some(0.7)), "cheap calls vouch for no dear one");
        assert!(budget(0.95, 0, 0.0, Some(0.2)).has_room(Some(3.0)));
        assert!(Budget { limit: None, ..budget(9.0, 9, 9.0, Some(1.0)) }.has_room(Some(5.0)));
    }

    #[test]
    fn at_the_line_and_when_a_cost_is_unknown_a_person_is_asked() {
        let known = budget(0.5, 0, 0.0, Some(0.1));
        assert_eq!(known.line(Some(0.1)), None);
        assert_eq!(known.line(None), Some(Line::Unknown), "a model without a price");
        assert_eq!(budget(1.0, 0, 0.0, None).line(Some(0.1)), Some(Line::UsedUp));
        let unknown = Budget { known: false, ..known };
        assert_eq!(unknown.line(Some(0.1)), Some(Line::Unknown));
        let accepted = Budget { unknown_accepted: true, ..unknown };
        assert_eq!((accepted.line(Some(0.1)), accepted.line(None)), (None, None));
        assert_eq!(Budget { spent: 2.0, ..accepted }.line(Some(0.1)), Some(Line::UsedUp));
        assert_eq!(Budget { limit: None, ..unknown }.line(None), None);
    }
}
