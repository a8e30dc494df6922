//! One connection, from its original destination to its end.

use std::{
    io::{ErrorKind, Result},
    net::SocketAddr,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{
    Network,
    decide::{self, Denial, Verdict},
    first::{self, First},
    http, pump, refuse, tls,
};
use crate::{border::Border, policy::Name};

/// How long a host outside may take to accept.
const CONNECT: Duration = Duration::from_secs(10);
/// How long both sides may be silent before anything was decided.
const SILENCE: Duration = Duration::from_secs(60);
/// How long a client may take for its first line or hello once it began.
const HEAD: Duration = Duration::from_secs(10);
/// The ports at which only what names its server is relayed.
const NAMED_PORTS: [u16; 2] = [80, 443];

/// A connection that was not decided yet.
pub(super) struct Pending<'a> {
    border: &'a Border,
    from: SocketAddr,
    to: SocketAddr,
    /// The permitted names that its address was given for.
    names: Vec<Name>,
}

/// Relays one connection to its end.
///
/// # Errors
/// When one of the two sides fails.
pub(super) async fn relay<N: Network>(
    client: TcpStream,
    from: SocketAddr,
    border: &Border,
    network: &N,
) -> Result<()> {
    let to = network.original(&client).inspect_err(|_| pump::reset(&client))?;
    let mut pending = Pending { border, from, to, names: Vec::new() };
    let named = match decide::by_destination(border, to) {
        Verdict::Deny(denial) => {
            pending.deny(client, Vec::new(), &denial).await;
            return Ok(());
        }
        Verdict::Named => true,
        Verdict::Ask(names) => {
            pending.names = names;
            false
        }
    };
    let connected = timeout(CONNECT, network.connect(to)).await;
    let upstream = connected.map_err(Into::into).flatten().inspect_err(|_| pump::reset(&client))?;
    for stream in [&client, &upstream] {
        // A matter of speed only.
        let _ = stream.set_nodelay(true);
    }
    if named { pump::splice(client, upstream).await } else { pending.look(client, upstream).await }
}

impl Pending<'_> {
    pub(super) const fn port(&self) -> u16 {
        self.to.port()
    }

    /// Whether a request for this name may go on; counts it if not.
    pub(super) fn permit(&self, name: &Name) -> std::result::Result<(), Denial> {
        decide::by_name(self.border, name, self.port()).inspect_err(|denial| self.record(denial))
    }

    /// A refusal of what names no host by itself.
    pub(super) fn refusal(&self, why: &str) -> Denial {
        let host = self.names.first().map_or_else(|| self.to.ip().to_string(), Name::to_string);
        Denial { host, why: why.to_owned() }
    }

    pub(super) fn record(&self, denial: &Denial) {
        self.border.denials.record(&denial.host, Some(self.port()), &denial.why, self.from.port());
    }

    async fn deny(&self, client: TcpStream, head: Vec<u8>, denial: &Denial) {
        self.border.denials.refuse(&denial.host, Some(self.port()), &denial.why, self.from.port()).await;
        refuse::in_kind(client, head, denial, self.port()).await;
    }

    /// Decides by who speaks first, and what is said.
    async fn look(self, mut client: TcpStream, mut upstream: TcpStream) -> Result<()> {
        let mut head = Vec::new();
        let first = self.first(&mut client, &upstream, &mut head).await;
        let first = first.inspect_err(|_| pump::reset(&client))?;
        let refused = match first {
            Some(First::Http) => return http::serve(client, head, upstream, &self).await,
            Some(First::Tls) => match self.tls(&mut client, &mut head, &mut upstream).await {
                Ok(Ok(())) => return pass(client, head, upstream).await,
                Ok(Err(denial)) => denial,
                Err(error) => {
                    tls::reset(&client, &upstream);
                    return Err(error);
                }
            },
            Some(First::Trick(why)) => self.refusal(why),
            None | Some(First::Other | First::More) if NAMED_PORTS.contains(&self.port()) => {
                self.refusal("only HTTP and TLS pass at ports 80 and 443, because they name the server")
            }
            None | Some(First::Other) => return pass(client, head, upstream).await,
            Some(First::More) => self.refusal("the first line has no end"),
        };
        self.deny(client, head, &refused).await;
        Ok(())
    }

    /// Judges every hello of a TLS client; what is left in `head` then may pass.
    async fn tls(
        &self,
        client: &mut TcpStream,
        head: &mut Vec<u8>,
        upstream: &mut TcpStream,
    ) -> Result<std::result::Result<(), Denial>> {
        for last in [false, true] {
            let (hello, length) = timeout(HEAD, tls::hello(client, head)).await??;
            if let Err(denial) = tls::judge(self.border, &hello, &self.names, self.port()) {
                return Ok(Err(denial));
            }
            if last || !tls::greet(client, head, length, upstream).await? {
                break;
            }
        }
        Ok(Ok(()))
    }

    /// What the client says first; none if the server does.
    async fn first(
        &self,
        client: &mut TcpStream,
        upstream: &TcpStream,
        head: &mut Vec<u8>,
    ) -> Result<Option<First>> {
        let mut byte = [0];
        let begun = async {
            tokio::select! {
                read = client.read_buf(head) => read.map(|length| (length, true)),
                peeked = upstream.peek(&mut byte) => peeked.map(|length| (length, false)),
            }
        };
        match timeout(SILENCE, begun).await?? {
            (0, _) => return Err(ErrorKind::UnexpectedEof.into()),
            (_, false) => return Ok(None),
            (_, true) => {}
        }
        let line = async {
            while first::look(head) == First::More {
                if client.read_buf(head).await? == 0 {
                    return Ok(First::More);
                }
            }
            Ok(first::look(head))
        };
        timeout(HEAD, line).await.unwrap_or(Ok(First::More)).map(Some)
    }
}

/// Goes on with a connection of which something was read already.
pub(super) async fn pass(client: TcpStream, head: Vec<u8>, mut upstream: TcpStream) -> Result<()> {
    upstream.write_all(&head).await.inspect_err(|_| pump::reset(&client))?;
    drop(head);
    pump::splice(client, upstream).await
}
