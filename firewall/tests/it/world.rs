//! A gate, a relay, and an outside of one's own.

use std::{
    collections::HashMap,
    future::Future,
    io::{Error, ErrorKind, Result},
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use firewall::{
    border::Border,
    gate::{self, Failed, Family, Found, Upstream},
    line::{Denied, FromGate},
    own::Own,
    policy::Name,
    relay::{self, Network},
};
use hickory_proto::{
    op::{Message, MessageType, OpCode, Query, ResponseCode},
    rr::{Name as DnsName, RData, RecordType},
};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream, UdpSocket},
    task::JoinSet,
};

/// Everything of one test.
pub(crate) struct World {
    pub(crate) border: Arc<Border>,
    pub(crate) names: Arc<Names>,
    gate: SocketAddr,
    relay: SocketAddr,
    outside: Arc<Outside>,
    tasks: JoinSet<()>,
}

/// The names that resolve, and how often anybody asked.
#[derive(Default)]
pub(crate) struct Names {
    pub(crate) addresses: Mutex<HashMap<String, Vec<IpAddr>>>,
    pub(crate) asked: AtomicUsize,
    search: Vec<Name>,
}

/// Where connections of the agent were meant to go, and who is really there.
#[derive(Default)]
struct Outside {
    meant: Mutex<HashMap<SocketAddr, SocketAddr>>,
    hosts: Mutex<HashMap<SocketAddr, SocketAddr>>,
}

impl World {
    /// With this policy, in a container at 172.18.0.5 that has IPv6 and searches `corp.example`.
    pub(crate) async fn new(policy: &[&str]) -> Self {
        let own = Own::of(vec!["172.18.0.5/16".parse().unwrap(), "2001:db8:5::5/64".parse().unwrap()]);
        let border = Arc::new(Border::new(own));
        let (names, outside) = (Names::default(), Arc::new(Outside::default()));
        let names = Arc::new(Names { search: vec![Name::ascii("corp.example").unwrap()], ..names });
        let questions = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let connections = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (gate, relay) = (questions.local_addr().unwrap(), connections.local_addr().unwrap());
        let mut tasks = JoinSet::new();
        let served = gate::datagrams(questions, Arc::clone(&border), Arc::clone(&names));
        tasks.spawn(async { served.await.unwrap() });
        let served = relay::serve(connections, Arc::clone(&border), Arc::clone(&outside));
        tasks.spawn(async { served.await.unwrap() });
        let world = Self { border, names, gate, relay, outside, tasks };
        world.allow(policy);
        world
    }

    pub(crate) fn allow(&self, policy: &[&str]) {
        self.border.allow(&policy.iter().map(|&entry| entry.to_owned()).collect::<Vec<_>>());
    }

    pub(crate) fn resolves(&self, name: &str, addresses: &[&str]) {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        self.names.addresses.lock().unwrap().insert(name.to_owned(), addresses);
    }

    /// Puts a host outside that treats each connection so.
    pub(crate) async fn host<F>(&mut self, address: &str, serve: impl Fn(TcpStream) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let really = listener.local_addr().unwrap();
        self.outside.hosts.lock().unwrap().insert(address.parse().unwrap(), really);
        self.tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream));
            }
        });
    }

    /// A connection of the agent to there, as the rules redirect it.
    pub(crate) async fn connect(&self, to: &str) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let from = socket.local_addr().unwrap();
        self.outside.meant.lock().unwrap().insert(from, to.parse().unwrap());
        socket.connect(self.relay).await.unwrap()
    }

    /// A question of the agent.
    pub(crate) async fn ask(&self, name: &str, kind: RecordType) -> (ResponseCode, Vec<RData>) {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let mut message = Message::new(3, MessageType::Query, OpCode::Query);
        message.add_query(Query::query(DnsName::from_ascii(name).unwrap(), kind));
        socket.send_to(&message.to_vec().unwrap(), self.gate).await.unwrap();
        let mut answer = [0; 4096];
        let (length, _) = socket.recv_from(&mut answer).await.unwrap();
        let answer = Message::from_vec(&answer[..length]).unwrap();
        (answer.metadata.response_code, answer.answers.into_iter().map(|record| record.data).collect())
    }

    /// Asks for the name, so that the relay knows its addresses.
    pub(crate) async fn look_up(&self, name: &str) {
        assert_eq!(self.ask(name, RecordType::A).await.0, ResponseCode::NoError);
    }

    /// The next refusal that is told.
    pub(crate) async fn denied(&self) -> Denied {
        match &self.border.told().await[..] {
            [FromGate::Denied { denied }] => denied.clone(),
            other => panic!("{other:?}"),
        }
    }
}

impl Upstream for Names {
    async fn look_up(&self, name: &Name, family: Family) -> std::result::Result<Found, Failed> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let addresses = self.addresses.lock().unwrap().get(name.as_str()).cloned();
        let mut addresses = addresses.ok_or(Failed::NoSuchName)?;
        addresses.retain(|address| address.is_ipv6() == (family == Family::V6));
        Ok(Found { addresses, ttl: 60 })
    }

    fn search(&self) -> &[Name] {
        &self.search
    }
}

impl Network for Outside {
    fn original(&self, stream: &TcpStream) -> Result<SocketAddr> {
        let from = stream.peer_addr()?;
        self.meant.lock().unwrap().get(&from).copied().ok_or_else(|| ErrorKind::NotFound.into())
    }

    async fn connect(&self, to: SocketAddr) -> Result<TcpStream> {
        let really = self.hosts.lock().unwrap().get(&to).copied();
        TcpStream::connect(really.ok_or_else(|| Error::other("nobody is there"))?).await
    }
}
