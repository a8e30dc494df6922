//! A folder of the host that the operator shares with every run; pure but for one look at the path.

use std::{
    fmt,
    path::{Component, Path, PathBuf},
};

/// Where container engines listen. Whoever can write to such a socket is root on the host.
const SOCKETS: [&str; 6] = [
    "/var/run/docker.sock",
    "/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/run/podman/podman.sock",
    "/var/run/podman/podman.sock",
    "/run/crio/crio.sock",
];
/// What a mount must neither cover nor lie in: the system, and what belongs to the run.
const RESERVED: [&str; 15] = [
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/lib",
    "/lib64",
    "/proc",
    "/run",
    "/sbin",
    "/sys",
    "/usr",
    "/var/lib/caisson",
    "/workspace",
    "/home/agent",
    "/root",
];

/// `HOST:CONTAINER[:ro|rw]`; read-only unless it says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    host: PathBuf,
    container: PathBuf,
    writable: bool,
}

impl Mount {
    /// Reads a mount as the operator writes it.
    ///
    /// # Errors
    /// A sentence on what is wrong with it and what would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split(':').collect();
        let (host, container, writable) = match parts[..] {
            [host, container] | [host, container, "ro"] => (host, container, false),
            [host, container, "rw"] => (host, container, true),
            _ => {
                return Err(format!(
                    "`{text}` is not HOST:CONTAINER, HOST:CONTAINER:ro or HOST:CONTAINER:rw"
                ));
            }
        };
        let (host, container) = (plain(host)?, plain(container)?);
        // What a symbolic link leads to is what is shared.
        let real = std::fs::canonicalize(&host).unwrap_or_else(|_| host.clone());
        let is_socket = SOCKETS.iter().any(|socket| {
            let found = std::fs::canonicalize(socket).unwrap_or_else(|_| socket.into());
            found.starts_with(&real) || Path::new(socket).starts_with(&host)
        });
        if is_socket || real.extension().is_some_and(|ending| ending == "sock") {
            return Err(format!("`{text}` would give runs the engine's socket, and with it the host"));
        }
        let taken = RESERVED.iter().map(Path::new);
        if let Some(taken) =
            taken.into_iter().find(|taken| taken.starts_with(&container) || container.starts_with(taken))
        {
            return Err(format!("`{text}` covers {}; mount it below /mnt or /opt", taken.display()));
        }
        Ok(Self { host, container, writable })
    }
}

impl fmt::Display for Mount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = if self.writable { "rw" } else { "ro" };
        write!(f, "{}:{}:{mode}", self.host.display(), self.container.display())
    }
}

fn plain(path: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(path);
    let sound = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    if path.is_absolute() && sound {
        Ok(path)
    } else {
        Err(format!("`{}` is not an absolute path without `..`", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_shared_for_reading_unless_it_says_otherwise() {
        for (text, bind) in [
            ("/srv/cache:/cache", "/srv/cache:/cache:ro"),
            ("/srv/cache:/mnt/cache:ro", "/srv/cache:/mnt/cache:ro"),
            ("/srv/cache:/opt/x:rw", "/srv/cache:/opt/x:rw"),
        ] {
            assert_eq!(Mount::parse(text).unwrap().to_string(), bind);
        }
    }

    #[test]
    fn neither_the_engine_nor_the_run_s_own_places_can_be_mounted() {
        for text in [
            "/var/run/docker.sock:/docker.sock",
            "/run:/host",
            "/var/run:/host",
            "/:/host",
            "/run/docker.sock:/x:rw",
            "/tmp/other.sock:/x",
            "/srv:/",
            "/srv:/workspace",
            "/srv:/workspace/x",
            "/srv:/home",
            "/srv:/etc/ssl",
            "/srv:/proc",
            "srv:/x",
            "/srv/../run:/x",
            "/srv:x",
            "/srv",
            "/srv:/x:rx",
            "",
        ] {
            assert!(Mount::parse(text).is_err(), "{text}");
        }
    }
}
