//! The table in docs/benchmarks.md: written here and nowhere else, from the result beside it.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use testkit::figure;

use super::outcome::Outcome;

/// Where people read, and the result it is made of.
const PAGE: &str = "docs/benchmarks.md";
const RESULT: &str = "docs/benchmarks.jsonl";
/// The lines around the table.
const BEGIN: &str = "<!-- Written by `cargo xtask bench`, from here -->";
const END: &str = "<!-- to here -->";

/// Makes this result the one that the documentation shows.
///
/// # Errors
/// When the page has no place for the table, or a file cannot be written.
pub(crate) fn publish(root: &Path, outcome: &Outcome) -> Result<()> {
    let page = root.join(PAGE);
    let text = fs::read_to_string(&page).with_context(|| format!("{PAGE} cannot be read"))?;
    fs::write(page, with_table(&text, outcome)?).with_context(|| format!("{PAGE} cannot be written"))?;
    outcome.write(&root.join(RESULT))?;
    println!("{PAGE} and {RESULT} show this result");
    Ok(())
}

/// The page with the table of this result.
fn with_table(page: &str, outcome: &Outcome) -> Result<String> {
    let missing = || format!("{PAGE} has no lines `{BEGIN}` and `{END}`");
    let (before, rest) = page.split_once(BEGIN).with_context(missing)?;
    let (_, after) = rest.split_once(END).with_context(missing)?;
    let (conditions, table) = (outcome.conditions_line(), figure::table(&outcome.figures));
    Ok(format!("{before}{BEGIN}\n\n{conditions}\n\n```\n{table}```\n\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_shows_the_result_beside_it_and_nothing_else() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let page = fs::read_to_string(root.join(PAGE)).unwrap();
        if root.join(RESULT).exists() {
            let outcome = Outcome::read(&root.join(RESULT)).unwrap();
            assert_eq!(
                with_table(&page, &outcome).unwrap(),
                page,
                "only `cargo xtask bench` writes that table"
            );
        } else {
            assert!(page.contains(&format!("{BEGIN}\n{END}")), "without a result there is no table");
        }
    }

    #[test]
    fn a_page_without_a_place_for_the_table_is_not_written() {
        let line = r#"{"name":"a","value":1.0,"unit":"s","min":1.0,"max":1.0,"samples":1}"#;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("result");
        fs::write(&file, line).unwrap();
        let outcome = Outcome::read(&file).unwrap();
        assert!(with_table("# Benchmarks", &outcome).unwrap_err().to_string().contains(PAGE));
        let page = with_table(&format!("a\n{BEGIN}\nold\n{END}\nz"), &outcome).unwrap();
        assert!(page.starts_with("a\n") && page.ends_with("\nz") && !page.contains("old"), "{page}");
    }
}
