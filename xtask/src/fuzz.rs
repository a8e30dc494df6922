//! `cargo xtask fuzz`: gives everything that reads hostile bytes what no one would think of. See docs/fuzzing.md.

use std::{
    fs,
    num::NonZero,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    thread,
};

use anyhow::{Context, Result, ensure};

use crate::run;

/// Where the targets, their inputs and the findings are.
const FOLDER: &str = "backend/fuzz";
/// There is no code of ours that a sanitizer could find anything in: `unsafe` is forbidden.
const SANITIZER: [&str; 2] = ["--sanitizer", "none"];
/// The compiler that the fuzzer's instrumentation needs.
const TOOLCHAIN: &str = "nightly";

/// What is to be run, and for how long.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The targets; all when none is named.
    targets: Vec<String>,
    /// How long each of them runs.
    #[arg(long, default_value_t = 10)]
    minutes: u64,
}

/// A run of one target: what the fuzzer counted, or what it found.
type Outcome = (String, Result<Counts>);

/// What the fuzzer says at the end of a run.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    executions: u64,
    coverage: u64,
}

/// Runs the targets, as many at once as there are processors; the exit code says whether one found something.
///
/// # Errors
/// When a tool cannot be installed, a target does not exist or does not compile.
pub(crate) fn run(root: &Path, options: &Options) -> Result<ExitCode> {
    let target = run::target_folder()?;
    let fuzzer = Fuzzer { root, tools: tools(root, &target)?, target: target.join("fuzz") };
    let all = targets(root)?;
    for name in &options.targets {
        ensure!(all.contains(name), "there is no target `{name}`; there are {}", all.join(", "));
    }
    let chosen = if options.targets.is_empty() { &all } else { &options.targets };
    // What is fuzzed is what is shipped: the same versions.
    fs::copy(root.join("Cargo.lock"), root.join(FOLDER).join("Cargo.lock")).context("no Cargo.lock")?;
    fs::create_dir_all(&fuzzer.target).context("cannot make the folder of the fuzz targets")?;
    println!("── building the fuzz targets");
    run::logged(&mut fuzzer.command("build"), &fuzzer.target.join("build.log"))?;
    let mut found = false;
    for some in chosen.chunks(thread::available_parallelism().map_or(1, NonZero::get)) {
        println!("── {} for {} min", some.join(", "), options.minutes);
        for (name, outcome) in fuzzer.run_at_once(some, options.minutes) {
            match outcome {
                Ok(Counts { executions, coverage }) => {
                    println!("{name}: no finding in {executions} executions, coverage {coverage}");
                }
                Err(error) => {
                    found = true;
                    eprintln!("{name}: {error:#}");
                }
            }
        }
    }
    Ok(if found { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

struct Fuzzer<'a> {
    root: &'a Path,
    /// `PATH` with cargo-fuzz in it.
    tools: std::ffi::OsString,
    target: PathBuf,
}

impl Fuzzer<'_> {
    fn command(&self, verb: &str) -> Command {
        let mut command = Command::new("rustup");
        command.args(["run", TOOLCHAIN, "cargo", "fuzz", verb, "--fuzz-dir", FOLDER]).args(SANITIZER);
        command.arg("--target-dir").arg(&self.target).current_dir(self.root).env("PATH", &self.tools);
        // Both name the compiler that built this program.
        command.env_remove("CARGO").env_remove("RUSTUP_TOOLCHAIN");
        command
    }

    fn run_at_once(&self, targets: &[String], minutes: u64) -> Vec<Outcome> {
        thread::scope(|scope| {
            let start = |name: &String| {
                let name = name.clone();
                scope.spawn(move || (name.clone(), self.run_one(&name, minutes)))
            };
            let running: Vec<_> = targets.iter().map(start).collect();
            running.into_iter().filter_map(|run| run.join().ok()).collect()
        })
    }

    /// New inputs stay in the target folder; those in the repository are only read.
    fn run_one(&self, name: &str, minutes: u64) -> Result<Counts> {
        let new = self.target.join("corpus").join(name);
        fs::create_dir_all(&new).context("cannot make the folder of new inputs")?;
        let log = self.target.join(format!("{name}.log"));
        let mut command = self.command("run");
        command.arg(name).arg(new).arg(Path::new(FOLDER).join("corpus").join(name));
        command.args(["--", "-print_final_stats=1", &format!("-max_total_time={}", minutes * 60)]);
        run::logged(&mut command, &log)?;
        let log = fs::read(&log).with_context(|| format!("cannot read {}", log.display()))?;
        Ok(counts(&String::from_utf8_lossy(&log)))
    }
}

/// The names of the targets, in order.
fn targets(root: &Path) -> Result<Vec<String>> {
    let files = fs::read_dir(root.join(FOLDER).join("fuzz_targets")).context("there are no fuzz targets")?;
    let names = files.filter_map(|file| Some(file.ok()?.path().file_stem()?.to_str()?.to_owned()));
    let mut names: Vec<String> = names.collect();
    names.sort();
    Ok(names)
}

/// Installs cargo-fuzz into the target folder, and the compiler, where they are missing.
fn tools(root: &Path, target: &Path) -> Result<std::ffi::OsString> {
    let home = target.join("cargo-fuzz");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths([home.join("bin")].into_iter().chain(std::env::split_paths(&path)))?;
    let mut version = Command::new("cargo-fuzz");
    if run::output(version.args(["fuzz", "--version"]).env("PATH", &path)).is_err() {
        println!("cargo-fuzz is missing; installing it, which takes minutes");
        let mut install = run::cargo(root);
        install.args(["install", "cargo-fuzz", "--locked", "--root"]).arg(&home);
        run::logged(&mut install, &target.join("cargo-fuzz.log"))?;
    }
    let mut compiler = Command::new("rustup");
    if run::output(compiler.args(["run", TOOLCHAIN, "rustc", "--version"])).is_err() {
        println!("a {TOOLCHAIN} compiler is missing; adding it with rustup");
        let mut install = Command::new("rustup");
        install.args(["toolchain", "install", TOOLCHAIN, "--profile", "minimal"]);
        run::output(&mut install).context("fuzzing needs a nightly compiler")?;
    }
    Ok(path)
}

/// Reads `#123 DONE cov: 45 ft: …` and `stat::number_of_executed_units: 123`.
fn counts(log: &str) -> Counts {
    let last = |after: &str| {
        let rest = log.rsplit_once(after).map_or("", |(_, rest)| rest).trim_start();
        rest.split(|c: char| !c.is_ascii_digit()).next().and_then(|number| number.parse().ok()).unwrap_or(0)
    };
    Counts { executions: last("stat::number_of_executed_units:"), coverage: last(" cov:") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fuzzers_last_words_are_read() {
        let log = "#2\tINITED cov: 7 ft: 9\n#99\tDONE   cov: 45 ft: 80 corp: 9/1b\nDone 99 runs in 1 second(s)\n\
                   stat::number_of_executed_units: 99\nstat::average_exec_per_sec:     99\n";
        assert_eq!(counts(log), Counts { executions: 99, coverage: 45 });
    }

    #[test]
    fn every_target_keeps_inputs() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let names = targets(root).unwrap();
        assert!(!names.is_empty());
        for name in names {
            let kept = fs::read_dir(root.join(FOLDER).join("corpus").join(&name));
            assert!(kept.is_ok_and(|mut kept| kept.next().is_some()), "{name}");
        }
    }
}
