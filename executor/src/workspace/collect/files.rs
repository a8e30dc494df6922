//! The files of a work tree as they are: unreadable ones are made readable for the time, odd ones are told apart.

use std::{
    cell::RefCell,
    fs::{self, Metadata, Permissions},
    io,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
};

use sha1::{Digest, Sha1};

use super::walk;

/// The bits that the owner needs to read a file, and to go through a folder.
const FILE: u32 = 0o400;
const FOLDER: u32 = 0o500;
/// What the owner needs in the outermost folder, where a repository may have to be replaced.
const ROOT: u32 = 0o700;

/// A work tree whose unreadable parts are open for as long as this lives.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) root: PathBuf,
    /// What was opened, and how it was before.
    opened: RefCell<Vec<(PathBuf, Permissions)>>,
}

/// What is at a path.
#[derive(Debug)]
pub(super) enum Found {
    /// A file, a symbolic link.
    File(Metadata),
    Folder,
    /// A pipe, a socket, a device: git has no word for it.
    Odd(&'static str),
    /// Nothing.
    Nothing,
    /// It cannot be looked at.
    Unreadable,
}

impl Files {
    pub(super) fn of(root: &Path) -> Self {
        Self { root: root.to_owned(), opened: RefCell::default() }
    }

    /// A folder that is open to its owner for as long as this lives.
    pub(super) fn opened(root: &Path) -> Self {
        let files = Self::of(root);
        if let Ok(known) = fs::metadata(root)
            && known.permissions().mode() & ROOT != ROOT
        {
            files.open(root, &known, ROOT);
        }
        files
    }

    /// What is at this path; a link on the way to it leads nowhere.
    pub(super) fn at(&self, path: &Path) -> Found {
        let mut place = self.root.clone();
        for part in path.parent().into_iter().flat_map(Path::components) {
            place.push(part);
            match self.look(&place) {
                Found::Folder => self.open_folder(&place),
                Found::Unreadable => return Found::Unreadable,
                Found::File(_) | Found::Odd(_) | Found::Nothing => return Found::Nothing,
            }
        }
        let found = self.look(&self.root.join(path));
        if let Found::File(known) = &found
            && known.is_file()
            && !self.open_file(&self.root.join(path), known)
        {
            return Found::Unreadable;
        }
        found
    }

    fn look(&self, place: &Path) -> Found {
        match fs::symlink_metadata(place) {
            Ok(known) if known.is_dir() => Found::Folder,
            Ok(known) if known.is_file() || known.is_symlink() => Found::File(known),
            Ok(known) => Found::Odd(walk::odd(known.file_type()).unwrap_or("it is no file")),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Found::Nothing
            }
            Err(_) => Found::Unreadable,
        }
    }

    /// Opens a folder whose owner shut it.
    pub(super) fn open_folder(&self, place: &Path) {
        if let Ok(known) = fs::symlink_metadata(place)
            && known.is_dir()
            && known.permissions().mode() & FOLDER != FOLDER
        {
            self.open(place, &known, FOLDER);
        }
    }

    fn open_file(&self, place: &Path, known: &Metadata) -> bool {
        known.permissions().mode() & FILE != 0 || self.open(place, known, FILE)
    }

    fn open(&self, place: &Path, known: &Metadata, bits: u32) -> bool {
        let mode = known.permissions().mode() & 0o7777;
        let done = fs::set_permissions(place, Permissions::from_mode(mode | bits)).is_ok();
        if done {
            self.opened.borrow_mut().push((place.to_owned(), Permissions::from_mode(mode)));
        }
        done
    }

    /// Whether the file's very bytes, or the link's target, are the blob of this id.
    pub(super) fn is_blob(&self, path: &Path, known: &Metadata, id: &str) -> bool {
        let content = if known.is_symlink() {
            fs::read_link(self.root.join(path)).map(|target| target.as_os_str().as_bytes().to_vec())
        } else {
            fs::read(self.root.join(path))
        };
        content.is_ok_and(|content| {
            let mut hash = Sha1::new_with_prefix(format!("blob {}\0", content.len()));
            hash.update(&content);
            format!("{:x}", hash.finalize()) == id
        })
    }

    /// The size of a file, or of all files in a folder, in bytes.
    pub(super) fn bytes(&self, path: &Path) -> u64 {
        size(&self.root.join(path))
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        // The last one first: a folder is shut after what is in it.
        for (place, permissions) in self.opened.borrow_mut().drain(..).rev() {
            if let Err(error) = fs::set_permissions(&place, permissions) {
                tracing::debug!(%error, "a file stays readable");
            }
        }
    }
}

fn size(place: &Path) -> u64 {
    match fs::symlink_metadata(place) {
        Ok(known) if known.is_dir() => {
            fs::read_dir(place).into_iter().flatten().flatten().map(|entry| size(&entry.path())).sum()
        }
        Ok(known) => known.len(),
        Err(_) => 0,
    }
}
