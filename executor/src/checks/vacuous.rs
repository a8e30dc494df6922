//! Test runners that are content with no test at all: exit code 0, and nothing was tested.
//!
//! Each runner is known by its own summary. A check is vacuous when some runner says that it ran nothing
//! and no runner says that it ran something: one cargo binary without tests beside one with five is fine.

use std::sync::LazyLock;

use regex::RegexSet;

/// Summaries of runs without a test; each is a whole line.
const NOTHING: [&str; 16] = [
    // cargo test: one line for each binary.
    r"^running 0 tests$",
    // cargo nextest.
    r"^\s*Starting 0 tests across",
    // pytest.
    r"^(=+ )?(no tests ran|no tests collected|\d+ deselected)\b.* in [\d.]+s",
    r"^collected 0 items",
    // jest and vitest.
    r"^No tests found, exiting with code 0$",
    r"^No test files found, exiting with code 0$",
    // mocha.
    r"^\s*0 passing \(",
    // go test: one line for each package.
    r"^(\?|ok)\s+\S+\s.*\[no (test files|tests to run)\]$",
    // unittest.
    r"^Ran 0 tests in [\d.]+s$",
    // dotnet test.
    r"^No test is available in ",
    r"^No test matches the given testcase filter",
    // ctest.
    r"^No tests were found!!!$",
    // phpunit.
    r"^No tests executed!$",
    // rspec.
    r"^0 examples, 0 failures",
    // node --test, TAP and the other form.
    r"^(#|ℹ) tests 0$",
    // Maven's surefire.
    r"^\[?(INFO|WARNING)?\]?\s*Tests run: 0, Failures: 0",
];

/// Summaries of runs with at least one test.
const SOMETHING: [&str; 14] = [
    r"^running [1-9]\d* tests?$",
    r"^\s*Starting [1-9]\d* tests? across",
    r"^(=+ )?.*\b[1-9]\d* (passed|failed|xfailed|xpassed|skipped)\b.* in [\d.]+s",
    r"^Tests:\s+.*[1-9]\d* total$",
    r"^\s*Tests\s+.*[1-9]\d* passed",
    r"^\s*[1-9]\d* passing \(",
    r"^ok\s+\S+\s+(\(cached\)|[\d.]+s)(\s+coverage: .*)?$",
    r"^Ran [1-9]\d* tests? in [\d.]+s$",
    r"^(Passed|Failed)!\s+- Failed:\s+\d+, Passed:\s+\d+",
    r"tests passed, \d+ tests failed out of [1-9]\d*$",
    r"^OK \([1-9]\d* tests?, ",
    r"^[1-9]\d* examples?, \d+ failures?",
    r"^(#|ℹ) tests [1-9]\d*$",
    r"^\[?(INFO|WARNING|ERROR)?\]?\s*Tests run: [1-9]\d*, Failures: ",
];

static NOTHING_SET: LazyLock<Option<RegexSet>> = LazyLock::new(|| RegexSet::new(NOTHING).ok());
static SOMETHING_SET: LazyLock<Option<RegexSet>> = LazyLock::new(|| RegexSet::new(SOMETHING).ok());

/// The line with which a test runner says that it ran nothing, if no other says that it ran something.
pub(super) fn says_nothing(output: &str) -> Option<String> {
    let (nothing, something) = (NOTHING_SET.as_ref()?, SOMETHING_SET.as_ref()?);
    let mut found = None;
    for line in output.lines() {
        let line = without_colour(line);
        let line = line.trim_end();
        if something.is_match(line) {
            return None;
        }
        if found.is_none() && nothing.is_match(line) {
            found = Some(line.trim().trim_matches('=').trim().to_owned());
        }
    }
    found
}

/// Without the escape sequences that colour a terminal.
fn without_colour(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|character: char| character.is_ascii_alphabetic());
        plain.push_str(end.map_or(part, |end| &part[end + 1..]));
    }
    plain
}

#[cfg(test)]
mod tests;
