//! Gates in words: what a run waits for, what may be answered, and what an answer meant.

use api::run::{Gate, GateKind};

use super::words;

/// What a run waits for, in a few words.
pub(crate) const fn heading(kind: GateKind) -> &'static str {
    match kind {
        GateKind::Question => "The agent asks",
        GateKind::Approval => "The agent wants to use a tool",
        GateKind::Budget => "The budget is used up",
        GateKind::RateLimit => "The model's rate limit is reached",
    }
}

/// The answer that denies: with the reason the agent is told, if there is one.
pub(crate) fn denial(reason: &str) -> String {
    let reason = reason.trim();
    // A reason that reads like consent would be taken for it.
    let consents = ["allow", "yes"].iter().any(|word| reason.eq_ignore_ascii_case(word));
    if reason.is_empty() || consents { "deny".to_owned() } else { reason.to_owned() }
}

/// The answer that raises a budget, from what was typed: `$2.50` or `2,5`.
pub(crate) fn new_limit(typed: &str) -> Option<String> {
    let figure = typed.trim().trim_start_matches('$').trim().replace(',', ".");
    let usd: f64 = figure.parse().ok()?;
    (usd.is_finite() && 0.0 < usd).then_some(figure)
}

/// A new limit to begin with: twice what is spent, rounded up to half a dollar.
pub(crate) fn suggested_limit(spent: f64) -> String {
    format!("{:.2}", (spent * 4.0).ceil().max(1.0) / 2.0)
}

/// What an answer meant; `None` while there is none.
pub(crate) fn answer_words(gate: &Gate) -> Option<String> {
    let answer = gate.answer.as_deref()?.trim();
    if let Some(why) = answer.strip_prefix("withdrawn: ") {
        return Some(format!("Withdrawn: {why}"));
    }
    Some(match (gate.kind, answer.to_lowercase().as_str()) {
        (GateKind::Approval, "allow" | "yes") => "Allowed".to_owned(),
        (GateKind::Approval, "deny" | "no") => "Denied".to_owned(),
        (GateKind::Approval, _) => format!("Denied: {answer}"),
        (GateKind::Budget, "stop") => "Stopped".to_owned(),
        (GateKind::Budget, limit) => match limit.trim_start_matches('$').parse() {
            Ok(usd) => format!("Raised to {}", words::dollars(usd)),
            Err(_) => answer.to_owned(),
        },
        (GateKind::Question | GateKind::RateLimit, _) => answer.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::example;

    #[test]
    fn an_answer_is_told_by_what_it_meant() {
        let told = |kind, answer: &str| {
            answer_words(&Gate { answer: Some(answer.to_owned()), ..example::gate(kind) })
        };
        assert_eq!(told(GateKind::Approval, "Yes").as_deref(), Some("Allowed"));
        assert_eq!(told(GateKind::Approval, "not on a Friday").as_deref(), Some("Denied: not on a Friday"));
        assert_eq!(told(GateKind::Budget, "$2.5").as_deref(), Some("Raised to $2.50"));
        assert_eq!(told(GateKind::Budget, "stop").as_deref(), Some("Stopped"));
        assert_eq!(told(GateKind::Question, "allow").as_deref(), Some("allow"));
        assert_eq!(told(GateKind::Question, "withdrawn: it left").as_deref(), Some("Withdrawn: it left"));
        assert_eq!(answer_words(&example::gate(GateKind::Question)), None);
    }

    #[test]
    fn a_reason_to_deny_is_never_taken_for_consent() {
        assert_eq!(
            [denial("  "), denial("Yes "), denial("yes, but not now")],
            ["deny", "deny", "yes, but not now"]
        );
    }

    #[test]
    fn a_limit_is_read_as_people_write_it_and_the_suggestion_is_more_than_what_is_spent() {
        assert_eq!(new_limit(" $2,50 ").as_deref(), Some("2.50"));
        assert_eq!(
            [new_limit(""), new_limit("lots"), new_limit("-1"), new_limit("inf")],
            [None, None, None, None]
        );
        assert_eq!(
            [suggested_limit(0.0), suggested_limit(0.83), suggested_limit(5.0)],
            ["0.50", "2.00", "10.00"]
        );
    }
}
