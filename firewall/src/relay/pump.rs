//! Passes bytes between two connections until both have said all. A connection that is silent holds no buffer.

use std::io::{ErrorKind, Result};

use nix::sys::socket::{setsockopt, sockopt::KeepAlive};
use tokio::{
    io::AsyncWriteExt,
    net::{
        TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
};

/// What is read at once. Half of it costs half as much processor time again; more of it is much memory when all
/// readers are slow.
const BUFFER: usize = 128 * 1024;

/// Passes on everything in both directions, and each side's end by itself. An error on one side resets both.
///
/// # Errors
/// When one of the two fails.
pub(super) async fn splice(mut client: TcpStream, mut upstream: TcpStream) -> Result<()> {
    for stream in [&client, &upstream] {
        // So that the place of one whose other end is gone becomes free some day. It also works without.
        let _ = setsockopt(stream, KeepAlive, &true);
    }
    let passed = {
        let (from_client, to_client) = client.split();
        let (from_upstream, to_upstream) = upstream.split();
        tokio::try_join!(pump(from_client, to_upstream), pump(from_upstream, to_client))
    };
    if passed.is_err() {
        reset(&client);
        reset(&upstream);
    }
    passed.map(drop)
}

/// Makes the other end see a reset instead of an end, when this is dropped.
pub(super) fn reset(stream: &TcpStream) {
    // Where it cannot be set the other end sees an end, which is as good.
    let _ = stream.set_zero_linger();
}

async fn pump(from: ReadHalf<'_>, mut to: WriteHalf<'_>) -> Result<()> {
    loop {
        from.readable().await?;
        let mut buffer = Vec::with_capacity(BUFFER);
        loop {
            buffer.clear();
            match from.try_read_buf(&mut buffer) {
                Ok(0) => return to.shutdown().await,
                Ok(_) => to.write_all(&buffer).await?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
    }
}
