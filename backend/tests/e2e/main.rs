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
mod door;
mod engine;
mod full_disk;
mod gates;
mod reasons;
mod recovery;
mod remote;
mod runs;
mod secrets;
mod socket;
mod ssh;
mod streams;
mod work;

use testkit::{disk, postgres, world as harness};
