//! Which repositories a batch may have: every bad one is named at once; pure.

use std::collections::HashMap;

use api::{batch::MAX_TARGETS, error::ApiError};

use crate::app::repository;

/// A target that cannot be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Bad {
    /// Its place in the list, from 0.
    pub(crate) at: usize,
    /// What is wrong with it.
    pub(crate) why: Why,
}

/// What is wrong with a target.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// It is no repository; in a sentence.
    Refused(String),
    /// The same repository is in the list before, at this place.
    Again(usize),
}

/// What makes a repository the same as another: its URL, however it is written.
pub(crate) fn identity(repository: &str) -> Result<String, ApiError> {
    let url = repository::parse(repository)?;
    let url = url.as_str().trim_end_matches('/');
    Ok(url.strip_suffix(".git").unwrap_or(url).to_owned())
}

/// The targets that cannot be, in their order.
pub(crate) fn bad(repositories: &[String]) -> Vec<Bad> {
    let mut seen = HashMap::new();
    let look = |(at, repository): (usize, &String)| {
        let why = match identity(repository) {
            Err(ApiError::Invalid { why, .. }) => Why::Refused(why),
            Err(error) => Why::Refused(error.to_string()),
            Ok(identity) => match seen.insert(identity.clone(), at) {
                None => return None,
                Some(first) => {
                    seen.insert(identity, first);
                    Why::Again(first)
                }
            },
        };
        Some(Bad { at, why })
    };
    repositories.iter().enumerate().filter_map(look).collect()
}

/// Checks the targets of a batch.
///
/// # Errors
/// `Invalid`, which names every target that cannot be: `repositories[3]: …; repositories[7]: …`.
pub(super) fn check(repositories: &[String]) -> Result<(), ApiError> {
    if repositories.is_empty() || MAX_TARGETS < repositories.len() {
        let why = format!("a batch has 1 to {MAX_TARGETS} repositories, not {}", repositories.len());
        return Err(ApiError::invalid("repositories", why));
    }
    let bad = bad(repositories);
    let Some(Bad { at, .. }) = bad.first() else { return Ok(()) };
    let (first, mut text) = (format!("repositories[{at}]"), String::new());
    for Bad { at, why } in &bad {
        if !text.is_empty() {
            text.push_str(&format!("; repositories[{at}]: "));
        }
        match why {
            Why::Refused(why) => text.push_str(why),
            Why::Again(first) => text.push_str(&format!("is the same as repositories[{first}]")),
        }
    }
    Err(ApiError::invalid(first, text))
}

/// The targets' addresses. Those of pages become those of their repositories, unless they name a ref: a batch
/// has one for all of them.
///
/// # Errors
/// `Invalid`, which names the first target that is such a page.
pub(super) fn addresses(repositories: &[String]) -> Result<Vec<String>, ApiError> {
    let address = |(at, given): (usize, &String)| {
        let place = repository::place(given, None)?;
        match place.r#ref {
            None => Ok(place.repository),
            Some(shown) => {
                let why = format!(
                    "is a page that shows {shown}: give {} and `ref` for the batch",
                    place.repository
                );
                Err(ApiError::invalid(format!("repositories[{at}]"), why))
            }
        }
    };
    repositories.iter().enumerate().map(address).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(repositories: &[&str]) -> Vec<String> {
        repositories.iter().map(|&it| it.to_owned()).collect()
    }

    #[test]
    fn every_bad_repository_is_named_at_once() {
        let refused =
            check(&list(&["acme/web", "acme", "acme/api", "ftp://x/y"])).expect_err("refused").to_string();
        assert!(refused.starts_with("repositories[1]: is neither"), "{refused}");
        assert!(refused.contains("; repositories[3]: `ftp://` is not supported"), "{refused}");
        assert!(!refused.contains("repositories[0]") && !refused.contains("repositories[2]"), "{refused}");
    }

    #[test]
    fn the_same_repository_in_another_spelling_is_there_twice() {
        let twice =
            ["acme/web", "https://github.com/acme/web", "https://GitHub.com/acme/web.git/", "acme/api"];
        let refused = check(&list(&twice)).expect_err("refused").to_string();
        let expected = "repositories[1]: is the same as repositories[0]; \
                        repositories[2]: is the same as repositories[0]";
        assert_eq!(refused, expected);
    }

    #[test]
    fn the_page_of_a_branch_is_no_target() {
        let pasted = list(&["github.com/acme/web#readme", "acme/api"]);
        assert_eq!(addresses(&pasted), Ok(list(&["https://github.com/acme/web", "acme/api"])));
        let refused =
            addresses(&list(&["acme/api", "https://github.com/acme/web/tree/dev"])).expect_err("refused");
        let expected = "repositories[1]: is a page that shows dev: give https://github.com/acme/web.git and `ref` for the batch";
        assert_eq!(refused.to_string(), expected);
    }

    #[test]
    fn a_batch_has_one_repository_or_more_but_not_too_many() {
        assert_eq!(check(&list(&["acme/web"])), Ok(()));
        let many: Vec<String> = (0..=MAX_TARGETS).map(|at| format!("acme/r{at}")).collect();
        assert_eq!(check(&many[..MAX_TARGETS]), Ok(()));
        for refused in [check(&many), check(&[])] {
            assert!(matches!(refused, Err(ApiError::Invalid { field, .. }) if field == "repositories"));
        }
    }
}
