//! What the agent's home held before the agent was there, so that checks can have it like that again.

use std::{
    collections::BTreeMap,
    fs::{self, Metadata},
    io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::folder::{is_ours, mounts};

/// How many entries are noted; what is beyond is not seen by checks.
const MOST: usize = 300_000;
/// How large a text may be that is noted whole, and all of them together, in bytes.
const TEXT: u64 = 256 << 10;
const TEXTS: u64 = 8 << 20;
/// How deep it goes.
const DEPTH: u32 = 60;

/// All of it, by path in the home. What has no name in UTF-8 is not noted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record(pub(super) BTreeMap<PathBuf, Entry>);

/// One file or folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Entry {
    Folder,
    /// A symbolic link, with its target.
    Link(PathBuf),
    /// A small text, which can be written again.
    Text {
        text: String,
        mode: u32,
    },
    /// Any other file. Nobody but root can change a file and keep the time of its last change.
    File {
        inode: u64,
        size: u64,
        changed: (i64, i64),
    },
}

impl Record {
    /// Notes a folder.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn of(root: &Path) -> io::Result<Self> {
        let mut record = Self::default();
        let mut texts = TEXTS;
        // An image may have no such folder.
        if !root.is_dir() {
            return Ok(record);
        }
        record.note(root, Path::new(""), &mounts(), &mut texts, DEPTH)?;
        Ok(record)
    }

    fn note(
        &mut self,
        root: &Path,
        within: &Path,
        mounts: &[PathBuf],
        texts: &mut u64,
        depth: u32,
    ) -> io::Result<()> {
        for entry in fs::read_dir(root.join(within))? {
            let entry = entry?;
            let (path, place) = (within.join(entry.file_name()), entry.path());
            if path.to_str().is_none() || is_ours(&path) || MOST <= self.0.len() {
                continue;
            }
            let Some(noted) = Entry::of(&place, &entry.metadata()?, texts) else { continue };
            let enter = noted == Entry::Folder && 0 < depth && !mounts.contains(&place);
            self.0.insert(path.clone(), noted);
            if enter && let Err(error) = self.note(root, &path, mounts, texts, depth - 1) {
                tracing::debug!(%error, "a folder of the home is not noted");
            }
        }
        Ok(())
    }
}

impl Entry {
    /// `None` for what is no file: pipes and sockets.
    fn of(place: &Path, known: &Metadata, texts: &mut u64) -> Option<Self> {
        if known.is_dir() {
            return Some(Self::Folder);
        }
        if known.is_symlink() {
            return fs::read_link(place).ok().filter(|to| to.to_str().is_some()).map(Self::Link);
        }
        if !known.is_file() {
            return None;
        }
        if known.len() <= TEXT.min(*texts)
            && let Ok(text) = fs::read_to_string(place)
        {
            *texts = texts.saturating_sub(known.len());
            return Some(Self::Text { text, mode: mode(known) });
        }
        let changed = (known.ctime(), known.ctime_nsec());
        Some(Self::File { inode: known.ino(), size: known.len(), changed })
    }

    /// Whether it is still what it was. Of a folder only that it is one.
    pub(super) fn is_at(&self, place: &Path, known: &Metadata) -> bool {
        match self {
            Self::Folder => known.is_dir(),
            Self::Link(to) => known.is_symlink() && fs::read_link(place).is_ok_and(|now| now == *to),
            Self::Text { text, mode: noted } => {
                known.is_file()
                    && mode(known) == *noted
                    && known.len() == text.len() as u64
                    && fs::read(place).is_ok_and(|now| now == text.as_bytes())
            }
            Self::File { inode, size, changed } => {
                known.is_file()
                    && (known.ino(), known.len()) == (*inode, *size)
                    && (known.ctime(), known.ctime_nsec()) == *changed
            }
        }
    }

    /// Makes it again; `false` when only its owner has its content.
    pub(super) fn make(&self, place: &Path) -> io::Result<bool> {
        match self {
            Self::Folder => fs::create_dir(place)?,
            Self::Link(to) => std::os::unix::fs::symlink(to, place)?,
            Self::Text { text, mode } => {
                fs::write(place, text)?;
                fs::set_permissions(place, fs::Permissions::from_mode(*mode))?;
            }
            Self::File { .. } => return Ok(false),
        }
        Ok(true)
    }
}

fn mode(known: &Metadata) -> u32 {
    known.permissions().mode() & 0o7777
}
