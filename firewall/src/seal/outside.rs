//! The real network: the kernel tells where a redirected connection was meant to go.

use std::{
    io::{Error, ErrorKind, Result},
    net::{SocketAddr, SocketAddrV6},
};

use nix::sys::socket::{
    SockaddrIn, getsockopt,
    sockopt::{Ip6tOriginalDst, OriginalDst},
};
use tokio::net::TcpStream;

use crate::relay::Network;

/// The container's network, as root may use it.
pub(super) struct Outside;

impl Network for Outside {
    fn original(&self, stream: &TcpStream) -> Result<SocketAddr> {
        if stream.local_addr()?.is_ipv4() {
            let address = SockaddrIn::from(getsockopt(stream, OriginalDst)?);
            return Ok((address.ip(), address.port()).into());
        }
        let address = getsockopt(stream, Ip6tOriginalDst)?;
        Ok(SocketAddrV6::new(
            address.sin6_addr.s6_addr.into(),
            u16::from_be(address.sin6_port),
            0,
            address.sin6_scope_id,
        )
        .into())
    }

    async fn connect(&self, to: SocketAddr) -> Result<TcpStream> {
        let stream = TcpStream::connect(to).await?;
        // An address that the container got later is its own too.
        if stream.local_addr()?.ip() == stream.peer_addr()?.ip() {
            return Err(Error::new(ErrorKind::PermissionDenied, "this is the container itself"));
        }
        Ok(stream)
    }
}
