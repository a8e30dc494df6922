//! The server's key: 32 random bytes from which every token inside a container is derived.
//!
//! Derived tokens need no storage: after a restart the backend computes the same ones again, and a
//! container that outlived it still knows them.

mod identity;

use std::{
    fs, io,
    io::Write,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use api::id::{InstanceId, RunId};
use hmac::{Hmac, Mac, digest::KeyInit};
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

pub use self::identity::Identity;
use crate::hex;

/// Why the server's key could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file could not be read or written.
    #[error("cannot {what} the server key {path}; check its owner, or name another with --key-file", path = path.display())]
    Io {
        /// What was tried: `read`, `create`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The file holds something else.
    #[error("{path} is not a server key: it must hold 64 hexadecimal digits", path = .0.display())]
    Malformed(PathBuf),
    /// Everybody on this machine can read the file.
    #[error("the server key {path} can be read by every user; run: chmod 600 {path}", path = .0.display())]
    Exposed(PathBuf),
    /// A container's certificate could not be made.
    #[error("the certificate of a container cannot be made: {0}")]
    Certificate(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The server's key. Whoever has it can speak to every container of this server.
#[derive(Clone)]
pub struct Keys([u8; 32]);

impl Drop for Keys {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Keys {
    /// Reads the key from `path`; creates it there (mode 0600) on the very first start.
    ///
    /// # Errors
    /// When the file cannot be read or created, holds no key, or can be read by every user.
    pub fn load(path: &Path) -> Result<Self, Error> {
        if !path.exists() {
            create(path).map_err(|source| Error::Io { what: "create", path: path.into(), source })?;
        }
        Self::read(path)
    }

    fn read(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Io { what: "read", path: path.into(), source };
        if fs::metadata(path).map_err(failed)?.mode() & 0o007 != 0 {
            return Err(Error::Exposed(path.into()));
        }
        let text = fs::read_to_string(path).map_err(failed)?;
        hex::decode(text.trim()).map(Self).ok_or_else(|| Error::Malformed(path.into()))
    }

    /// What the backend shows to the executor of this instance, and only to that one.
    #[must_use]
    pub fn instance_token(&self, id: InstanceId) -> String {
        self.derive("instance", &id.to_string())
    }

    /// With what the executor of this instance proves to the backend that it is the one.
    ///
    /// # Errors
    /// `Certificate`, which no key causes.
    pub fn instance_identity(&self, id: InstanceId) -> Result<Identity, Error> {
        Identity::new(&Zeroizing::new(self.mac("identity", &id.to_string())))
    }

    /// What this run's agent shows to the broker. Worth nothing once the run has ended.
    #[must_use]
    pub fn model_token(&self, id: RunId) -> String {
        self.derive("model", &id.to_string())
    }

    /// A short public name of this server, for the label of its containers.
    #[must_use]
    pub fn server_id(&self) -> String {
        self.derive("server", "id")[..12].to_owned()
    }

    /// The key that secrets are sealed with where the operator gives none.
    pub(crate) fn secrets_key(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.mac("secrets", "key"))
    }

    fn derive(&self, label: &str, id: &str) -> String {
        hex::encode(&self.mac(label, id))
    }

    /// HMAC-SHA256 over the label and the id. The label keeps the uses apart.
    fn mac(&self, label: &str, id: &str) -> [u8; 32] {
        // HMAC fills a short key up to the hash's block with zeros; doing so here leaves no error case.
        let mut block = [0; 64];
        block[..32].copy_from_slice(&self.0);
        let mut mac = <Hmac<Sha256> as KeyInit>::new(&block.into());
        mac.update(format!("caisson {label} {id}").as_bytes());
        mac.finalize().into_bytes().into()
    }
}

/// Writes a new key beside `path` and links it into place, so that of two servers that start at once
/// both end up with the same, whole key.
fn create(path: &Path) -> io::Result<()> {
    let draft = path.with_extension(format!("{}.new", std::process::id()));
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    writeln!(file, "{}", hex::encode(&rand::random::<[u8; 32]>()))?;
    file.sync_all()?;
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_key_is_made_once_and_read_again_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server.key");
        let (first, second) = (Keys::load(&path).unwrap(), Keys::load(&path).unwrap());
        let run = RunId::mint();
        assert_eq!(first.model_token(run), second.model_token(run));
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "the draft is gone");
    }

    #[test]
    fn no_token_is_good_for_another_use_or_another_thing() {
        let keys = Keys([7; 32]);
        let id = RunId::mint();
        let same_id = InstanceId(id.0);
        assert_ne!(keys.model_token(id), keys.model_token(RunId::mint()));
        assert_ne!(keys.model_token(id), keys.instance_token(same_id));
        assert_ne!(Keys([8; 32]).model_token(id), keys.model_token(id));
        assert_eq!(keys.model_token(id).len(), 64);
        assert_eq!(keys.server_id().len(), 12);
    }

    #[test]
    fn a_damaged_or_exposed_key_is_refused_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server.key");
        fs::write(&path, "short").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let damaged = Keys::load(&path).err().unwrap().to_string();
        assert!(damaged.contains("64 hexadecimal digits"), "{damaged}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let exposed = Keys::load(&path).err().unwrap().to_string();
        assert!(exposed.contains("chmod 600"), "{exposed}");
    }
}
