//! The worker's side: sets aside what does not belong into a folder, and puts it back.
//!
//! A rename costs nothing, and the folder's own path stays what it was: programs find a user's home by `HOME` or by
//! the list of users.

use std::{
    ffi::OsStr,
    fs, io,
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, PermissionsExt},
    },
    path::{Path, PathBuf},
};

use nix::unistd::geteuid;
use serde::{Deserialize, Serialize};

use super::{
    caches::{is_cache, is_usual, leads_to_cache},
    programs,
    record::{Entry, Record},
};

/// What the executor's own folders are called, here and in `workspace`.
const OURS: &str = ".caisson-";
/// In the folder of what was set aside: the paths, and that all of them are there.
const LIST: &str = "list";
const WHOLE: &str = "whole";
/// How many names are answered.
const NAMES: usize = 50;

/// One folder whose content is set aside.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(super) root: PathBuf,
    /// The name, in it, of the folder of what was set aside.
    pub(super) aside: String,
    /// What belongs there.
    pub(super) record: Record,
    /// Whether the caches stay.
    pub(super) caches: bool,
}

/// What was set aside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Aside {
    /// Some of it, by path.
    pub(crate) names: Vec<String>,
    /// The names of programs and packages in it.
    pub(crate) programs: Vec<String>,
}

impl Place {
    /// Sets aside what does not belong, and makes again what is missing.
    ///
    /// # Errors
    /// When some of it cannot be moved; then all of it is put back.
    pub(super) fn set_aside(&self) -> io::Result<Aside> {
        if !self.root.is_dir() {
            return Ok(Aside::default());
        }
        self.put_back()?;
        let done = self.move_away();
        if done.is_err() {
            self.put_back()?;
        }
        done
    }

    fn move_away(&self) -> io::Result<Aside> {
        open(&self.root)?;
        let folder = self.aside();
        fs::create_dir(&folder)?;
        let leftovers = self.leftovers()?;
        let list: Vec<&[u8]> = leftovers.iter().map(|path| path.as_os_str().as_bytes()).collect();
        fs::write(folder.join(LIST), list.join(&b'\0'))?;
        let mut aside = Aside::default();
        for (number, path) in leftovers.iter().enumerate() {
            let place = folder.join(number.to_string());
            rename(&self.root.join(path), &place)?;
            let name = path.to_string_lossy();
            if !is_usual(&name) {
                programs::find(&place, path, &mut aside.programs);
                aside.names.extend((aside.names.len() < NAMES).then(|| name.into_owned()));
            }
        }
        self.complete(&mut aside.programs)?;
        fs::write(folder.join(WHOLE), "")?;
        // So that nothing finds it by chance.
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o0))?;
        Ok(aside)
    }

    /// Puts back what was set aside, and removes what has come meanwhile. Does nothing where nothing was.
    ///
    /// # Errors
    /// When some of it cannot be moved; it stays where it is, for the next time.
    pub(super) fn put_back(&self) -> io::Result<()> {
        let folder = self.aside();
        if !folder.is_dir() {
            return Ok(());
        }
        open(&folder)?;
        if folder.join(WHOLE).exists() {
            for path in self.leftovers()? {
                let changed = matches!(self.record.0.get(&path), Some(Entry::File { .. }));
                // Such a file cannot be made again: what is there is better than none.
                if !changed {
                    remove(&self.root.join(path))?;
                }
            }
            self.complete(&mut Vec::new())?;
            // From here on all that is there belongs there.
            fs::remove_file(folder.join(WHOLE))?;
        }
        let list = fs::read(folder.join(LIST)).unwrap_or_default();
        for (number, path) in list.split(|byte| *byte == 0).enumerate() {
            let (from, to) = (folder.join(number.to_string()), self.root.join(OsStr::from_bytes(path)));
            if from.symlink_metadata().is_err() {
                continue;
            }
            if to.symlink_metadata().is_ok() {
                remove(&to)?;
            }
            to.parent().map_or(Ok(()), fs::create_dir_all)?;
            rename(&from, &to)?;
        }
        remove(&folder)
    }

    fn aside(&self) -> PathBuf {
        self.root.join(&self.aside)
    }

    /// The uppermost files and folders that do not belong.
    fn leftovers(&self) -> io::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        self.look(Path::new(""), &mounts(), &mut found)?;
        Ok(found)
    }

    fn look(&self, within: &Path, mounts: &[PathBuf], found: &mut Vec<PathBuf>) -> io::Result<()> {
        let folder = self.root.join(within);
        open(&folder)?;
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let (path, place) = (within.join(entry.file_name()), entry.path());
            let known = entry.metadata()?;
            // A folder of everybody's holds what is others', and what is mounted is the operator's.
            if is_ours(&path) || known.uid() != geteuid().as_raw() || mounts.contains(&place) {
                continue;
            }
            let leads = || {
                self.caches && leads_to_cache(&path) || mounts.iter().any(|mount| mount.starts_with(&place))
            };
            match self.record.0.get(&path) {
                _ if self.caches && known.is_dir() && is_cache(&path) => {}
                Some(entry) if entry.is_at(&place, &known) => {
                    if known.is_dir() {
                        self.look(&path, mounts, found)?;
                    }
                }
                _ if known.is_dir() && leads() => self.look(&path, mounts, found)?,
                _ => found.push(path),
            }
        }
        Ok(())
    }

    /// Makes again what is missing; names what cannot be made.
    fn complete(&self, lost: &mut Vec<String>) -> io::Result<()> {
        for (path, entry) in &self.record.0 {
            let place = self.root.join(path);
            if place.symlink_metadata().is_err() && !entry.make(&place)? {
                lost.extend(path.file_name().map(|name| name.to_string_lossy().into_owned()));
            }
        }
        Ok(())
    }
}

/// Whether this is, or is in, a folder that the executor makes for itself.
pub(super) fn is_ours(path: &Path) -> bool {
    path.as_os_str().as_bytes().starts_with(OURS.as_bytes())
}

/// The places where something is mounted.
pub(super) fn mounts() -> Vec<PathBuf> {
    let table = fs::read("/proc/self/mountinfo").unwrap_or_default();
    let places =
        table.split(|byte| *byte == b'\n').filter_map(|line| line.split(|byte| *byte == b' ').nth(4));
    places.map(|place| PathBuf::from(OsStr::from_bytes(&unescaped(place)))).collect()
}

/// Blanks and the like are written as `\040`.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let (mut plain, mut rest) = (Vec::new(), text);
    while let Some((first, more)) = rest.split_first() {
        let digits = more.get(..3).filter(|_| *first == b'\\');
        let code = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        plain.push(code.unwrap_or(*first));
        rest = if code.is_some() { &more[3..] } else { more };
    }
    plain
}

/// Gives the owner all rights in a folder.
fn open(folder: &Path) -> io::Result<()> {
    let mode = fs::symlink_metadata(folder)?.permissions().mode();
    if mode & 0o700 == 0o700 {
        return Ok(());
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(mode | 0o700))
}

/// A folder whose owner may not write in it cannot be moved.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    let done = match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let mut shut = [from.parent(), Some(from)].into_iter().flatten().filter(|place| place.is_dir());
            shut.try_for_each(open).and_then(|()| fs::rename(from, to))
        }
        done => done,
    };
    done.map_err(|error| io::Error::new(error.kind(), format!("{} cannot be moved: {error}", from.display())))
}

/// Removes it, with everything in it that its owner has shut.
fn remove(place: &Path) -> io::Result<()> {
    if !fs::symlink_metadata(place)?.is_dir() {
        return fs::remove_file(place);
    }
    if fs::remove_dir_all(place).is_ok() {
        return Ok(());
    }
    open_all(place)?;
    fs::remove_dir_all(place)
}

fn open_all(folder: &Path) -> io::Result<()> {
    open(folder)?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_all(&entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
