//! The rows of the conversation: old steps folded, and no more items than a browser draws with ease.

use std::{collections::BTreeMap, sync::Arc};

use api::{Timestamp, event::Verdict, task::Step};

use super::{
    item::{Item, What},
    log::{Group, RunLog},
};

/// How many items are drawn at first, and how many more each time the reader asks.
pub(crate) const WINDOW: usize = 500;

/// A row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Row {
    /// There is more above.
    Earlier {
        /// Whether it is loaded, and only not drawn.
        loaded: bool,
    },
    /// A step begins.
    Head {
        /// The step, from 1.
        step: u32,
        /// The first line of its instructions.
        title: String,
        /// How its checks went: the words, and whether all passed.
        checks: Option<(String, bool)>,
        /// Whether it can be folded again.
        open: bool,
    },
    /// The items of an old step, as one line.
    Folded {
        /// The step, from 1; 0 for what came before the first.
        step: u32,
        /// How many events it has.
        events: usize,
        /// When it began.
        at: Timestamp,
    },
    /// An item.
    Item(Arc<Item>),
}

/// Which steps the reader has opened (`true`) or closed (`false`) by hand.
pub(crate) type Folds = BTreeMap<u32, bool>;

/// The rows of a log: from the newest back until `window` items are drawn.
pub(crate) fn rows(log: &RunLog, steps: &[Step], folds: &Folds, window: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut room = window;
    let mut cut = false;
    for (place, group) in log.groups.iter().enumerate().rev() {
        let is_newest = place + 1 == log.groups.len();
        let open = folds.get(&group.step).copied().unwrap_or(is_newest);
        if open {
            let from = group.items.len().saturating_sub(room);
            cut = 0 < from;
            room -= group.items.len() - from;
            rows.extend(group.items[from..].iter().rev().cloned().map(Row::Item));
        } else {
            rows.push(Row::Folded { step: group.step, events: group.events, at: group.from });
        }
        if 0 < group.step {
            rows.push(head(group, steps, open && !is_newest));
        }
        if cut {
            break;
        }
    }
    if cut || 0 < log.unloaded() {
        rows.push(Row::Earlier { loaded: cut });
    }
    rows.reverse();
    rows
}

fn head(group: &Group, steps: &[Step], open: bool) -> Row {
    let title = steps.get(group.step as usize - 1).map(Step::title).unwrap_or_default();
    Row::Head { step: group.step, title, checks: checks(group), open }
}

/// How the checks of a step went, by the last time each was run.
fn checks(group: &Group) -> Option<(String, bool)> {
    let mut last = BTreeMap::new();
    for item in &group.items {
        if let What::Check(check) = &item.what {
            last.insert(check.run.as_str(), check.verdict);
        }
    }
    let all = last.len();
    let passed = last.values().filter(|verdict| **verdict == Verdict::Passed).count();
    match (all, passed) {
        (0, _) => None,
        (1, 1) => Some(("1 check passed".to_owned(), true)),
        (_, _) if passed == all => Some((format!("{all} checks passed"), true)),
        _ => Some((format!("{passed} of {all} checks passed"), false)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::example::{self, item, says};

    fn log(last: i64) -> RunLog {
        let mut log = RunLog::from(0);
        for seq in 1..=last {
            log.fold(item(says(seq, u32::try_from(seq).unwrap().div_ceil(10), "on")));
        }
        log
    }

    fn words(rows: &[Row]) -> Vec<String> {
        rows.iter()
            .map(|row| match row {
                Row::Earlier { loaded } => format!("earlier {loaded}"),
                Row::Head { step, title, .. } => format!("{step} {title}"),
                Row::Folded { events, .. } => format!("folded {events}"),
                Row::Item(item) => item.seq.to_string(),
            })
            .collect()
    }

    #[test]
    fn old_steps_fold_and_the_reader_may_open_them() {
        let (log, steps) = (log(22), example::run(1).task.steps);
        let folded = rows(&log, &steps, &Folds::new(), WINDOW);
        let expected = ["1 Bump", "folded 10", "2 Replace", "folded 10", "3 Document", "21", "22"];
        assert_eq!(words(&folded), expected);
        let opened = rows(&log, &steps, &Folds::from([(1, true)]), WINDOW);
        assert_eq!(opened.len(), 7 + 9);
    }

    #[test]
    fn no_more_than_the_window_is_drawn_and_the_newest_are() {
        let (log, steps) = (log(25), example::run(1).task.steps);
        let drawn = rows(&log, &steps, &Folds::new(), 3);
        assert_eq!(words(&drawn), ["earlier true", "3 Document", "23", "24", "25"]);
        let all = rows(&log, &steps, &Folds::new(), 5);
        assert_eq!(words(&all)[..2], ["1 Bump", "folded 10"]);
    }

    #[test]
    fn a_log_that_was_begun_late_says_that_there_is_more() {
        let mut late = RunLog::from(20);
        late.fold(item(says(21, 3, "on")));
        let drawn = rows(&late, &example::run(1).task.steps, &Folds::new(), WINDOW);
        assert_eq!(words(&drawn), ["earlier false", "3 Document", "21"]);
    }
}
