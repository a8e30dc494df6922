//! The browser's half of Caisson: pages over pure state, fed by one connection.
//!
//! Everything but `connection` also compiles on the host, where the state is tested.

#![allow(unreachable_pub, reason = "the component macro makes some of its items public")]

mod app;
mod clock;
mod components;
#[cfg(target_arch = "wasm32")]
mod connection;
mod link;
mod live;
mod pages;
mod session;
mod state;
mod timer;

pub use app::mount;
