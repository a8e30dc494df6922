//! The result of a benchmark: all figures, and the conditions they were taken under. It is kept as one JSON text a
//! line, the conditions first.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::run;
use testkit::figure::{Figure, short};

/// What was measured.
#[derive(Debug, PartialEq)]
pub(crate) struct Outcome {
    /// Missing in what the measuring program writes, and in results of before they were kept.
    pub(crate) conditions: Option<Conditions>,
    /// In the order in which they were measured.
    pub(crate) figures: Vec<Figure>,
}

/// What the figures depend on besides the code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Conditions {
    /// The commit that was built, and whether the working tree differed from it.
    commit: String,
    /// The day, in UTC.
    date: String,
    /// The model of the processor.
    machine: String,
    cores: usize,
    memory_gb: u64,
    /// Cargo's profile.
    profile: String,
    /// The load average of a minute before anything was built or measured.
    load_before: f64,
    /// The same right after the last measurement.
    load_after: f64,
}

/// A line of a result.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Figure(Box<Figure>),
    Conditions(Conditions),
}

impl Outcome {
    /// Reads a result. Lines that are no JSON objects are left out, so that a printed report can be read, too.
    ///
    /// # Errors
    /// When the file cannot be read, has a JSON object that is neither figure nor conditions, or has no figure.
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let text = fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
        Self::parse(&text).with_context(|| format!("{} is no result of a benchmark", file.display()))
    }

    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut outcome = Self { conditions: None, figures: Vec::new() };
        for (number, line) in text.lines().enumerate().filter(|(_, line)| line.starts_with('{')) {
            match serde_json::from_str(line).with_context(|| format!("line {}: {line}", number + 1))? {
                Line::Figure(figure) => outcome.figures.push(*figure),
                Line::Conditions(conditions) => outcome.conditions = Some(conditions),
            }
        }
        ensure!(!outcome.figures.is_empty(), "there is no line with a figure");
        Ok(outcome)
    }

    /// The same figures, taken under these conditions.
    pub(crate) fn under(self, conditions: Conditions) -> Self {
        Self { conditions: Some(conditions), ..self }
    }

    /// Writes it as it is read.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        let conditions = self.conditions.iter().map(serde_json::to_string);
        let lines = conditions.chain(self.figures.iter().map(serde_json::to_string));
        let text = lines.map(|line| Ok(line? + "\n")).collect::<Result<String>>()?;
        fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))
    }

    /// A name for its file that says when and of which commit it is.
    pub(crate) fn file_name(&self) -> String {
        let name =
            self.conditions.as_ref().map(|it| format!("{} {}", it.date, it.commit)).unwrap_or_default();
        format!("{}.jsonl", name.replace(' ', "-"))
    }

    /// A sentence about its conditions.
    pub(crate) fn conditions_line(&self) -> String {
        self.conditions.as_ref().map_or_else(|| "unknown conditions".to_owned(), ToString::to_string)
    }
}

impl Conditions {
    /// Those of now, before anything is measured.
    ///
    /// # Errors
    /// When git or the system does not answer.
    pub(crate) fn now(root: &Path) -> Result<Self> {
        let git = |arguments: &[&str]| run::output(Command::new("git").current_dir(root).args(arguments));
        let changes = git(&["status", "--porcelain", "--untracked-files=no"])?;
        let commit = git(&["rev-parse", "--short=10", "HEAD"])?;
        let load = load_average()?;
        Ok(Self {
            commit: if changes.is_empty() { commit } else { format!("{commit} with changes") },
            date: run::output(Command::new("date").args(["--utc", "+%F"]))?,
            machine: system("/proc/cpuinfo", "model name")?,
            cores: std::thread::available_parallelism()?.get(),
            memory_gb: memory_gb(&system("/proc/meminfo", "MemTotal")?)?,
            profile: "release".to_owned(),
            load_before: load,
            load_after: load,
        })
    }

    /// The same, after everything was measured.
    ///
    /// # Errors
    /// When the system does not answer.
    pub(crate) fn until_now(self) -> Result<Self> {
        Ok(Self { load_after: load_average()?, ..self })
    }
}

impl std::fmt::Display for Conditions {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { commit, date, machine, cores, memory_gb, profile, load_before, load_after } = self;
        let [before, after] = [*load_before, *load_after].map(short);
        write!(to, "commit {commit}, {date}, {machine}, {cores} cores, {memory_gb} GB, {profile} profile; ")?;
        write!(to, "load average {before} before, {after} after")
    }
}

/// How many tasks wanted a processor during the last minute: what else the machine had to do.
fn load_average() -> Result<f64> {
    let all = fs::read_to_string("/proc/loadavg").context("no load average")?;
    let first = all.split_whitespace().next().context("no load average")?;
    first.parse().context("the load average is no number")
}

/// A value that Linux tells: the first line of this name.
fn system(file: &str, name: &str) -> Result<String> {
    let text = fs::read_to_string(file).with_context(|| format!("{file} cannot be read"))?;
    let mut fields = text.lines().filter_map(|line| line.split_once(':'));
    let value = fields.find_map(|(field, value)| (field.trim() == name).then(|| value.trim().to_owned()));
    value.with_context(|| format!("{file} has no `{name}`"))
}

/// From kibibytes, as Linux counts, to the nearest number of GB of 1,000,000,000 bytes.
fn memory_gb(text: &str) -> Result<u64> {
    let kibibytes: u64 = text.trim_end_matches("kB").trim().parse().context("the memory is no number")?;
    Ok((kibibytes * 1024 + 500_000_000) / 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EARLIER: &str =
        r#"{"name":"run, end","value":1.1,"unit":"s","min":1.0,"max":1.2,"samples":9,"target":1.1}"#;

    #[test]
    fn a_printed_report_of_before_there_were_conditions_is_read() {
        let outcome = Outcome::parse(&format!("figure   median\n\n{EARLIER}\n")).unwrap();
        assert_eq!((outcome.figures.len(), outcome.conditions), (1, None));
        assert_eq!(outcome.figures[0].target, Some(testkit::figure::Target::AtMost(1.1)));
    }

    #[test]
    fn a_result_is_read_as_it_was_written() {
        let conditions = Conditions::now(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap().until_now().unwrap();
        let outcome = Outcome::parse(EARLIER).unwrap().under(conditions);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(outcome.file_name());
        outcome.write(&file).unwrap();
        assert_eq!(Outcome::read(&file).unwrap(), outcome);
    }

    #[test]
    fn a_file_without_figures_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("empty");
        fs::write(&file, "nothing").unwrap();
        let error = format!("{:#}", Outcome::read(&file).unwrap_err());
        assert!(error.contains("empty is no result") && error.contains("no line with a figure"), "{error}");
    }
}
