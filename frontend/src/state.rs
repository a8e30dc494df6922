//! What the pages show, as plain data and pure folds: no browser, no clock, no socket.

pub(crate) mod words;

pub(crate) mod badge;
pub(crate) mod batches;
pub(crate) mod runs;

pub(crate) mod diff;
pub(crate) mod patch;
pub(crate) mod prose;
pub(crate) mod tool;

pub(crate) mod activity;
pub(crate) mod egress;
pub(crate) mod gate;
pub(crate) mod item;
pub(crate) mod kept;
pub(crate) mod log;
pub(crate) mod rows;
pub(crate) mod say;
pub(crate) mod steps;

#[cfg(any(target_arch = "wasm32", test))]
pub(crate) mod backoff;
pub(crate) mod failure;
pub(crate) mod form;
pub(crate) mod start;

#[cfg(test)]
pub(crate) mod example;
