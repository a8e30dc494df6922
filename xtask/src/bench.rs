//! `cargo xtask bench`: how long a run takes, how fast events flow, how much memory an idle server holds.
//! What is measured, and what came of it, is in docs/benchmarks.md.

mod compare;
mod docs;
mod outcome;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;

use crate::{
    check, image,
    machine::{self, Need},
    run,
    test::{environment, postgres::Cluster},
};
use outcome::{Conditions, Outcome};
use testkit::part::Part;

/// What is to be measured.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Measures this part alone; may be repeated. Without it all are measured, and the results become those of
    /// docs/benchmarks.md.
    #[arg(long, value_enum, value_name = "PART")]
    only: Vec<Part>,
    /// Names what became worse than in this earlier result by more than its noise, and fails if anything did. A
    /// result is docs/benchmarks.jsonl, the file that an earlier call named, or what it printed.
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
}

/// Builds the server as it is shipped, measures, prints a table and writes the result to a file. The exit code says
/// whether something became worse.
///
/// # Errors
/// When something that the benchmarks need is missing and cannot be installed, or they do not run.
pub(crate) fn run(root: &Path, options: &Options) -> Result<ExitCode> {
    // First: a full run may write the same file.
    let before = options.against.as_deref().map(Outcome::read).transpose()?;
    machine::ensure(&[Need::Git, Need::Engine, Need::BaseImage, Need::Postgres])?;
    let conditions = Conditions::now(root)?;
    image::ensure(root)?;
    let database = Cluster::start().context("no PostgreSQL for the benchmarks")?;
    let folder = run::target_folder()?.join("bench");
    fs::create_dir_all(&folder).context("no folder for the result")?;
    let figures = folder.join("figures.jsonl");
    let mut bench = run::cargo(root);
    // Builds the `caisson` program, too, in the profile of releases.
    bench.args(["bench", "--package", "backend", "--features", check::FEATURES, "--bench", "caisson", "--"]);
    bench.args(
        options.only.iter().filter_map(ValueEnum::to_possible_value).map(|part| part.get_name().to_owned()),
    );
    bench.arg("--json").arg(&figures);
    bench.env(environment::POSTGRES, database.url()).env(environment::IMAGE, image::TAG);
    run::run(&mut bench)?;
    let outcome = Outcome::read(&figures)?.under(conditions.until_now()?);
    let file = folder.join(outcome.file_name());
    outcome.write(&file)?;
    println!("\n{}", outcome.conditions_line());
    println!("result: {}", file.display());
    if options.only.is_empty() {
        docs::publish(root, &outcome)?;
    }
    before.map_or(Ok(ExitCode::SUCCESS), |before| judge(&before, &outcome))
}

/// Says what became worse.
fn judge(before: &Outcome, now: &Outcome) -> Result<ExitCode> {
    let (compared, worse) = compare::worse(&before.figures, &now.figures);
    ensure!(0 < compared, "the two results have no figure in common");
    println!("compared {compared} figures with those of before: {}", before.conditions_line());
    for worse in &worse {
        println!("worse: {worse}");
    }
    println!("{} became worse by more than their noise", worse.len());
    Ok(if worse.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(name: &str, value: f64) -> Outcome {
        let line = format!(
            r#"{{"name":"{name}","value":{value},"unit":"s","min":{value},"max":{value},"samples":3}}"#
        );
        Outcome::parse(&line).unwrap()
    }

    #[test]
    fn the_exit_code_says_whether_something_became_worse() {
        let code = |now: f64| format!("{:?}", judge(&outcome("run", 1.0), &outcome("run", now)).unwrap());
        assert_eq!(code(1.05), format!("{:?}", ExitCode::SUCCESS));
        assert_eq!(code(2.0), format!("{:?}", ExitCode::FAILURE));
    }

    #[test]
    fn results_without_a_common_figure_are_not_called_equal() {
        assert!(judge(&outcome("run", 1.0), &outcome("walk", 1.0)).is_err());
    }
}
