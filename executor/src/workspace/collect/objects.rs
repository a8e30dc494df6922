//! Copies objects from one repository to another, file by file.

use std::{fs, io, path::Path};

use crate::workspace::sealed::Sealed;

/// Copies the objects that are not there yet; what cannot be copied is missed when it is used.
pub(super) fn copy_objects(from: &Path, to: &Path) {
    let files = Sealed::object_files(from);
    // The index of a pack last: git takes a pack for whole when its index is there.
    let (late, early): (Vec<_>, Vec<_>) =
        files.into_iter().partition(|file| file.extension().is_some_and(|end| end == "idx"));
    for file in early.into_iter().chain(late) {
        let (source, target) = (from.join(&file), to.join(&file));
        // One of another size is a broken one, or packed by another git: ours is whole.
        let size = |place: &Path| fs::metadata(place).map(|known| known.len()).ok();
        if size(&target).is_some_and(|there| Some(there) == size(&source)) {
            continue;
        }
        if let Err(error) = copy(&source, &target) {
            tracing::debug!(%error, "an object could not be copied");
        }
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    to.parent().map_or(Ok(()), fs::create_dir_all)?;
    let part = to.with_extension("caisson");
    fs::copy(from, &part)?;
    fs::rename(part, to)
}
