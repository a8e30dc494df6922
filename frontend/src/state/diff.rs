//! What an edit changes, line by line.

/// A line of a diff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DiffLine {
    /// What became of it.
    pub(crate) change: Change,
    /// Its text.
    pub(crate) text: String,
}

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It stayed.
    Kept,
    /// It was taken out.
    Removed,
    /// It was put in.
    Added,
    /// It is no line of the file: it says where the next ones are.
    Place,
}

/// Above this many pairs of lines the middle is shown as wholly replaced: a table of all pairs would be too large.
const MOST_PAIRS: usize = 250_000;

/// The lines of both texts, those in common once.
pub(crate) fn diff(old: &str, new: &str) -> Vec<DiffLine> {
    let (old, new): (Vec<_>, Vec<_>) = (old.lines().collect(), new.lines().collect());
    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let rest = old.len().min(new.len()) - head;
    let tail = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    let mut lines: Vec<_> = old[..head].iter().map(|text| line(Change::Kept, text)).collect();
    middle(&old[head..old.len() - tail], &new[head..new.len() - tail], &mut lines);
    lines.extend(old[old.len() - tail..].iter().map(|text| line(Change::Kept, text)));
    lines
}

/// All lines of a text as added.
pub(crate) fn added(text: &str) -> Vec<DiffLine> {
    text.lines().map(|text| line(Change::Added, text)).collect()
}

/// How many lines were added and removed.
pub(crate) fn totals(lines: &[DiffLine]) -> (usize, usize) {
    let count = |change| lines.iter().filter(|line| line.change == change).count();
    (count(Change::Added), count(Change::Removed))
}

fn line(change: Change, text: &str) -> DiffLine {
    DiffLine { change, text: text.to_owned() }
}

/// The part between common start and common end, by longest common subsequence.
fn middle(old: &[&str], new: &[&str], lines: &mut Vec<DiffLine>) {
    if MOST_PAIRS < old.len() * new.len() {
        lines.extend(old.iter().map(|text| line(Change::Removed, text)));
        lines.extend(new.iter().map(|text| line(Change::Added, text)));
        return;
    }
    let common = common_lengths(old, new);
    let (mut i, mut j) = (0, 0);
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            lines.push(line(Change::Kept, old[i]));
            (i, j) = (i + 1, j + 1);
        } else if i < old.len() && (j == new.len() || common[i][j + 1] <= common[i + 1][j]) {
            lines.push(line(Change::Removed, old[i]));
            i += 1;
        } else {
            lines.push(line(Change::Added, new[j]));
            j += 1;
        }
    }
}

/// `table[i][j]`: how many lines `old[i..]` and `new[j..]` have in common, in order.
fn common_lengths(old: &[&str], new: &[&str]) -> Vec<Vec<u32>> {
    let mut table = vec![vec![0; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            table[i][j] =
                if old[i] == new[j] { table[i + 1][j + 1] + 1 } else { table[i + 1][j].max(table[i][j + 1]) };
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(old: &str, new: &str) -> String {
        let sign = |change| match change {
            Change::Kept => ' ',
            Change::Removed => '-',
            Change::Added => '+',
            Change::Place => '@',
        };
        diff(old, new)
            .iter()
            .map(|line| format!("{}{}", sign(line.change), line.text))
            .collect::<Vec<_>>()
            .join("|")
    }

    #[test]
    fn common_lines_are_kept_and_removals_come_before_additions() {
        assert_eq!(drawn("a\nb\nc", "a\nx\nc"), " a|-b|+x| c");
        assert_eq!(drawn("a\nb\nc\nd", "b\nc2\nd\ne"), "-a| b|-c|+c2| d|+e");
        assert_eq!(drawn("", "a"), "+a");
        assert_eq!(drawn("a\na", "a"), " a|-a");
    }

    #[test]
    fn a_huge_edit_is_shown_without_comparing_every_pair() {
        let old: String = (0..2000).map(|n| format!("old {n}\n")).collect();
        let new: String = (0..2000).map(|n| format!("new {n}\n")).collect();
        assert_eq!(totals(&diff(&old, &new)), (2000, 2000));
    }
}
