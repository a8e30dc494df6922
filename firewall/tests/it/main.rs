//! Gate and relay as they are, on loopback. Only two things stand in for the container: who tells where a
//! connection was meant to go, and who knows the addresses of names.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod dns;
mod http;
mod tls;
mod wire;
mod world;
