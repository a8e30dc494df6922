//! The home and the folders for temporary files as checks see them: as they were before the agent was there. What the
//! agent has left in them is set aside while checks run.

mod caches;
mod folder;
mod programs;
mod record;

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{Config, account::Account, checks::first_few, worker};
pub(crate) use folder::Aside;
use folder::Place;
use record::Record;

/// The worker's name.
const WORKER: &str = "fresh";
/// How long it may take.
const TIME: Duration = Duration::from_secs(300);
/// Where temporary files are; everybody may write there.
const SCRATCH: [&str; 3] = ["/tmp", "/var/tmp", "/dev/shm"];

/// How much a check gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// What was there at the start, and the agent's caches: for all checks in the workspace together.
    Caches,
    /// What was there at the start: for one check in a clean checkout, within the other.
    Bare,
}

/// What the worker is asked.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Question {
    Record(PathBuf),
    SetAside(Vec<Place>),
    PutBack(Vec<Place>),
}

/// What it answers; an error is a sentence.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    Record(Record),
    Aside(Aside),
    Failed(String),
}

/// The places, and what belongs there.
#[derive(Clone)]
pub(crate) struct Fresh {
    account: Account,
    home: PathBuf,
    scratch: Vec<PathBuf>,
    /// Where the record of the home is kept: an executor may be started again.
    file: PathBuf,
    record: Arc<Mutex<Option<Record>>>,
}

impl Fresh {
    /// The places that the settings name.
    pub(crate) fn of(config: &Config, account: Account) -> Self {
        // Without a user of its own what is there is everybody's.
        let scratch = match config.scratch.as_slice() {
            [] if account.is_apart() => SCRATCH.map(PathBuf::from).to_vec(),
            named => named.to_vec(),
        };
        let file = config.spool.join("home.json");
        let record = std::fs::read(&file).ok().and_then(|text| serde_json::from_slice(&text).ok());
        Self { account, home: config.agent_home.clone(), scratch, file, record: Arc::new(Mutex::new(record)) }
    }

    /// Notes what the home holds, before the agent is there.
    ///
    /// # Errors
    /// When it cannot be read or kept.
    pub(crate) async fn note(&self) -> io::Result<()> {
        let Answer::Record(record) = self.ask(&Question::Record(self.home.clone())).await? else {
            return Err(unexpected());
        };
        let part = self.file.with_extension("part");
        tokio::fs::write(&part, serde_json::to_vec(&record)?).await?;
        tokio::fs::rename(part, &self.file).await?;
        *self.record.lock().unwrap_or_else(PoisonError::into_inner) = Some(record);
        Ok(())
    }

    /// Whether it was noted, by this executor or an earlier one.
    pub(crate) fn is_noted(&self) -> bool {
        self.record.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Sets aside what the agent has left. No process of the agent may live.
    ///
    /// # Errors
    /// When that cannot be done; then all is as it was.
    pub(crate) async fn set_aside(&self, level: Level) -> io::Result<Aside> {
        match self.ask(&Question::SetAside(self.places(level)?)).await? {
            Answer::Aside(aside) => Ok(aside),
            _ => Err(unexpected()),
        }
    }

    /// Puts it back, and removes what the checks have left.
    ///
    /// # Errors
    /// When that cannot be done; what is still aside is put back the next time.
    pub(crate) async fn put_back(&self, level: Level) -> io::Result<()> {
        self.ask(&Question::PutBack(self.places(level)?)).await.map(drop)
    }

    fn places(&self, level: Level) -> io::Result<Vec<Place>> {
        let record = self.record.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let record = record.ok_or_else(|| io::Error::other("what the home held is not known"))?;
        let (aside, caches) = match level {
            Level::Caches => (".caisson-aside", true),
            Level::Bare => (".caisson-aside-too", false),
        };
        let place =
            |root: &Path, record| Place { root: root.to_owned(), aside: aside.to_owned(), record, caches };
        let scratch = self.scratch.iter().filter(|root| root.is_dir());
        let scratch: Vec<_> = scratch.map(|root| place(root, Record::default())).collect();
        Ok([vec![place(&self.home, record)], scratch].concat())
    }

    async fn ask(&self, question: &Question) -> io::Result<Answer> {
        match worker::ask(&self.account, WORKER, question, TIME).await? {
            Answer::Failed(why) => Err(io::Error::other(why)),
            answer => Ok(answer),
        }
    }
}

impl Aside {
    /// What is said of a check that did not pass: it may have missed some of it.
    pub(crate) fn words(&self, output: &str) -> String {
        const REMEDY: &str =
            "install what it needs in the workspace, by the check's own command, or in the image";
        if let Some(program) = programs::missed(&self.programs, output) {
            return format!("; `{program}` is in the agent's home, which checks do not see: {REMEDY}");
        }
        let names: Vec<_> = self.names.iter().map(|name| name.escape_debug().to_string()).collect();
        first_few(&names).map_or_else(String::new, |names| {
            format!("; checks do not see what the agent put into its home: {names} ({REMEDY})")
        })
    }
}

/// The worker: as the agent's user, which owns the places.
pub(crate) fn work(question: Question) -> Answer {
    let done = match question {
        Question::Record(home) => Record::of(&home).map(Answer::Record),
        Question::SetAside(places) => set_aside(&places).map(Answer::Aside),
        Question::PutBack(places) => {
            // One that fails keeps no other from being put back.
            let done = places.iter().map(Place::put_back).fold(Ok(()), io::Result::and);
            done.map(|()| Answer::Aside(Aside::default()))
        }
    };
    done.unwrap_or_else(|error| Answer::Failed(error.to_string()))
}

fn set_aside(places: &[Place]) -> io::Result<Aside> {
    let mut all = Aside::default();
    for (number, place) in places.iter().enumerate() {
        match place.set_aside() {
            // Only the home's are of interest.
            Ok(aside) if number == 0 => all = aside,
            Ok(_) => {}
            Err(error) => {
                places[..number].iter().try_for_each(Place::put_back)?;
                return Err(error);
            }
        }
    }
    Ok(all)
}

fn unexpected() -> io::Error {
    io::Error::other("the worker answered something else")
}
