//! The executor as the backend sees it: over HTTP, with real processes, real git and a real link.

#![expect(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

mod asks;
mod checks;
mod checks_judge;
mod diff;
mod disk;
mod egress;
mod executions;
mod git;
mod git_remotes;
mod git_server;
mod harness;
mod held;
mod hostile_git;
mod identity;
mod process;
mod relay;
mod settings;
mod streams;
mod submodules;
mod world_as_it_is;
