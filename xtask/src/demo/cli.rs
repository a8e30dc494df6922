//! The `caisson` command line, as a user would call it.

use std::{path::PathBuf, process::Stdio, time::Duration};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::process::Command;

/// How long a container may take to be removed after its run has ended.
const REMOVAL_TRIES: u32 = 300;
const REMOVAL_PAUSE: Duration = Duration::from_millis(100);

/// The program, the server it talks to and the token it shows.
pub(super) struct Caisson {
    pub(super) program: PathBuf,
    pub(super) address: String,
    pub(super) token: String,
}

impl Caisson {
    /// In a process group of its own, so that Ctrl-C reaches us alone and everything ends in order.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.env("CAISSON_SERVER", &self.address).env("CAISSON_TOKEN", &self.token);
        command.env_remove("CAISSON_TOKEN_FILE").stdin(Stdio::null()).process_group(0).kill_on_drop(true);
        command
    }

    /// Runs a command and answers with the JSON it prints.
    ///
    /// # Errors
    /// When it fails: its own words are on standard error.
    pub(super) async fn json(&self, arguments: &[&str]) -> Result<Value> {
        let output = self.command().arg("--json").args(arguments).stderr(Stdio::inherit()).output();
        let output = output.await.context("cannot start caisson")?;
        if !output.status.success() {
            bail!("`caisson {}` failed ({})", arguments.join(" "), output.status);
        }
        serde_json::from_slice(&output.stdout).context("caisson printed something that is not JSON")
    }

    /// Runs a command in front of the user. Whether the run it shows failed is for the caller to find out.
    ///
    /// # Errors
    /// When the command itself failed.
    pub(super) async fn show(&self, arguments: &[&str]) -> Result<()> {
        let status = self.command().args(arguments).status().await.context("cannot start caisson")?;
        match status.code() {
            Some(0 | 1) => Ok(()),
            _ => bail!("`caisson {}` failed ({status})", arguments.join(" ")),
        }
    }

    /// Stores a task, unless an earlier demo has done so. Answers with its id.
    ///
    /// # Errors
    /// When the server refuses it.
    pub(super) async fn task(&self, task: &Value) -> Result<String> {
        let known = self.json(&["tasks", "ls"]).await?;
        let mut known = known.as_array().into_iter().flatten();
        let same =
            known.find(|known| known["name"] == task["name"] && known["steps"] == task["steps"]).cloned();
        let stored = match same {
            Some(stored) => stored,
            None => {
                let file = tempfile::NamedTempFile::new().context("cannot make a temporary file")?;
                std::fs::write(file.path(), task.to_string()).context("cannot write the task")?;
                let path = file.path().display().to_string();
                self.json(&["tasks", "create", "--file", &path]).await?
            }
        };
        stored["id"].as_str().map(str::to_owned).context("the server answered without a task")
    }

    /// Stops whatever is at work and waits until no container is left.
    ///
    /// # Errors
    /// When a container is still there after half a minute.
    pub(super) async fn stop_all(&self) -> Result<()> {
        let runs = self.json(&["runs", "ls", "--limit", "100"]).await?;
        let runs = runs["items"].as_array().into_iter().flatten();
        for id in runs.filter(|run| run["state"] != "ended").filter_map(|run| run["id"].as_str()) {
            self.json(&["runs", "cancel", id]).await?;
        }
        for _ in 0..REMOVAL_TRIES {
            let instances = self.json(&["instances", "ls"]).await?;
            if instances.as_array().is_none_or(Vec::is_empty) {
                return Ok(());
            }
            tokio::time::sleep(REMOVAL_PAUSE).await;
        }
        bail!("a container is still there; see `docker ps --filter label=caisson.run`")
    }
}
