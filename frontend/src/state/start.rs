//! The form that starts a run, or a batch when it names several repositories: text as typed, to the wire.

use api::run::Overrides;

use super::failure::Failure;

/// What is typed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct StartForm {
    /// Repositories, one a line.
    pub(crate) repositories: String,
    /// Branch, tag or commit.
    pub(crate) from: String,
    /// What the run, or the whole batch, may cost, in US dollars.
    pub(crate) budget: String,
    /// Which runs of the queue go first.
    pub(crate) priority: String,
    /// How many runs of a batch may work at once.
    pub(crate) concurrency: String,
    /// After how many failed runs no further one is begun.
    pub(crate) stop_after: String,
}

/// What is asked of the server.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Wanted {
    /// One run.
    Run {
        /// Its repository; blank if none was given, which the server refuses in words.
        repository: String,
        /// Settings that differ from the task's.
        overrides: Option<Overrides>,
    },
    /// A run for each of several repositories.
    Batch {
        /// The repositories.
        repositories: Vec<String>,
        /// How many may work at once.
        concurrency: Option<u32>,
        /// After how many failures to stop.
        stop_after: Option<u32>,
        /// What all may cost together.
        budget: Option<f64>,
        /// Settings that differ from the task's.
        overrides: Option<Overrides>,
    },
}

impl StartForm {
    /// The repositories with the lines they are in, from 1.
    fn targets(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.repositories.lines().enumerate();
        lines.map(|(place, line)| (place + 1, line.trim())).filter(|(_, line)| !line.is_empty())
    }

    /// How many repositories there are.
    pub(crate) fn count(&self) -> usize {
        self.targets().count()
    }

    /// The branch, tag or commit for the wire.
    pub(crate) fn wire_ref(&self) -> Option<String> {
        let from = self.from.trim();
        (!from.is_empty()).then(|| from.to_owned())
    }

    /// What to ask for.
    ///
    /// # Errors
    /// A figure that is none, at its field; all else is judged by the server.
    pub(crate) fn wanted(&self) -> Result<Wanted, Failure> {
        let budget = figure(&self.budget, "budgetUsd")?;
        let priority = figure(&self.priority, "overrides.priority")?;
        let mut repositories: Vec<_> = self.targets().map(|(_, line)| line.to_owned()).collect();
        if repositories.len() < 2 {
            let overrides = overrides(budget, priority);
            return Ok(Wanted::Run { repository: repositories.pop().unwrap_or_default(), overrides });
        }
        Ok(Wanted::Batch {
            repositories,
            concurrency: figure(&self.concurrency, "concurrency")?,
            stop_after: figure(&self.stop_after, "stopAfterFailures")?,
            budget,
            overrides: overrides(None, priority),
        })
    }

    /// What the server says of single repositories, by line; empty if it speaks of something else. One refusal
    /// names all of them: field `repositories[1]`, text `is …; repositories[3]: is …`.
    pub(crate) fn said_of_lines(&self, failure: &Failure) -> Vec<String> {
        let field = failure.field.as_deref().unwrap_or_default();
        if !field.starts_with("repositories[") {
            return Vec::new();
        }
        let targets: Vec<_> = self.targets().collect();
        let line_of = |place: &str| Some(targets.get(place.parse::<usize>().ok()?)?.0);
        let said = |part: &str| {
            let (place, why) = part.split_once("]: ")?;
            let why = match why
                .split_once("repositories[")
                .and_then(|(before, rest)| Some((before, rest.split_once(']')?)))
            {
                Some((before, (other, after))) => format!("{before}line {}{after}", line_of(other)?),
                None => why.to_owned(),
            };
            Some(format!("Line {}: {why}", line_of(place)?))
        };
        let all = format!("; {field}: {}", failure.text);
        all.split("; repositories[").skip(1).filter_map(said).collect()
    }
}

fn overrides(budget_usd: Option<f64>, priority: Option<i32>) -> Option<Overrides> {
    let overrides = Overrides { budget_usd, priority, ..Overrides::default() };
    (overrides != Overrides::default()).then_some(overrides)
}

/// A figure as typed; `None` when there is none.
///
/// # Errors
/// What is no such figure, at this field.
pub(crate) fn figure<T: std::str::FromStr>(typed: &str, field: &str) -> Result<Option<T>, Failure> {
    let typed = typed.trim().trim_start_matches('$').trim();
    if typed.is_empty() {
        return Ok(None);
    }
    let wrong = |_| Failure { field: Some(field.to_owned()), ..Failure::new("is not such a figure") };
    typed.parse().map(Some).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(repositories: &str) -> StartForm {
        StartForm { repositories: repositories.to_owned(), ..StartForm::default() }
    }

    fn refusal(field: &str, text: &str) -> Failure {
        Failure { field: Some(field.to_owned()), ..Failure::new(text) }
    }

    #[test]
    fn one_repository_is_a_run_and_several_are_a_batch() {
        let one = StartForm { budget: "$2".to_owned(), ..form(" acme/web \n") };
        let overrides = Overrides { budget_usd: Some(2.0), ..Overrides::default() };
        assert_eq!(
            one.wanted(),
            Ok(Wanted::Run { repository: "acme/web".to_owned(), overrides: Some(overrides) })
        );
        let two = StartForm {
            budget: "9.5".to_owned(),
            concurrency: "2".to_owned(),
            ..form("acme/web\n\nacme/api")
        };
        let wanted = Wanted::Batch {
            repositories: vec!["acme/web".to_owned(), "acme/api".to_owned()],
            concurrency: Some(2),
            stop_after: None,
            budget: Some(9.5),
            overrides: None,
        };
        assert_eq!((two.wanted(), two.count()), (Ok(wanted), 2));
    }

    #[test]
    fn a_figure_that_is_none_is_named_before_anything_is_asked() {
        let form = StartForm { priority: "high".to_owned(), ..form("a/b") };
        assert_eq!(form.wanted().unwrap_err().field.as_deref(), Some("overrides.priority"));
        let form = StartForm { concurrency: "-1".to_owned(), ..form };
        assert!(figure::<u32>(&form.concurrency, "concurrency").is_err());
    }

    #[test]
    fn what_is_wrong_with_repositories_is_said_by_line() {
        let form = form("acme/web\n\nacme\nacme/api\nacme/web.git");
        let failure =
            refusal("repositories[1]", "is no URL; repositories[3]: is the same as repositories[0]");
        assert_eq!(form.said_of_lines(&failure), ["Line 3: is no URL", "Line 5: is the same as line 1"]);
        assert!(form.said_of_lines(&refusal("repositories", "too many")).is_empty());
        assert!(form.said_of_lines(&Failure::new("no")).is_empty());
    }
}
