//! What of the container is the image's: programs, files and environment that the agent cannot have changed.

use std::{
    collections::BTreeMap,
    fs,
    io::Read,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use nix::unistd::geteuid;

/// The largest file that is read, in bytes.
const LARGEST: u64 = 1 << 20;
/// The write bits of the group and of everybody, the bit that keeps a shared folder's entries their owners',
/// and the bits to execute.
const WRITABLE: u32 = 0o022;
const STICKY: u32 = 0o1000;
const EXECUTABLE: u32 = 0o111;

/// The image below this root.
pub(super) struct Image {
    root: PathBuf,
    folders: Vec<PathBuf>,
    env: BTreeMap<String, String>,
}

impl Image {
    /// Keeps of the search path and of the environment what names nothing that the agent can write.
    pub(super) fn new(path: &str, env: BTreeMap<String, String>, root: PathBuf) -> Self {
        let folders = path.split(':').map(PathBuf::from);
        let folders = folders.filter(|folder| folder.is_absolute() && is_closed(folder)).collect();
        let fine =
            |value: &str| !value.contains("~") && (!value.starts_with('/') || is_closed(Path::new(value)));
        let env = env.into_iter().filter(|(_, value)| fine(value)).collect();
        Self { root, folders, env }
    }

    /// A program by its name.
    pub(super) fn program(&self, name: &str) -> Option<PathBuf> {
        let mut programs = self.folders.iter().map(|folder| folder.join(name));
        programs.find(|program| {
            let executable = |file: fs::Metadata| file.is_file() && file.mode() & EXECUTABLE != 0;
            fs::metadata(program).is_ok_and(executable) && is_closed(program)
        })
    }

    /// The search path.
    pub(super) fn path(&self) -> String {
        let folders: Vec<_> = self.folders.iter().map(|folder| folder.to_string_lossy()).collect();
        folders.join(":")
    }

    /// The variables for package managers.
    pub(super) const fn env(&self) -> &BTreeMap<String, String> {
        &self.env
    }

    /// A file's text; empty when it is not there, not text, or the agent could have written it.
    pub(super) fn text(&self, path: impl AsRef<Path>) -> String {
        let path = self.at(path);
        let read = || {
            let mut text = String::new();
            fs::File::open(&path)?.take(LARGEST).read_to_string(&mut text).map(|_| text)
        };
        let is_file = fs::metadata(&path).is_ok_and(|file| file.is_file());
        if is_file && is_closed(&path) { read().unwrap_or_default() } else { String::new() }
    }

    /// The files in a folder, by their names.
    pub(super) fn files(&self, folder: impl AsRef<Path>) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.at(folder)).into_iter().flatten().flatten();
        let mut files: Vec<_> = entries.map(|entry| entry.path()).take(200).collect();
        files.sort();
        files
    }

    fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        if path.starts_with(&self.root) {
            return path.to_path_buf();
        }
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }
}

/// Whether nobody but root and the executor can change what is at this path, or which file that is.
fn is_closed(path: &Path) -> bool {
    // Links on the way may be in other folders than what they lead to; both ways must be closed.
    let Ok(real) = path.canonicalize() else { return false };
    let closed = |path: &Path| {
        fs::symlink_metadata(path).is_ok_and(|file| {
            let ours = file.uid() == 0 || file.uid() == geteuid().as_raw();
            let shared = file.mode() & WRITABLE != 0 && !file.is_symlink();
            ours && (!shared || (file.is_dir() && file.mode() & STICKY != 0))
        })
    };
    path.is_absolute() && real.ancestors().chain(path.ancestors()).all(closed)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn what_others_can_write_is_not_the_images() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("open")).unwrap();
        for name in ["file", "open/file"] {
            fs::write(at(name), "x").unwrap();
        }
        fs::set_permissions(at("open"), fs::Permissions::from_mode(0o777)).unwrap();
        symlink(at("file"), at("open/link")).unwrap();
        symlink(at("open/file"), at("link")).unwrap();
        assert!(is_closed(&at("file")));
        for other in ["open", "open/file", "open/link", "link", "nowhere"] {
            assert!(!is_closed(&at(other)), "{other}");
        }
        let value = |path: &str| at(path).to_str().unwrap().to_owned();
        let env = [
            ("PIP_INDEX_URL", "https://example.org".to_owned()),
            ("CARGO_HOME", value("open")),
            ("PIP_CONFIG_FILE", value("file")),
            ("npm_config_userconfig", "~/x".to_owned()),
        ];
        let env = env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let image =
            Image::new(&format!("{}:relative:{}", value("open"), folder.path().display()), env, "/".into());
        assert_eq!(image.path(), folder.path().to_str().unwrap());
        assert_eq!(image.env().keys().collect::<Vec<_>>(), ["PIP_CONFIG_FILE", "PIP_INDEX_URL"]);
        assert_eq!((image.text(at("file")), image.text(at("open/file"))), ("x".to_owned(), String::new()));
    }
}
