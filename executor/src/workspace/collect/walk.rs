//! A first walk through all folders of a work tree, before git looks at it.

use std::{
    ffi::OsStr,
    fs::{self, File, FileType},
    io,
    os::unix::fs::FileTypeExt,
    path::{Path, PathBuf},
    thread,
};

use super::files::Files;
use crate::workspace::report::Report;

/// Files that git reads by itself.
const RULES: [&str; 3] = [".gitattributes", ".gitignore", ".gitmodules"];

/// What git will not tell of: a path and what it is.
#[derive(Default)]
pub(super) struct Walked {
    /// Pipes, sockets and devices.
    pub(super) odd: Vec<(PathBuf, &'static str)>,
    /// Folders that cannot be listed.
    pub(super) shut: Vec<(PathBuf, &'static str)>,
}

/// Opens folders that their owner has shut for as long as `files` lives: what is in them looks deleted to git.
/// And keeps git from waiting for a pipe.
pub(super) fn look(files: &Files, report: &Report) -> Walked {
    let mut walked = Walked::default();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        report.alive();
        let place = files.root.join(&folder);
        files.open_folder(&place);
        let entries = match fs::read_dir(&place) {
            Ok(entries) => entries,
            Err(error) => {
                walked.shut.extend(why(&error).map(|why| (folder, why)));
                continue;
            }
        };
        for entry in entries.flatten() {
            let (Ok(kind), name) = (entry.file_type(), entry.file_name()) else { continue };
            let path = folder.join(&name);
            if name == ".git" {
            } else if kind.is_dir() {
                folders.push(path);
            } else if let Some(odd) = odd(kind) {
                if kind.is_fifo() && RULES.iter().any(|rules| name == OsStr::new(rules)) {
                    end(files.root.join(&path));
                }
                walked.odd.push((path, odd));
            }
        }
    }
    walked
}

/// Why a folder cannot be listed; `None` when it is not there any more.
fn why(error: &io::Error) -> Option<&'static str> {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => None,
        io::ErrorKind::InvalidFilename => Some("its path is longer than the system takes"),
        _ => Some("the folder cannot be read"),
    }
}

/// What a file is that git has no word for.
pub(super) fn odd(kind: FileType) -> Option<&'static str> {
    match () {
        () if kind.is_fifo() => Some("it is a pipe"),
        () if kind.is_socket() => Some("it is a socket"),
        () if kind.is_char_device() || kind.is_block_device() => Some("it is a device"),
        () => None,
    }
}

/// Lets whoever reads this pipe come to its end, until the worker is done.
fn end(pipe: PathBuf) {
    thread::spawn(move || {
        while writes_nothing(&pipe) {
            // So that the reader sees the end before the next writer comes.
            thread::yield_now();
        }
    });
}

/// Waits for a reader, and hangs up.
fn writes_nothing(pipe: &Path) -> bool {
    let is_pipe = fs::symlink_metadata(pipe).is_ok_and(|known| known.file_type().is_fifo());
    is_pipe && File::options().write(true).open(pipe).is_ok()
}
