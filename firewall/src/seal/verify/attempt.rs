//! One attempt to get out, and how it ended. Blocking: the agent's process does nothing else.

use std::{
    io::{Error, ErrorKind, Read, Result as IoResult, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use hickory_proto::{
    op::{Message, MessageType, OpCode, Query, ResponseCode},
    rr::{Name, RecordType},
};

use super::probe::{How, Outcome, Probe};

/// A refusal is immediate; only a machine that is very busy takes longer.
const PATIENCE: Duration = Duration::from_secs(5);
/// The port from which nothing is meant: no packet is sent to find out about a route.
const ANY: u16 = 0;
/// What the relay answers in kind.
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: verify.caisson.invalid\r\n\r\n";
const REFUSAL: &[u8] = b"HTTP/1.1 403 ";

/// Tries it.
///
/// # Errors
/// When it did not end as it must.
pub(super) fn make(probe: &Probe) -> Result<Outcome> {
    // A datagram socket that is connected sends nothing, but the kernel looks for the way.
    let socket = UdpSocket::bind((unspecified(probe.to), ANY));
    let socket = match socket.and_then(|socket| socket.connect(probe.to).map(|()| socket)) {
        Ok(socket) => socket,
        Err(error) if is_no_route(&error) => return Ok(Outcome::NoRoute),
        Err(error) => return Err(error).context("there is no socket"),
    };
    match probe.how {
        How::Datagram => datagram(&socket)?,
        How::Connection => connection(probe.to)?,
        How::Question => question(&socket, probe)?,
        How::LongQuestion => long_question(probe)?,
    }
    Ok(Outcome::Refused)
}

fn datagram(socket: &UdpSocket) -> Result<()> {
    match socket.send(b"caisson") {
        Ok(_) => bail!("it was let through"),
        // From our own kernel, before a packet left: the first thing this socket ever sent.
        Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::HostUnreachable) => {
            Ok(())
        }
        Err(error) => bail!("it was not refused by the rules: {error}"),
    }
}

fn connection(to: SocketAddr) -> Result<()> {
    let mut stream = TcpStream::connect_timeout(&to, PATIENCE).context("the relay did not take it")?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(REQUEST).context("the relay did not read")?;
    let mut answer = [0; REFUSAL.len()];
    stream.read_exact(&mut answer).context("the relay did not answer")?;
    ensure!(answer == REFUSAL, "somebody else answered");
    Ok(())
}

fn question(socket: &UdpSocket, probe: &Probe) -> Result<()> {
    socket.set_read_timeout(Some(PATIENCE))?;
    let mut answer = [0; 512];
    socket.send(&ask(probe)?).context("the gate cannot be asked")?;
    let length = socket.recv(&mut answer).context("the gate did not answer")?;
    is_no_such_name(&answer[..length])
}

fn long_question(probe: &Probe) -> Result<()> {
    let mut stream = TcpStream::connect_timeout(&probe.to, PATIENCE).context("the gate did not take it")?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let question = ask(probe)?;
    stream.write_all(&[&u16::try_from(question.len())?.to_be_bytes()[..], &question].concat())?;
    let mut length = [0; 2];
    stream.read_exact(&mut length).context("the gate did not answer")?;
    let mut answer = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut answer)?;
    is_no_such_name(&answer)
}

fn ask(probe: &Probe) -> Result<Vec<u8>> {
    let mut message = Message::new(1, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(Name::from_ascii(format!("{}.", probe.name()))?, RecordType::A));
    Ok(message.to_vec()?)
}

fn is_no_such_name(answer: &[u8]) -> Result<()> {
    let code = Message::from_vec(answer)?.metadata.response_code;
    ensure!(code == ResponseCode::NXDomain, "the answer was {code}");
    Ok(())
}

pub(super) fn loopback_works() -> IoResult<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, ANY))?;
    TcpStream::connect_timeout(&listener.local_addr()?, PATIENCE).map(drop)
}

/// No way there, or no IPv6 at all: nothing to refuse.
fn is_no_route(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NetworkUnreachable | ErrorKind::AddrNotAvailable | ErrorKind::Unsupported
    ) || error.raw_os_error() == Some(nix::errno::Errno::EAFNOSUPPORT as i32)
}

const fn unspecified(to: SocketAddr) -> IpAddr {
    if to.is_ipv6() { IpAddr::V6(Ipv6Addr::UNSPECIFIED) } else { IpAddr::V4(Ipv4Addr::UNSPECIFIED) }
}
