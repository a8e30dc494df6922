//! JSON files that an operator writes: read whole, and refused with the name of the key that is wrong.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("{} cannot be read", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not JSON, or a key in it is unknown, missing or has a wrong value.
    #[error("{}: {key}", file.display())]
    Wrong {
        /// The file.
        file: PathBuf,
        /// The key, as `conversations[0].turns[1].hang`; `.` is the whole file.
        key: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// Reads a file.
pub(super) fn load<T: DeserializeOwned>(file: &Path) -> Result<T, Error> {
    let text = fs::read_to_string(file);
    let text = text.map_err(|source| Error::Unreadable { file: file.to_owned(), source })?;
    parse(file, &text)
}

/// Reads the text of a file.
pub(super) fn parse<T: DeserializeOwned>(file: &Path, text: &str) -> Result<T, Error> {
    let wrong = |key, source| Error::Wrong { file: file.to_owned(), key, source };
    let mut json = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| wrong(error.path().to_string(), error.into_inner()))?;
    // What follows the value would be lost without a word.
    json.end().map_err(|source| wrong(".".to_owned(), source))?;
    Ok(value)
}
