//! A socket that leads to the container engine: it can be cut or closed while the engine itself goes on.

use std::path::{Path, PathBuf};

use tokio::{
    io::copy_bidirectional,
    net::{UnixListener, UnixStream},
    sync::watch,
    task::JoinSet,
};

/// Leads to the engine until it is closed or dropped.
pub struct Socket {
    path: PathBuf,
    /// Counts the cuts.
    cuts: watch::Sender<u64>,
    connections: JoinSet<()>,
}

impl Socket {
    /// A socket in this folder.
    pub fn open(dir: &Path) -> Self {
        let path = dir.join("engine.sock");
        let listener = UnixListener::bind(&path).expect("a socket");
        let (cuts, heard) = watch::channel(0);
        let mut connections = JoinSet::new();
        connections.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((mut client, _)) = listener.accept().await {
                let mut heard = heard.clone();
                heard.mark_unchanged();
                open.spawn(async move {
                    let mut engine = UnixStream::connect("/var/run/docker.sock").await.expect("the engine");
                    tokio::select! {
                        _ = copy_bidirectional(&mut client, &mut engine) => {}
                        _ = heard.changed() => {}
                    }
                });
            }
        });
        Self { path, cuts, connections }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Cuts every connection; new ones are let in.
    pub fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Cuts every connection; nobody answers any more.
    pub async fn close(mut self) {
        self.connections.shutdown().await;
        std::fs::remove_file(&self.path).expect("the socket goes");
    }
}
