//! The server itself: is everything it needs well?

use api::system::{Part, Status};

use super::{App, Error};

impl App {
    /// Counts, and the health of every part; what `caisson doctor` shows.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn status(&self) -> Result<Status, Error> {
        let runs = self.store.run_counts().await?;
        let (engine, image) = tokio::join!(self.engine_part(), self.image_part());
        Ok(Status {
            queue: runs.get("queued").copied().unwrap_or_default(),
            runs,
            instances: self.store.instance_count_live().await?,
            slots: u64::from(self.config.runs.slots),
            database: Part { ok: true, detail: self.database_kind().to_owned() },
            engine,
            image,
            model: Part { ok: self.broker.is_ready(), detail: self.broker.describe() },
        })
    }

    /// Whether the container engine answers.
    pub async fn engine_part(&self) -> Part {
        match self.containers.ping().await {
            Ok(version) => Part { ok: true, detail: format!("Docker {version}") },
            Err(error) => Part { ok: false, detail: error.to_string() },
        }
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
        match self.containers.image_exists(image).await {
            Ok(true) => Part { ok: true, detail: image.clone() },
            Ok(false) => Part {
                ok: false,
                detail: format!("there is no image {image}: build it with `caisson image build`"),
            },
            Err(error) => Part { ok: false, detail: error.to_string() },
        }
    }

    /// Whether the database answers.
    pub async fn database_part(&self) -> Part {
        match self.store.ping().await {
            Ok(()) => Part { ok: true, detail: self.database_kind().to_owned() },
            Err(error) => Part { ok: false, detail: error.to_string() },
        }
    }
}
