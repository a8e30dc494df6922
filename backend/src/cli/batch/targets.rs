//! The repositories of a batch, from a file and from the command line; every mistake is told at once.

use std::{
    fs,
    io::{self, Read},
    path::Path,
};

use api::batch::MAX_TARGETS;

use super::super::failure::Failure;
use crate::app::targets::{Bad, Why, bad};

/// A repository and where it was written.
struct Target {
    repository: String,
    place: String,
}

/// Reads the list and checks it.
///
/// # Errors
/// `Usage`, which names every line that cannot be.
pub(super) fn read(from: Option<&Path>, repos: &[String]) -> Result<Vec<String>, Failure> {
    let text = match from {
        None => String::new(),
        Some(path) if path == Path::new("-") => {
            let mut text = String::new();
            let read = io::stdin().read_to_string(&mut text);
            read.map_err(|error| Failure::Usage(format!("cannot read standard input: {error}")))?;
            text
        }
        Some(path) => fs::read_to_string(path)
            .map_err(|error| Failure::Usage(format!("cannot read {}: {error}", path.display())))?,
    };
    check(targets(&text, repos)).map_err(Failure::Usage)
}

fn targets(text: &str, repos: &[String]) -> Vec<Target> {
    let lines = text.lines().zip(1..).map(|(line, number)| (line.trim(), number));
    let lines = lines.filter(|(line, _)| !line.is_empty() && !line.starts_with('#'));
    let given =
        repos.iter().map(|repository| Target { repository: repository.clone(), place: "--repo".into() });
    lines
        .map(|(line, number)| Target { repository: line.to_owned(), place: format!("line {number}") })
        .chain(given)
        .collect()
}

fn check(targets: Vec<Target>) -> Result<Vec<String>, String> {
    if targets.is_empty() || MAX_TARGETS < targets.len() {
        return Err(format!("a batch has 1 to {MAX_TARGETS} repositories, not {}", targets.len()));
    }
    let (repositories, places): (Vec<String>, Vec<String>) =
        targets.into_iter().map(|target| (target.repository, target.place)).unzip();
    let wrong: Vec<String> = bad(&repositories)
        .into_iter()
        .map(|Bad { at, why }| {
            let why = match why {
                Why::Refused(why) => why,
                Why::Again(first) => format!("is the same as {} ({})", repositories[first], places[first]),
            };
            format!("\n  {}: {} {why}", places[at], repositories[at])
        })
        .collect();
    if wrong.is_empty() {
        return Ok(repositories);
    }
    Err(format!(
        "{} of {} repositories cannot be; nothing was created:{}",
        wrong.len(),
        places.len(),
        wrong.concat()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str, repos: &[&str]) -> Result<Vec<String>, String> {
        let repos: Vec<String> = repos.iter().map(|&it| it.to_owned()).collect();
        check(targets(text, &repos))
    }

    #[test]
    fn blank_lines_and_comments_are_skipped() {
        let text = "# ours\nacme/web\r\n\n   acme/api  \n  # theirs\n";
        assert_eq!(
            checked(text, &["acme/more"]),
            Ok(vec!["acme/web".into(), "acme/api".into(), "acme/more".into()])
        );
    }

    #[test]
    fn every_bad_line_is_told_by_its_number() {
        let refused = checked("# a\nacme/web\nacme\n\nhttps://github.com/acme/web\n", &["ftp://x/y"]);
        let refused = refused.expect_err("refused");
        let lines: Vec<&str> = refused.lines().collect();
        assert!(lines[0].starts_with("3 of 4 repositories cannot be"), "{refused}");
        assert!(lines[1].starts_with("  line 3: acme is neither"), "{refused}");
        assert_eq!(lines[2], "  line 5: https://github.com/acme/web is the same as acme/web (line 2)");
        assert!(lines[3].starts_with("  --repo: ftp://x/y"), "{refused}");
    }

    #[test]
    fn an_empty_list_is_refused() {
        assert!(checked("# nothing\n", &[]).expect_err("refused").contains("not 0"));
    }
}
