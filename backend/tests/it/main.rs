//! The store and the streams on both databases, and the server as callers see it; without containers.
#![allow(unreachable_pub, reason = "nobody depends on a test binary")]
#![allow(clippy::disallowed_methods, reason = "the server under test is not one of its own tasks")]

mod audit;
mod batches;
mod client;
mod databases;
mod disk;
mod events;
mod full_disk;
mod gates;
mod leases;
mod limits;
mod queue;
mod rest;
mod retention;
mod rpc;
mod secrets;
mod served;
mod server;
mod store;
mod streams;
