//! The store and the streams on both databases, and the server as callers see it; without containers.
#![allow(unreachable_pub, reason = "nobody depends on a test binary")]
#![allow(clippy::disallowed_methods, reason = "the server under test is not one of its own tasks")]

mod audit;
mod batches;
mod budgets;
mod client;
mod cluster;
mod events;
mod faults;
mod full_disk;
mod full_server;
mod gates;
mod inward;
mod jobs;
mod leases;
mod limits;
mod once;
mod over_network;
mod poisoned;
mod postgres_faults;
mod queue;
mod readers;
mod rest;
mod retention;
mod roles;
mod rpc;
mod secrets;
mod server;
mod store;
mod streams;
mod tokens;

use testkit::{databases, disk, served};
