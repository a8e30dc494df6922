//! The RPC traits, one a namespace. Named parameters only.
//!
//! `namespace!` takes a namespace's methods once and makes of them the `jsonrpsee` trait (client and
//! server), a check that names the wrong parameter, and the entry in the OpenRPC document.

#![allow(clippy::too_many_arguments, reason = "the parameters are named on the wire")]
#![allow(clippy::disallowed_methods, reason = "jsonrpsee's macro spawns a subscription's handler itself")]

#[macro_use]
mod namespace;
#[cfg(feature = "server")]
pub mod describe;

pub mod audit;
pub mod batches;
pub mod instances;
pub mod runs;
pub mod secrets;
pub mod system;
pub mod tasks;

#[cfg(feature = "server")]
pub use describe::{check_params, openrpc};
