//! The wire: every type and trait that crosses a process boundary, in reading order.
//!
//! The backend, the executor, the CLI, the tests and the browser all compile these lines.
//! Feature `client` adds the typed RPC client, `server` the handlers' half of it.

pub mod id;

pub mod error;
pub mod page;

pub mod audit;
pub mod batch;
pub mod event;
pub mod instance;
pub mod role;
pub mod run;
pub mod secret;
pub mod stream;
pub mod system;
pub mod task;

pub mod claude;
pub mod executor;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;

#[cfg(feature = "client")]
pub mod rpc;

#[cfg(any(target_arch = "wasm32", test))]
#[cfg_attr(not(target_arch = "wasm32"), allow(unreachable_pub, reason = "here it is only tested"))]
mod moment;

/// A moment in UTC; RFC 3339 on the wire.
#[cfg(not(target_arch = "wasm32"))]
pub use jiff::Timestamp;
#[cfg(target_arch = "wasm32")]
pub use moment::Timestamp;
