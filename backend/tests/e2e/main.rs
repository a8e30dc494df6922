//! End to end: the real server, Docker, firewall, executor, agent CLI, git and browser. Run by `cargo xtask test`.
#![allow(unreachable_pub, reason = "nobody depends on a test binary")]

mod bad_input;
mod engine;
mod git_server;
mod harness;
mod recovery;
mod runs;
mod sandbox;
mod streams;
