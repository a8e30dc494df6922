//! What goes back to the agent when its work does not do: a failed check, or what the executor objects to; pure.

use api::{
    event::CheckRun,
    executor::{Objection, ObjectionKind},
    run::Reason,
};

use super::End;

/// Why a step is not done.
#[derive(Debug)]
pub(super) enum Feedback {
    /// This check did not pass.
    Check(CheckRun),
    /// The work cannot go out as it is.
    Objections(Vec<Objection>),
}

impl Feedback {
    /// What the agent is asked to do.
    pub(super) fn prompt(&self) -> String {
        match self {
            Self::Check(failed) => format!(
                "The check `{}` does not pass: {}.\n\nThe end of its output:\n```\n{}\n```\n\nMake it pass.",
                failed.run,
                failed.why.trim_end_matches('.'),
                failed.output.trim_end()
            ),
            Self::Objections(objections) => {
                let list: String = objections.iter().map(|it| format!("- {}\n", it.text.trim())).collect();
                format!(
                    "Your work cannot be pushed as it is:\n\n{list}\nPut that right, and keep your changes."
                )
            }
        }
    }

    /// How people are told that it goes back; a check has an event already.
    pub(super) fn notice(&self) -> Option<String> {
        match self {
            Self::Check(_) => None,
            Self::Objections(objections) => Some(format!("Given back to the agent: {}", texts(objections))),
        }
    }

    /// The end of a run that has used up its attempts at this step.
    pub(super) fn end(&self, step: u32, attempt: u32) -> End {
        match self {
            Self::Check(failed) => End::new(
                Reason::CheckFailed,
                format!("`{}` failed after {attempt} attempts at step {step}: {}", failed.run, failed.why),
            ),
            Self::Objections(objections) => {
                let told = texts(objections);
                let detail =
                    format!("The work could not be pushed after {attempt} attempts at step {step}: {told}");
                End::new(reason(objections), detail)
            }
        }
    }
}

/// Conflicts come first: as long as there are any, nothing else can be judged.
fn reason(objections: &[Objection]) -> Reason {
    let is_conflict = |it: &Objection| matches!(it.kind, ObjectionKind::Conflicts | ObjectionKind::Diverged);
    if objections.iter().any(is_conflict) { Reason::Conflicts } else { Reason::PushFailed }
}

fn texts(objections: &[Objection]) -> String {
    objections.iter().map(|it| it.text.trim()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objections(kinds: &[ObjectionKind]) -> Feedback {
        let object = |kind: &ObjectionKind| Objection { kind: *kind, text: format!("{kind:?} it is. ") };
        Feedback::Objections(kinds.iter().map(object).collect())
    }

    #[test]
    fn what_could_not_be_put_right_is_the_reason() {
        use ObjectionKind as K;
        for (kinds, expected) in [
            (vec![K::Conflicts], Reason::Conflicts),
            (vec![K::Diverged], Reason::Conflicts),
            (vec![K::Unwanted], Reason::PushFailed),
            (vec![K::Unreadable], Reason::PushFailed),
            (vec![K::Unwanted, K::Conflicts], Reason::Conflicts),
        ] {
            let end = objections(&kinds).end(2, 3);
            assert_eq!(end.reason, expected, "{kinds:?}");
            assert!(end.detail.contains("after 3 attempts at step 2"), "{}", end.detail);
        }
    }

    #[test]
    fn the_agent_and_people_are_told_each_objection() {
        let feedback = objections(&[ObjectionKind::Conflicts, ObjectionKind::Unwanted]);
        assert!(
            feedback.prompt().contains("- Conflicts it is.\n- Unwanted it is.\n"),
            "{}",
            feedback.prompt()
        );
        let notice = feedback.notice().unwrap();
        assert_eq!(notice, "Given back to the agent: Conflicts it is. Unwanted it is.");
    }
}
