//! Settings of what is kept: the data folder, the database, the server's key, the first token.

use std::{
    fs,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::PathBuf,
};

use clap::Args;

use super::{Error, Size, secret, within};
use crate::{
    auth,
    secret::Secret,
    secrets::{self, Key},
};

/// What the server keeps, and where, as typed.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Storage and access")]
pub struct StorageArgs {
    /// Folder for the database, the server's key and artifacts; created for this user only
    /// [default: `$XDG_DATA_HOME/caisson` or `~/.local/share/caisson`]
    #[arg(long, env = "CAISSON_DATA_DIR", value_name = "FOLDER")]
    pub data_dir: Option<PathBuf>,
    /// Database, `sqlite://…` or `postgres://…` [default: caisson.db in the data folder]
    #[arg(long, env = "CAISSON_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<Secret>,
    /// File with the database's URL
    #[arg(long, env = "CAISSON_DATABASE_URL_FILE", value_name = "FILE")]
    pub database_url_file: Option<PathBuf>,
    /// File with the server's key: 64 hexadecimal digits; made if it is missing. Backends that share a
    /// database share it [default: server.key in the data folder]
    #[arg(long, env = "CAISSON_KEY_FILE", value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// Days for which the events of a run are kept after its end (0 to 36500); 0 is for ever. The run itself
    /// stays, with its outcome, its cost and its branch
    #[arg(long, env = "CAISSON_KEEP_EVENTS_DAYS", value_name = "DAYS", default_value_t = 0)]
    pub keep_events_days: u32,
    /// Days for which the artifacts of a run, its patches, are kept after its end (0 to 36500); 0 is for ever
    #[arg(long, env = "CAISSON_KEEP_ARTIFACTS_DAYS", value_name = "DAYS", default_value_t = 0)]
    pub keep_artifacts_days: u32,
    /// How much is kept of a run beside its branch and its patches, all in all: commits that could not be pushed or
    /// are elsewhere, files that were left out (at most 512m)
    #[arg(long, env = "CAISSON_KEEP_BYTES", value_name = "SIZE", default_value = "64m")]
    pub keep_bytes: Size,
    /// Days for which the audit log is kept (0 to 36500); 0 is for ever
    #[arg(long, env = "CAISSON_AUDIT_DAYS", value_name = "DAYS", default_value_t = 365)]
    pub audit_days: u32,
    /// Keys that secrets are sealed with: 32 random bytes in base64 or hex, one a line, the newest first; the
    /// others only open what they have sealed. Other users of this machine can see flags, so prefer the file
    /// [default: derived from the server's key]
    #[arg(long, env = "CAISSON_SECRETS_KEY", value_name = "KEYS", hide_env_values = true)]
    pub secrets_key: Option<Secret>,
    /// File with the keys that secrets are sealed with
    #[arg(long, env = "CAISSON_SECRETS_KEY_FILE", value_name = "FILE")]
    pub secrets_key_file: Option<PathBuf>,
    /// First admin token, 16 characters or more, instead of having one made and shown at the first
    /// start; other users of this machine can see flags, so prefer the file
    #[arg(long, env = "CAISSON_ADMIN_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub admin_token: Option<Secret>,
    /// File with the first admin token
    #[arg(long, env = "CAISSON_ADMIN_TOKEN_FILE", value_name = "FILE")]
    pub admin_token_file: Option<PathBuf>,
}

/// What the server keeps, and where, checked. The data folder exists.
#[derive(Clone, Debug)]
pub struct Storage {
    /// The data folder.
    pub data_dir: PathBuf,
    /// The database. A secret, because it may hold a password.
    pub database_url: Secret,
    /// The file of the server's key, see `Keys::load`.
    pub key_file: PathBuf,
    /// Days for which events are kept; 0 is for ever.
    pub keep_events_days: u32,
    /// Days for which artifacts are kept; 0 is for ever.
    pub keep_artifacts_days: u32,
    /// How many bytes are kept of a run beside its branch and its patches.
    pub keep_bytes: u64,
    /// Days for which the audit log is kept; 0 is for ever.
    pub audit_days: u32,
    /// The keys that were given for secrets, newest first.
    pub secrets_keys: Vec<Key>,
    /// The first admin token, if one was given.
    pub admin_token: Option<Secret>,
}

/// The longest time for which anything is kept, in days.
const MAX_DAYS: u32 = 36_500;
/// The most that is kept of a run, in bytes: each artifact is a value in the database, and in memory while it is stored.
const MAX_KEPT: Size = Size(512 << 20);

impl StorageArgs {
    pub(super) fn validate(self) -> Result<Storage, Error> {
        let admin_token = secret("--admin-token", self.admin_token, self.admin_token_file)?;
        if let Some(token) = &admin_token {
            auth::check_strength(token).map_err(|weak| Error::refused("--admin-token", weak.to_string()))?;
        }
        let days = |flag, days| within(flag, days, 0, MAX_DAYS, "days; 0 is for ever");
        let keep_events_days = days("--keep-events-days", self.keep_events_days)?;
        let keep_artifacts_days = days("--keep-artifacts-days", self.keep_artifacts_days)?;
        let keep_bytes = within("--keep-bytes", self.keep_bytes, Size(0), MAX_KEPT, "kept of one run")?.0;
        let audit_days = days("--audit-days", self.audit_days)?;
        let given = secret("--secrets-key", self.secrets_key, self.secrets_key_file)?;
        let secrets_keys = given.map(|text| secrets::read_keys(text.expose())).transpose();
        let secrets_keys = secrets_keys
            .map_err(|error| Error::refused("--secrets-key", error.to_string()))?
            .unwrap_or_default();
        let database_url = secret("--database-url", self.database_url, self.database_url_file)?;
        if let Some(url) = &database_url {
            check_database(url)?;
        }
        let data_dir = match self.data_dir.filter(|folder| !folder.as_os_str().is_empty()) {
            Some(folder) => folder,
            None => default_folder()?,
        };
        // Prompts, code and output lie in it: no other user of this machine may look inside.
        let created = fs::DirBuilder::new().recursive(true).mode(0o700).create(&data_dir);
        created.map_err(|source| Error::DataDir { path: data_dir.clone(), source })?;
        let database_url = match database_url {
            Some(url) => url,
            None => embedded(data_dir.join("caisson.db"))?,
        };
        Ok(Storage {
            database_url,
            key_file: self.key_file.unwrap_or_else(|| data_dir.join("server.key")),
            keep_events_days,
            keep_artifacts_days,
            keep_bytes,
            audit_days,
            secrets_keys,
            admin_token,
            data_dir,
        })
    }
}

/// The embedded database. `SQLite` gives its other files the mode of this one, so that nobody else can
/// read them even where the folder was there before and is open.
fn embedded(path: PathBuf) -> Result<Secret, Error> {
    let created = fs::OpenOptions::new().append(true).create(true).mode(0o600).open(&path);
    created.map_err(|source| Error::DataDir { path: path.clone(), source })?;
    // These two mean something in a URL.
    let name = path.display().to_string().replace('%', "%25").replace('?', "%3F");
    Ok(Secret::new(format!("sqlite://{name}?mode=rwc")))
}

fn check_database(url: &Secret) -> Result<(), Error> {
    let known = ["sqlite:", "postgres:", "postgresql:"];
    if known.iter().any(|scheme| url.expose().starts_with(scheme)) {
        return Ok(());
    }
    Err(Error::refused(
        "--database-url",
        "write sqlite:///PATH/TO/FILE or postgres://USER:PASSWORD@HOST/DATABASE",
    ))
}

/// The folder for a user's data, by the XDG base directory convention.
fn default_folder() -> Result<PathBuf, Error> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let data = absolute("XDG_DATA_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/share")));
    let data = data.ok_or_else(|| Error::refused("--data-dir", "is needed, because HOME is not set"))?;
    Ok(data.join("caisson"))
}
