//! What a worker hands over as bytes on its standard output: packs, bundles, archives.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};

use super::{
    files::{Files, Found},
    theirs::path_of,
};
use crate::{git::Raw, workspace::sealed::Sealed};

/// How much of what is left out of commits is kept, in bytes.
pub(super) const MOST_KEPT: u64 = 256 << 20;

/// Writes it.
///
/// # Errors
/// When something that it needs cannot be read.
pub(crate) fn write(asked: &Raw) -> io::Result<()> {
    match asked {
        Raw::Pack { stage, input } => {
            let git = Sealed::at(&stage.join("git"), stage);
            pass(&git, &["pack-objects", "--revs", "--stdout", "-q", "--delta-base-offset"], input)
        }
        Raw::Bundle { git_dir, refs, without } => {
            let git = Sealed::at(git_dir, git_dir);
            let glob = format!("--glob={refs}");
            pass(&git, &["bundle", "create", "--quiet", "-", &glob, "--stdin"], without)
        }
        Raw::Archive { root, paths } => archive(root, paths),
    }
}

/// Passes git's output on.
fn pass(git: &Sealed, arguments: &[&str], input: &str) -> io::Result<()> {
    let _open = way_to_objects(&git.git_dir);
    let mut command = git.command(arguments);
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::inherit());
    command.stderr(std::process::Stdio::inherit());
    let mut child = command.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes())?;
    }
    if child.wait()?.success() { Ok(()) } else { Err(io::Error::other("git failed")) }
}

/// Opens folders that their owner has shut on the way to the objects that a stage borrows, for as long as this lives.
fn way_to_objects(git_dir: &Path) -> Files {
    let files = Files::of(Path::new("/"));
    let borrowed = std::fs::read(git_dir.join("objects/info/alternates")).unwrap_or_default();
    for objects in borrowed.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(path_of) {
        let mut way: Vec<_> = objects.ancestors().collect();
        way.reverse();
        way.into_iter().for_each(|folder| files.open_folder(folder));
    }
    files
}

/// Files and folders as a compressed archive; what cannot be read is left out.
fn archive(root: &Path, paths: &[PathBuf]) -> io::Result<()> {
    let mut archive = tar::Builder::new(GzEncoder::new(io::stdout().lock(), Compression::fast()));
    archive.follow_symlinks(false);
    let files = Files::opened(root);
    for path in paths {
        add(&mut archive, &files, path);
    }
    archive.into_inner()?.finish()?.flush()
}

fn add<W: Write>(archive: &mut tar::Builder<W>, files: &Files, path: &Path) {
    let place = files.root.join(path);
    match files.at(path) {
        Found::File(_) => drop(archive.append_path_with_name(&place, path)),
        Found::Folder => {
            files.open_folder(&place);
            for entry in std::fs::read_dir(&place).into_iter().flatten().flatten() {
                if entry.file_name() != ".git" {
                    add(archive, files, &path.join(entry.file_name()));
                }
            }
        }
        Found::Odd(_) | Found::Nothing | Found::Unreadable => {}
    }
}
