//! End to end: the real server, Docker, firewall, executor, agent CLI, git and browser. Run by `cargo xtask test`.
#![allow(unreachable_pub, reason = "nobody depends on a test binary")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod adoption;
mod attacks;
mod bad_input;
mod batches;
mod browser;
mod chaos;
mod containers;
#[path = "../it/disk.rs"]
mod disk;
mod door;
mod engine;
mod full_disk;
mod gates;
// The demo's: one real git server is enough.
#[path = "../../../xtask/src/demo/git_server.rs"]
mod git_server;
mod harness;
#[path = "../it/postgres.rs"]
mod postgres;
mod reasons;
mod recovery;
mod remote;
mod runs;
mod secrets;
mod socket;
mod ssh;
mod streams;
mod work;
