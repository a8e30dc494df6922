//! Figures as people read them: durations, ages, money, tokens, bytes.

use api::{
    Timestamp,
    run::{Cost, Run, RunState, Usage},
};

/// Whole seconds from one moment to a later one; never negative.
pub(crate) fn seconds_between(from: Timestamp, to: Timestamp) -> i64 {
    (to.as_second() - from.as_second()).max(0)
}

/// A span with two units at most: `48 s`, `6 min 12 s`, `3 h 5 min`.
pub(crate) fn span(seconds: i64) -> String {
    match (seconds / 3600, seconds % 3600 / 60, seconds % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, min, 0) => format!("{min} min"),
        (0, min, s) => format!("{min} min {s} s"),
        (h, 0, _) => format!("{h} h"),
        (h, min, _) => format!("{h} h {min} min"),
    }
}

/// An age with one unit: `2 s`, `6 min`, `3 h`, `4 d`.
pub(crate) fn age(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// A span as a stopwatch shows it: `2:58`, `1:02:03`.
pub(crate) fn stopwatch(seconds: i64) -> String {
    match (seconds / 3600, seconds % 3600 / 60, seconds % 60) {
        (0, min, s) => format!("{min}:{s:02}"),
        (h, min, s) => format!("{h}:{min:02}:{s:02}"),
    }
}

/// How long something short took: `0.4 s`, `48.2 s`, `6 min 12 s`.
pub(crate) fn took(milliseconds: i64) -> String {
    if milliseconds < 60_000 {
        format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100)
    } else {
        span(milliseconds / 1000)
    }
}

/// A cost: `$0.83`, or `unknown` where a price is missing.
pub(crate) fn cost(cost: Cost) -> String {
    if cost.known { dollars(cost.usd) } else { "unknown".to_owned() }
}

/// What this run cost; nothing to say while nothing was asked of the model yet.
pub(crate) fn cost_of(run: &Run) -> Option<String> {
    let is_untouched = run.usage == Usage::default() && run.cost.usd == 0.0 && !run.cost.known;
    (!is_untouched || run.state == RunState::Ended).then(|| cost(run.cost))
}

/// US dollars; small sums keep a digit that is not 0.
pub(crate) fn dollars(usd: f64) -> String {
    if usd > 0.0 && usd < 0.005 { format!("${usd:.4}") } else { format!("${usd:.2}") }
}

/// A count of tokens: `840`, `184 k`, `1.92 M`.
pub(crate) fn tokens(count: i64) -> String {
    match count {
        ..1000 => count.to_string(),
        1000..10_000 => format!("{:.1} k", count as f64 / 1e3),
        10_000..1_000_000 => format!("{} k", count / 1000),
        _ => format!("{:.2} M", count as f64 / 1e6),
    }
}

/// A number of bytes: `640 KB`, `1.1 GB`.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [(f64, &str); 3] = [(1073741824.0, "GB"), (1048576.0, "MB"), (1024.0, "KB")];
    let count = count as f64;
    for (size, unit) in UNITS {
        if size <= count {
            let figure = format!("{:.1}", count / size);
            return format!("{} {unit}", figure.strip_suffix(".0").unwrap_or(&figure));
        }
    }
    format!("{count} bytes")
}

/// A part of a whole, in the whole's unit: `1.1 of 4 GB`.
pub(crate) fn bytes_of(part: u64, whole: u64) -> String {
    let (part, whole) = (bytes(part), bytes(whole));
    match (part.split_once(' '), whole.split_once(' ')) {
        (Some((figure, unit)), Some((_, whole_unit))) if unit == whole_unit => format!("{figure} of {whole}"),
        _ => format!("{part} of {whole}"),
    }
}

/// A count with its noun: `1 event`, `41 events`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// A repository without what every one of its kind has: scheme and `.git`.
pub(crate) fn repository(name: &str) -> &str {
    let name = name.trim_end_matches('/');
    let name = name.strip_suffix(".git").unwrap_or(name);
    ["https://github.com/", "git@github.com:", "https://", "http://", "ssh://", "file://"]
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix))
        .unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_ages_name_the_units_that_matter() {
        assert_eq!(
            [span(48), span(372), span(60), span(11_100)],
            ["48 s", "6 min 12 s", "1 min", "3 h 5 min"]
        );
        assert_eq!([age(59), age(372), age(7300), age(200_000)], ["59 s", "6 min", "2 h", "2 d"]);
        assert_eq!([stopwatch(178), stopwatch(3723)], ["2:58", "1:02:03"]);
        assert_eq!([took(430), took(48_260), took(372_000)], ["0.4 s", "48.2 s", "6 min 12 s"]);
    }

    #[test]
    fn an_unknown_price_is_unknown_and_a_small_one_is_not_nothing() {
        assert_eq!(cost(Cost { usd: 0.0, known: false }), "unknown");
        assert_eq!(cost(Cost { usd: 0.834, known: true }), "$0.83");
        assert_eq!(cost(Cost { usd: 0.0004, known: true }), "$0.0004");
        assert_eq!(cost(Cost { usd: 0.0, known: true }), "$0.00");
        let mut run = crate::state::example::run(1);
        assert_eq!(cost_of(&run), None);
        run.state = RunState::Ended;
        assert_eq!(cost_of(&run).as_deref(), Some("unknown"));
    }

    #[test]
    fn tokens_and_bytes_are_rounded_to_what_is_compared() {
        assert_eq!(
            [tokens(840), tokens(1500), tokens(184_320), tokens(1_921_000)],
            ["840", "1.5 k", "184 k", "1.92 M"]
        );
        assert_eq!([bytes(12), bytes(655_360), bytes(4 << 30)], ["12 bytes", "640 KB", "4 GB"]);
        assert_eq!(
            [bytes_of(1 << 30, 4 << 30), bytes_of(640 << 20, 4 << 30)],
            ["1 of 4 GB", "640 MB of 4 GB"]
        );
    }

    #[test]
    fn a_repository_is_called_as_people_call_it() {
        assert_eq!(repository("https://github.com/acme/web.git"), "acme/web");
        assert_eq!(repository("acme/web"), "acme/web");
        assert_eq!(repository("file:///srv/git/web.git"), "/srv/git/web");
    }
}
