//! Where a Docker engine listens and what protects the way there, read as Docker's own clients read it.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use bollard::{API_DEFAULT_VERSION, Docker as Client, errors::Error as Cause};
use url::{Host, Url};

use crate::endpoint::is_loopback;

/// Where an engine listens when `DOCKER_HOST` does not say.
const DEFAULT: &str = "unix:///var/run/docker.sock";
/// In seconds, until the engine begins to answer. Making a container on a busy disk is the slowest.
const ANSWER_SECONDS: u64 = 120;
/// The client's key and certificate, and the authority that signed the engine's, as Docker names the files.
const FILES: [&str; 3] = ["key.pem", "cert.pem", "ca.pem"];

/// An engine's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    text: String,
    way: Way,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Way {
    Socket,
    /// A TCP port of this machine.
    Plain,
    /// A TCP port with TLS, both sides with certificates.
    Tls {
        host: Host,
        certificates: PathBuf,
    },
}

impl Default for Address {
    /// Docker's own.
    fn default() -> Self {
        Self { text: DEFAULT.to_owned(), way: Way::Socket }
    }
}

impl Address {
    /// Reads `DOCKER_HOST` and, where it wants TLS, the folder with the certificates (`DOCKER_CERT_PATH`).
    ///
    /// # Errors
    /// A sentence on what is wrong with it and what would be right.
    pub fn read(host: Option<&str>, certificates: Option<&Path>) -> Result<Self, String> {
        let Some(text) = host.map(str::trim).filter(|text| !text.is_empty()) else {
            return Ok(Self::default());
        };
        if text.starts_with("unix://") {
            return Ok(Self { text: text.to_owned(), way: Way::Socket });
        }
        let rest = text.strip_prefix("tcp://").or_else(|| text.strip_prefix("http://"));
        let rest = rest.ok_or_else(|| format!("`{text}` is not supported; give it as unix:// or tcp://"))?;
        let url = Url::parse(&format!("http://{rest}")).ok();
        let host = url.as_ref().and_then(Url::host).map(|host| host.to_owned());
        let host = host.ok_or_else(|| format!("`{text}` names no host; give it as tcp://HOST:PORT"))?;
        let way = match certificates {
            Some(folder) => {
                if let Some(missing) = FILES.map(|name| folder.join(name)).iter().find(|file| !file.is_file())
                {
                    return Err(format!(
                        "`{text}` needs TLS and there is no {}; DOCKER_CERT_PATH names the folder with {}",
                        missing.display(),
                        FILES.join(", ")
                    ));
                }
                Way::Tls { host, certificates: folder.to_owned() }
            }
            None if is_this_machine(&host) => Way::Plain,
            None => {
                return Err(format!(
                    "`{text}` would send every run's token in clear, and whoever reaches that port owns its host; \
                     let the engine listen with --tlsverify, and set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH"
                ));
            }
        };
        Ok(Self { text: text.to_owned(), way })
    }

    /// The engine's host, if that is another machine.
    #[must_use]
    pub fn remote_host(&self) -> Option<&Host> {
        match &self.way {
            Way::Tls { host, .. } if !is_this_machine(host) => Some(host),
            Way::Socket | Way::Plain | Way::Tls { .. } => None,
        }
    }

    /// A client of the engine there; it connects when it is first used.
    pub(super) fn client(&self) -> Result<Client, Cause> {
        match &self.way {
            Way::Socket => Client::connect_with_unix(&self.text, ANSWER_SECONDS, API_DEFAULT_VERSION),
            Way::Plain => Client::connect_with_http(&self.text, ANSWER_SECONDS, API_DEFAULT_VERSION),
            Way::Tls { certificates, .. } => {
                let [key, certificate, authority] = FILES.map(|name| certificates.join(name));
                Client::connect_with_ssl(
                    &self.text,
                    &key,
                    &certificate,
                    &authority,
                    ANSWER_SECONDS,
                    API_DEFAULT_VERSION,
                )
            }
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn is_this_machine(host: &Host) -> bool {
    is_loopback(host) || *host == Host::Domain("localhost".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_on_this_machine_needs_no_tls_and_another_does() {
        for text in
            ["", "unix:///run/docker.sock", "tcp://127.0.0.1:2375", "tcp://localhost:2375", "tcp://[::1]:1"]
        {
            let address = Address::read(Some(text), None).unwrap();
            assert_eq!(address.remote_host(), None, "{text}");
        }
        for text in ["tcp://10.231.0.2:2375", "http://engine.internal:2375", "tcp://[2001:db8::1]:2375"] {
            let why = Address::read(Some(text), None).unwrap_err();
            assert!(why.contains("in clear") && why.contains("DOCKER_TLS_VERIFY"), "{why}");
        }
        for text in ["ssh://user@host", "tcp://", "npipe://x", "10.0.0.1:2375"] {
            assert!(Address::read(Some(text), None).is_err(), "{text}");
        }
    }

    #[test]
    fn tls_needs_its_three_files_and_names_the_one_that_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let read = || Address::read(Some("tcp://engine.internal:2376"), Some(folder.path()));
        std::fs::write(folder.path().join("key.pem"), "").unwrap();
        std::fs::write(folder.path().join("cert.pem"), "").unwrap();
        let why = read().unwrap_err();
        assert!(why.contains("ca.pem") && why.contains("DOCKER_CERT_PATH"), "{why}");
        std::fs::write(folder.path().join("ca.pem"), "").unwrap();
        assert_eq!(read().unwrap().remote_host(), Some(&Host::Domain("engine.internal".to_owned())));
    }
}
