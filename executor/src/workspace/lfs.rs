//! Large files kept elsewhere (Git LFS): nobody fetches them here, so people are told.

use git2::Repository;

/// What people are told.
pub(super) const NOTICE: &str = "The repository keeps files in Git LFS. They are checked out as small pointer \
                                 files: nothing here fetches their contents.";
/// How many files of attributes are looked into, and how large one may be, in bytes.
const FILES: usize = 200;
const LARGEST: usize = 256 << 10;

/// Whether some file's attributes name the filter. Looks at what is committed, in the index.
pub(super) fn named(repository: &Repository) -> bool {
    let Ok(index) = repository.index() else { return false };
    let attributes = index
        .iter()
        .filter(|entry| entry.path == b".gitattributes" || entry.path.ends_with(b"/.gitattributes"));
    attributes.take(FILES).any(|entry| {
        let small = repository.odb().and_then(|odb| odb.read_header(entry.id));
        let small = small.is_ok_and(|(size, _)| size <= LARGEST);
        small && repository.find_blob(entry.id).is_ok_and(|blob| names_filter(blob.content()))
    })
}

fn names_filter(attributes: &[u8]) -> bool {
    let attributes = String::from_utf8_lossy(attributes);
    let mut lines = attributes.lines().filter(|line| !line.trim_start().starts_with('#'));
    lines.any(|line| line.split_whitespace().skip(1).any(|attribute| attribute == "filter=lfs"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_attribute_counts() {
        assert!(names_filter(b"*.md text\n*.psd filter=lfs diff=lfs merge=lfs -text\n"));
        for other in ["", "# *.psd filter=lfs", "filter=lfs text", "*.psd filter=lfsx", "*.psd -filter"] {
            assert!(!names_filter(other.as_bytes()), "{other}");
        }
        assert!(!names_filter(b"\xff\xfe filter"));
    }
}
