//! A door in front of a server on loopback: it can be shut, so that a database is away although it runs, and it
//! can stand on another address.

use std::sync::Arc;

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

use crate::harness::within;

/// Passes connections on while it is open.
pub struct Door {
    /// The server through the door.
    pub url: String,
    state: Arc<watch::Sender<State>>,
    _passing: JoinSet<()>,
}

#[derive(Clone, Copy, Default)]
struct State {
    shut: bool,
    /// How many connections were refused.
    refused: u64,
}

impl Door {
    /// A door in front of the server at `url`.
    pub async fn open(url: &str) -> Self {
        Self::open_at("127.0.0.1", url).await
    }

    /// The same on this address of the machine.
    pub async fn open_at(address: &str, url: &str) -> Self {
        let mut url = url::Url::parse(url).expect("a URL");
        let behind = (url.host_str().expect("a host").to_owned(), url.port().expect("a port"));
        let listener = TcpListener::bind((address, 0)).await.expect("a port");
        url.set_host(Some(address)).expect("a host");
        url.set_port(Some(listener.local_addr().expect("an address").port())).expect("a port");
        let state = Arc::new(watch::Sender::new(State::default()));
        let mut passing = JoinSet::new();
        passing.spawn(pass(listener, behind, state.clone()));
        Self { url: url.to_string(), state, _passing: passing }
    }

    /// Cuts every connection and takes no new one.
    pub fn shut(&self) {
        self.state.send_modify(|state| *state = State { shut: true, refused: 0 });
    }

    /// Takes connections again.
    pub fn let_in(&self) {
        self.state.send_modify(|state| state.shut = false);
    }

    /// Waits until so many connections were refused since it was shut.
    pub async fn refused(&self, count: u64) {
        let mut changes = self.state.subscribe();
        let refused = changes.wait_for(|state| count <= state.refused);
        within("refused connections", refused).await.expect("it stands");
    }
}

async fn pass(listener: TcpListener, behind: (String, u16), state: Arc<watch::Sender<State>>) {
    let mut connections = JoinSet::new();
    while let Ok((mut client, _)) = listener.accept().await {
        if state.borrow().shut {
            state.send_modify(|state| state.refused += 1);
            continue;
        }
        let (behind, mut changes) = (behind.clone(), state.subscribe());
        connections.spawn(async move {
            let Ok(mut server) = TcpStream::connect(behind).await else { return };
            tokio::select! {
                _ = copy_bidirectional(&mut client, &mut server) => {}
                _ = changes.wait_for(|state| state.shut) => {}
            }
        });
    }
}
