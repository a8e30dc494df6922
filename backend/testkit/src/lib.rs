//! What tests, benchmarks and the demo share: real servers to work against. Nothing of it is shipped.
//!
//! Without features it is small, for `cargo xtask`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![allow(clippy::disallowed_methods, reason = "the servers here are not tasks of the server under test")]

pub mod figure;
pub mod git_server;
pub mod part;
pub mod replay;

#[cfg(feature = "postgres")]
pub mod postgres;

#[cfg(feature = "world")]
pub mod databases;
#[cfg(feature = "world")]
pub mod disk;
#[cfg(feature = "world")]
pub mod served;
#[cfg(feature = "world")]
pub mod siege;
#[cfg(feature = "world")]
pub mod sshd;
#[cfg(feature = "world")]
pub mod world;
