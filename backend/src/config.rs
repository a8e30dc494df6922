//! Every setting of `caisson serve`: a flag, its environment twin, its default, and what is refused.
//!
//! [`Serve`] is what was typed; [`Serve::validate`] turns it into a [`Config`] that the rest can trust.

use std::{io, path::PathBuf};

use clap::Args;

mod containers;
mod git;
mod http;
mod log;
mod model;
mod runs;
mod size;
mod storage;
#[cfg(test)]
mod tests;

pub use self::{
    containers::{ContainerArgs, Containers, EngineArgs},
    git::{Git, GitArgs},
    http::{Http, HttpArgs},
    log::{LogArgs, LogFormat},
    model::{Model, ModelArgs, ModelSource},
    runs::{Runs, RunsArgs},
    size::Size,
    storage::{Storage, StorageArgs},
};
use crate::secret::Secret;

/// The settings of `caisson serve`, as typed.
#[derive(Args, Clone, Debug)]
pub struct Serve {
    /// Where it listens and whom it answers.
    #[command(flatten)]
    pub http: HttpArgs,
    /// What it keeps, and where.
    #[command(flatten)]
    pub storage: StorageArgs,
    /// Which model the agents talk to.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Who commits, and how it gets at repositories.
    #[command(flatten)]
    pub git: GitArgs,
    /// How much work it takes on.
    #[command(flatten)]
    pub runs: RunsArgs,
    /// What a run's container is made of and may use.
    #[command(flatten)]
    pub containers: ContainerArgs,
    /// What it logs.
    #[command(flatten)]
    pub log: LogArgs,
}

/// The settings of `caisson serve`, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it listens and whom it answers.
    pub http: Http,
    /// What it keeps, and where.
    pub storage: Storage,
    /// Which model the agents talk to.
    pub model: Model,
    /// Who commits, and how it gets at repositories.
    pub git: Git,
    /// How much work it takes on.
    pub runs: Runs,
    /// What a run's container is made of and may use.
    pub containers: Containers,
}

/// Why a setting was refused. Each text names the flag and says what would be right.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The value makes no sense.
    #[error("{flag}: {why}")]
    Refused {
        /// The flag, as typed.
        flag: &'static str,
        /// What is wrong with it, and what would be right.
        why: String,
    },
    /// A file that a flag names could not be read.
    #[error("{flag}: cannot read {path}", path = path.display())]
    Unreadable {
        /// The flag, as typed.
        flag: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The data folder or the database in it could not be made.
    #[error("--data-dir: cannot create {path}; name a folder you can write to", path = path.display())]
    DataDir {
        /// The folder or file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

impl Error {
    fn refused(flag: &'static str, why: impl Into<String>) -> Self {
        Self::Refused { flag, why: why.into() }
    }
}

impl Serve {
    /// Checks every setting, reads the secrets' files and creates the data folder.
    /// Nothing listens and nothing is started before this has passed.
    ///
    /// # Errors
    /// At the first setting that makes no sense.
    pub fn validate(self) -> Result<Config, Error> {
        Ok(Config {
            http: self.http.validate()?,
            model: self.model.validate()?,
            git: self.git.validate()?,
            runs: self.runs.validate()?,
            containers: self.containers.validate()?,
            // Last, because it touches the disk.
            storage: self.storage.validate()?,
        })
    }
}

/// A secret from its flag or from its file; an empty one counts as none.
fn secret(flag: &'static str, given: Option<Secret>, file: Option<PathBuf>) -> Result<Option<Secret>, Error> {
    let given = given.filter(|secret| !secret.expose().trim().is_empty());
    match (given, file) {
        (Some(_), Some(_)) => {
            Err(Error::refused(flag, format!("is set, and so is {flag}-file; set one of the two")))
        }
        (Some(secret), None) => Ok(Some(Secret::new(secret.expose().trim()))),
        (None, Some(path)) => match std::fs::read_to_string(&path) {
            Ok(text) if text.trim().is_empty() => {
                Err(Error::refused(flag, format!("the file {} is empty", path.display())))
            }
            Ok(text) => Ok(Some(Secret::new(text.trim()))),
            Err(source) => Err(Error::Unreadable { flag, path, source }),
        },
        (None, None) => Ok(None),
    }
}

/// The value, if it lies within these bounds.
fn within<T>(flag: &'static str, value: T, least: T, most: T, what: &str) -> Result<T, Error>
where
    T: PartialOrd + std::fmt::Display,
{
    if least <= value && value <= most {
        return Ok(value);
    }
    Err(Error::refused(flag, format!("is {value}, must be {least} to {most}: {what}")))
}

/// The text, if there is any.
fn not_blank(flag: &'static str, text: String, what: &str) -> Result<String, Error> {
    if text.trim().is_empty() {
        return Err(Error::refused(flag, format!("is empty; give {what}")));
    }
    Ok(text)
}
