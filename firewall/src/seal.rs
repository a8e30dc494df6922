//! The program: the network is closed, gate and relay serve, the agent's way out is tried, the rights are given
//! up, the executor starts; then all of it lives and ends together.

use std::{
    io::Result as IoResult,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::fd::OwnedFd,
    process::ExitCode,
    sync::Arc,
    time::Instant,
};

use anyhow::{Context, Result, bail, ensure};
use tokio::{
    net::{TcpListener, UdpSocket, UnixStream},
    runtime,
    task::JoinSet,
};

use crate::{border::Border, control, gate, own::Own, relay};

mod init;
mod outside;
mod privilege;
mod rules;
mod syscalls;
mod tool;
mod verify;

/// What the container exits with when it could not be sealed (`EX_CONFIG`).
const NOT_SEALED: u8 = 78;
/// What it exits with when gate or relay end (`EX_SOFTWARE`).
const BROKEN: u8 = 70;
/// Set to anything, the phases of the start are timed on standard error.
const TIMINGS: &str = "CAISSON_FIREWALL_TIMINGS";
const RESOLVERS: &str = "/etc/resolv.conf";
const USAGE: &str = "usage: caisson-firewall -- COMMAND [ARGUMENT]…";

/// Runs the program with these arguments.
#[must_use]
pub fn run(arguments: &[String]) -> ExitCode {
    let ended = match arguments {
        [word, probes @ ..] if word == verify::SUBCOMMAND => {
            verify::from_inside(probes).map(|()| ExitCode::SUCCESS)
        }
        [dashes, command @ ..] if dashes == "--" && !command.is_empty() => contain(command),
        _ => Err(anyhow::anyhow!(USAGE)),
    };
    ended.unwrap_or_else(|error| {
        eprintln!("firewall: {error:#}");
        ExitCode::from(NOT_SEALED)
    })
}

fn contain(command: &[String]) -> Result<ExitCode> {
    let mut clock = Clock::start();
    rules::load().context("the container's network could not be closed")?;
    clock.lap("rules");
    privilege::give_up_net_admin()?;
    syscalls::refuse()?;
    clock.lap("rights");
    // One thread: capabilities belong to threads, and what this one gives up none may keep.
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(live(command, clock))
}

async fn live(command: &[String], mut clock: Clock) -> Result<ExitCode> {
    let mut signals = init::Signals::new()?;
    let border = Arc::new(Border::new(Own::read().context("the network interfaces cannot be listed")?));
    let mut services = serve(&border)?;
    clock.lap("serve");
    verify::as_agent(&border).await.context("the rules do not hold")?;
    clock.lap("verify");
    // Both lines are checked: a gate that is gone answers no probe.
    ensure!(services.try_join_next().is_none(), "gate or relay have ended");
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().context("there is no control line")?;
    ours.set_nonblocking(true)?;
    let executor = privilege::start(command, OwnedFd::from(theirs))?;
    clock.lap("executor");
    let line = control::serve(UnixStream::from_std(ours)?, Arc::clone(&border));
    services.spawn(async move {
        // An executor that closes its end, or fails at it, leaves the policy as it is.
        let _ = line.await;
        std::future::pending().await
    });
    tokio::select! {
        ended = signals.supervise(executor) => ended,
        ended = services.join_next() => {
            eprintln!("firewall: gate or relay have ended ({ended:?}); the container ends with them");
            Ok(ExitCode::from(BROKEN))
        }
    }
}

/// Binds all sockets and starts to serve them.
fn serve(border: &Arc<Border>) -> Result<JoinSet<IoResult<()>>> {
    let mut services = JoinSet::new();
    // Without resolvers no name resolves, which is told where it matters.
    let upstream = Arc::new(gate::Resolver::new(&std::fs::read(RESOLVERS).unwrap_or_default()));
    let network = Arc::new(outside::Outside);
    for loopback in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
        let (questions, connections) =
            (SocketAddr::new(loopback, gate::PORT), SocketAddr::new(loopback, relay::PORT));
        let listeners =
            bind(questions).and_then(|bound| Ok((bound, listen(questions)?, listen(connections)?)));
        let (datagrams, streams, connections) = match listeners {
            Ok(bound) => bound,
            // No IPv6 in this container: then nothing comes over it either.
            Err(_) if loopback.is_ipv6() && !border.own.has_ipv6() => continue,
            Err(error) => bail!("the sockets on {loopback} cannot be opened: {error}"),
        };
        services.spawn(gate::datagrams(datagrams, Arc::clone(border), Arc::clone(&upstream)));
        services.spawn(gate::connections(streams, Arc::clone(border), Arc::clone(&upstream)));
        services.spawn(relay::serve(connections, Arc::clone(border), Arc::clone(&network)));
    }
    Ok(services)
}

fn bind(address: SocketAddr) -> IoResult<UdpSocket> {
    let socket = std::net::UdpSocket::bind(address)?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket)
}

fn listen(address: SocketAddr) -> IoResult<TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// Times the phases of the start for who wants to know.
struct Clock {
    last: Instant,
    told: bool,
}

impl Clock {
    fn start() -> Self {
        Self { last: Instant::now(), told: std::env::var_os(TIMINGS).is_some() }
    }

    fn lap(&mut self, phase: &str) {
        if self.told {
            eprintln!("firewall: {phase} took {} us", self.last.elapsed().as_micros());
        }
        self.last = Instant::now();
    }
}
