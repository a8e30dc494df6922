//! The backend: decides and remembers. `caisson serve` and the command line around it.

pub mod tasks;
