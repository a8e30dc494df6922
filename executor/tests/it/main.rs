//! The executor as the backend sees it: over HTTP, with real processes, real git and a real link.

mod checks;
mod executions;
mod git;
mod git_server;
mod harness;
mod identity;
mod process;
mod relay;
mod streams;
