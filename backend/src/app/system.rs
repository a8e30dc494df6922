//! The server itself: is everything it needs well, and if not, what is to be done?

mod disk;
mod findings;
pub(crate) mod room;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use api::{
    Timestamp,
    system::{API_VERSION, Finding, Part, Status, Version},
};

use super::{App, Error, verbs::Verb};
use crate::{caller::Caller, metrics, store::Store};

/// How long the container engine may take to say how it is.
const ENGINE: Duration = Duration::from_secs(3);
/// A working run is reported as stalled after this long without output, or after twice the silence notice if that is
/// longer.
const STALLED: Duration = Duration::from_secs(600);
/// How many stalled runs are reported.
const MOST_STALLED: u64 = 20;

impl App {
    /// What runs here.
    ///
    /// # Errors
    /// `Forbidden`.
    pub fn version(&self, caller: &Caller) -> Result<Version, Error> {
        Verb::SystemVersion.check(caller)?;
        let (version, commit) = (env!("CARGO_PKG_VERSION").to_owned(), crate::commit().to_owned());
        Ok(Version { version, api: API_VERSION, commit })
    }

    /// Counts and times for Prometheus.
    ///
    /// # Errors
    /// `Forbidden`.
    pub(crate) async fn figures(&self, caller: &Caller) -> Result<String, Error> {
        Verb::Metrics.check(caller)?;
        Ok(metrics::text(self).await)
    }

    /// Counts, and the health of every part; what `caisson doctor` shows.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn status(&self, caller: &Caller) -> Result<Status, Error> {
        Verb::SystemStatus.check(caller)?;
        let now = Timestamp::now();
        let figures = self.store.figures().await?;
        let silence = STALLED.max(self.config.runs.silence_notice * 2);
        let stalled = self.store.run_list_silent(now - silence, MOST_STALLED).await?;
        let (database, engine, image) =
            tokio::join!(self.database_part(), self.engine_part(), self.image_part());
        let disk = disk::of(&self.full_first());
        let mut status = Status {
            queue: figures.count("queued"),
            gates_waiting: figures.count("waiting"),
            runs: figures.runs,
            instances: figures.instances,
            slots: u64::from(self.config.runs.slots),
            database,
            engine,
            image,
            model: Part { ok: self.broker.is_ready(), detail: self.broker.describe() },
            oldest_queued_at: figures.oldest_queued_at,
            events_stored: figures.events_stored,
            batches_active: figures.batches_active,
            disk_free_bytes: disk.map(|disk| disk.free),
            disk_total_bytes: disk.map(|disk| disk.total),
            stalled,
            now: Some(now),
            findings: Vec::new(),
            jobs: self.jobs.all(),
        };
        let clocks = findings::Clocks {
            database: self.store.database_now().await?,
            newest_run: self.store.run_newest().await?,
        };
        status.findings = findings::all(&status, u64::from(self.config.runs.queue), now, clocks);
        status.findings.push(Finding {
            name: "git".to_owned(),
            ok: true,
            detail: self.broker.describe_git(),
        });
        Ok(status)
    }

    /// Whether the container engine answers.
    pub async fn engine_part(&self) -> Part {
        let asked = async {
            match self.engine.ping().await {
                Ok(version) => Part { ok: true, detail: version },
                Err(error) => Part { ok: false, detail: error.to_string() },
            }
        };
        tokio::time::timeout(ENGINE, asked).await.unwrap_or_else(|_| silent())
    }

    /// The folder whose disk is full first: the embedded database's, which grows with every log.
    fn full_first(&self) -> PathBuf {
        let file = Store::file_of(self.config.storage.database_url.expose());
        let folder = file.as_deref().and_then(Path::parent).filter(|folder| !folder.as_os_str().is_empty());
        folder.unwrap_or(&self.config.storage.data_dir).to_owned()
    }

    /// Which database it is, without where and with what credentials.
    fn database_kind(&self) -> &'static str {
        if self.config.storage.database_url.expose().starts_with("postgres") {
            "PostgreSQL"
        } else {
            "SQLite"
        }
    }

    async fn image_part(&self) -> Part {
        let image = &self.config.containers.image;
        let asked = async {
            match self.engine.image_exists(image).await {
                Ok(true) => Part { ok: true, detail: image.clone() },
                Ok(false) => Part {
                    ok: false,
                    detail: format!("there is no image {image}: build it with `caisson image build`"),
                },
                Err(error) => Part { ok: false, detail: error.to_string() },
            }
        };
        tokio::time::timeout(ENGINE, asked).await.unwrap_or_else(|_| silent())
    }

    /// Whether the database can be read and written. What is wrong is said in words that anybody may read.
    pub async fn database_part(&self) -> Part {
        let kind = self.database_kind();
        if let Err(error) = self.store.ping().await {
            tracing::warn!(%error, "the database cannot be read");
            let detail = format!("the database ({kind}) cannot be read: see the server's log");
            return Part { ok: false, detail };
        }
        let detail = match self.store.check_writable().await {
            Ok(()) => return Part { ok: true, detail: kind.to_owned() },
            Err(trouble) => format!(
                "the database ({kind}) can be read, but not written: {trouble}; {}. Until then nothing is \
                 lost: runs wait in their containers",
                trouble.remedy()
            ),
        };
        Part { ok: false, detail }
    }
}

/// An engine that takes the question and does not answer.
fn silent() -> Part {
    let detail = format!("the container engine has not answered for {} s; restart it", ENGINE.as_secs());
    Part { ok: false, detail }
}
