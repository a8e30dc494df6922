//! Refuses the words that docs/style.md rules out, in sources and documents.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, bail};

use crate::run;

/// Where the words are.
const STYLE: &str = "docs/style.md";
/// Files that may have them: the list and its tests, and what was written about earlier versions.
const EXEMPT: [&str; 3] = [STYLE, "CHANGELOG.md", "xtask/src/words.rs"];

/// Looks through every tracked source and document.
///
/// # Errors
/// With each place, the word and what to say instead.
pub(crate) fn check(root: &Path) -> Result<()> {
    let style = fs::read_to_string(root.join(STYLE)).context(STYLE)?;
    let words = ruled_out(&style);
    let listed = run::output(Command::new("git").current_dir(root).args(["ls-files", "*.rs", "*.md"]))?;
    let mut found = Vec::new();
    for name in listed.lines().filter(|name| !EXEMPT.contains(name)) {
        // One that was removed and not committed yet is still listed.
        let Ok(text) = fs::read_to_string(root.join(name)) else { continue };
        found.extend(
            in_text(&text, &words).map(|(line, word, but)| format!("{name}:{line}: {word}: say {but}")),
        );
    }
    if !found.is_empty() {
        bail!("words that {STYLE} rules out:\n{}", found.join("\n"));
    }
    Ok(())
}

/// The words of the last table, each with what to say instead.
fn ruled_out(style: &str) -> Vec<(&str, &str)> {
    let rows = style.split("| Not | But |").nth(1).unwrap_or_default().lines();
    let rows = rows.filter_map(|row| row.strip_prefix("| `")?.trim_end_matches(" |").split_once(" | "));
    rows.flat_map(|(words, but)| words.split('`').step_by(2).map(move |word| (word, but)))
        .filter(|(word, _)| !word.is_empty())
        .collect()
}

/// The lines with one of these words: number, word, what to say instead.
fn in_text<'a>(
    text: &'a str,
    words: &'a [(&'a str, &'a str)],
) -> impl Iterator<Item = (usize, &'a str, &'a str)> {
    let lines = (1..).zip(text.lines());
    lines.flat_map(move |(number, line)| {
        let found = words.iter().filter(move |(word, _)| has_word(&line.to_lowercase(), word));
        found.map(move |(word, but)| (number, *word, *but))
    })
}

fn has_word(line: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + word.len()..]);
        !before.ends_with(is_part) && !after.starts_with(is_part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "| Not | But |\n|---|---|\n| `sheer`, `sheers` | cut |\n| `told of` | reported |\n";

    #[test]
    fn the_words_of_the_table_are_found_as_whole_words() {
        let words = ruled_out(TABLE);
        assert_eq!(words, [("sheer", "cut"), ("sheers", "cut"), ("told of", "reported")]);
        let text = "One sheers.\nSheer luck, sheerly, un_sheer.\nIt is told of.\nIt told offline.";
        let found: Vec<_> = in_text(text, &words).collect();
        assert_eq!(found, [(1, "sheers", "cut"), (2, "sheer", "cut"), (3, "told of", "reported")]);
    }

    #[test]
    fn the_projects_own_list_is_read_and_kept() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let style = fs::read_to_string(root.join(STYLE)).unwrap();
        assert!(ruled_out(&style).contains(&("anew", "again")));
        check(root).unwrap();
    }
}
