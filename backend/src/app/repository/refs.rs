//! Whether a run can begin at its ref and push its branch, by what the repository has; pure.

use crate::broker::Survey;

/// How many names that are alike are suggested.
const MOST_ALIKE: usize = 3;

/// Looks for a run's ref among the names. A commit's id cannot be looked for: it may be one of any branch.
///
/// # Errors
/// What is wrong, in a sentence that names what is alike.
pub(crate) fn find(survey: &Survey, wanted: Option<&str>) -> Result<(), String> {
    if survey.sha256 {
        return Err("the repository uses SHA-256 object names, which Caisson cannot work with: use one with SHA-1 names"
            .to_owned());
    }
    if survey.names.is_empty() {
        return Err("the repository has no commits: push a first one".to_owned());
    }
    let Some(wanted) = wanted else { return Ok(()) };
    let is_id = (4..=40).contains(&wanted.len()) && wanted.bytes().all(|byte| byte.is_ascii_hexdigit());
    let forms = ["refs/heads/", "refs/tags/", ""].map(|prefix| format!("{prefix}{wanted}"));
    if is_id || survey.names.iter().any(|name| forms.contains(name)) {
        return Ok(());
    }
    let alike = alike(survey, wanted);
    let hint =
        if alike.is_empty() { String::new() } else { format!(": did you mean {}?", alike.join(" or ")) };
    Err(format!("the repository has no branch, tag or commit {wanted:?}{hint}"))
}

/// Whether a new branch may stand beside those that are there.
///
/// # Errors
/// Which one is in the way, and what to do.
pub(crate) fn room_for(survey: &Survey, branch: &str) -> Result<(), String> {
    for taken in survey.names.iter().filter_map(|name| name.strip_prefix("refs/heads/")) {
        if taken == branch {
            return Err(format!(
                "the repository already has a branch {branch}, which is not this run's: rename or delete it there"
            ));
        }
        let is_below =
            |inner: &str, outer: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'));
        if is_below(branch, taken) || is_below(taken, branch) {
            return Err(format!(
                "the repository has a branch {taken}, beside which git allows no branch {branch}: rename {taken} there"
            ));
        }
    }
    Ok(())
}

/// The branches and tags whose names are most like this one.
fn alike(survey: &Survey, wanted: &str) -> Vec<String> {
    let short = |name: &str| {
        let name = name.strip_prefix("refs/heads/").or_else(|| name.strip_prefix("refs/tags/"))?;
        Some(name.to_owned())
    };
    let bare = ["refs/heads/", "refs/tags/", "origin/"].iter().find_map(|prefix| wanted.strip_prefix(prefix));
    let bare = bare.unwrap_or(wanted).to_lowercase();
    let near = |name: String| {
        let lower = name.to_lowercase();
        let far = distance(&bare, &lower);
        let contains = 3 <= lower.len() && bare.contains(&lower) || 3 <= bare.len() && lower.contains(&bare);
        let close = far * 3 <= bare.chars().count().max(3) || contains;
        close.then_some((far, name))
    };
    let mut near: Vec<(usize, String)> =
        survey.names.iter().filter_map(|name| short(name)).filter_map(near).collect();
    near.sort();
    near.dedup();
    near.into_iter().take(MOST_ALIKE).map(|(_, name)| name).collect()
}

/// How many letters must change to make one of the other; neighbours that changed places count once.
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, letter) in one.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, against) in other.iter().enumerate() {
            let mut least = (row[j] + usize::from(letter != against)).min(row[j + 1] + 1).min(next[j] + 1);
            if 0 < i && 0 < j && one[i - 1] == *against && *letter == other[j - 1] {
                least = least.min(before[j - 1] + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn survey(names: &[&str]) -> Survey {
        Survey { names: names.iter().map(|&name| name.to_owned()).collect(), sha256: false }
    }

    #[test]
    fn a_ref_is_found_under_each_of_its_names_and_an_id_is_not_judged() {
        let has = survey(&["HEAD", "refs/heads/main", "refs/tags/v1", "refs/pull/7/head"]);
        let wanted = ["main", "v1", "refs/heads/main", "refs/pull/7/head", "HEAD", "0a1b2c3d"];
        assert!(
            wanted.into_iter().all(|wanted| find(&has, Some(wanted)).is_ok()) && find(&has, None).is_ok()
        );
        assert!(find(&survey(&[]), None).unwrap_err().contains("no commits"));
        assert!(find(&Survey { sha256: true, ..has }, None).unwrap_err().contains("SHA-256"));
    }

    #[test]
    fn a_ref_that_is_not_there_is_told_with_what_is_alike() {
        let has = survey(&[
            "HEAD",
            "refs/heads/main",
            "refs/heads/feature/login",
            "refs/tags/v1.2.0",
            "refs/heads/dev",
        ]);
        for (wanted, hint) in [
            ("mian", "did you mean main?"),
            ("Main", "did you mean main?"),
            ("origin/main", "did you mean main?"),
            ("login", "did you mean feature/login?"),
            ("v1.2", "did you mean v1.2.0?"),
            ("develop", "did you mean dev?"),
        ] {
            let why = find(&has, Some(wanted)).unwrap_err();
            assert!(why.contains(&format!("{wanted:?}: {hint}")), "{why}");
        }
        assert!(find(&has, Some("something-else")).unwrap_err().ends_with("\"something-else\""));
    }

    #[test]
    fn a_branch_in_the_way_is_named_with_the_remedy() {
        for taken in ["caisson", "caisson/1", "caisson/1/x"] {
            let has = survey(&["refs/heads/main", &format!("refs/heads/{taken}")]);
            let why = room_for(&has, "caisson/1").unwrap_err();
            assert!(why.contains(taken) && why.contains("rename"), "{why}");
        }
        let free = survey(&[
            "refs/heads/caisson-x",
            "refs/heads/caisson/12",
            "refs/tags/caisson",
            "refs/heads/main",
        ]);
        assert_eq!(room_for(&free, "caisson/1"), Ok(()));
    }
}
