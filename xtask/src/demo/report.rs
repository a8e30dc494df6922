//! What the demo says in the end.

use std::{
    path::Path,
    process::{Command, ExitCode},
};

use anyhow::{Context, Result, ensure};
use owo_colors::{OwoColorize, Stream};
use serde_json::{Value, json};

/// A run that has ended, and where to look at it.
pub(super) struct Report {
    run: Value,
    ui: String,
    token: String,
}

impl Report {
    /// A report on this run of the server at `address`.
    pub(super) fn new(run: Value, address: &str, token: &str) -> Self {
        let ui = format!("{address}/runs/{}", run["id"].as_str().unwrap_or_default());
        Self { run, ui, token: token.to_owned() }
    }

    fn text(&self, field: &str) -> &str {
        self.run[field].as_str().unwrap_or_default()
    }

    /// The commits, the cost and the way to the UI; `repository` is the one to read the commits from.
    ///
    /// # Errors
    /// When the branch that the run names is not in the repository.
    pub(super) fn print(&self, repository: Option<&Path>) -> Result<()> {
        println!();
        if let (Some(repository), Some(_)) = (repository, self.run["headCommit"].as_str()) {
            let branch = self.text("branch");
            println!("{} is in {}, with:", self.bold(branch), self.text("repository"));
            let range = format!("main..{branch}");
            println!("{}\n", git(repository, &["log", "--reverse", "--format=  %h %s", &range])?);
            println!("{}\n", git(repository, &["diff", "--stat=72", &range])?);
        }
        let cost = &self.run["cost"];
        let usd = cost["usd"].as_f64().unwrap_or_default();
        let unknown = if cost["known"] == true { "" } else { " that is known of; the whole is not known" };
        println!("Cost:     ${usd:.4}{unknown}");
        println!("The run:  {}", self.bold(&self.ui));
        println!("Sign in:  {}", self.bold(&self.token));
        Ok(())
    }

    fn bold(&self, text: &str) -> String {
        text.if_supports_color(Stream::Stdout, |text| text.bold()).to_string()
    }

    /// The result for scripts.
    pub(super) fn json(&self) -> Value {
        json!({
            "runId": self.run["id"],
            "outcome": self.run["outcome"],
            "repository": self.run["repository"],
            "branch": self.run["branch"],
            "headCommit": self.run["headCommit"],
            "messages": self.run["lastSeq"],
            "ui": self.ui,
        })
    }

    /// 0 for a run that succeeded.
    pub(super) fn exit_code(&self) -> ExitCode {
        if self.run["outcome"] == "succeeded" { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// What git says of a repository, without the last line end.
fn git(repository: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new("git").arg("-C").arg(repository).args(arguments).output();
    let output = output.context("cannot start git")?;
    let said = if output.status.success() { output.stdout } else { output.stderr };
    let said = String::from_utf8_lossy(&said).trim_end().to_owned();
    ensure!(output.status.success(), "git {}: {said}", arguments.join(" "));
    Ok(said)
}
