//! The store and the streams on both databases, without containers.
#![allow(unreachable_pub, reason = "nobody depends on a test binary")]

mod databases;
mod store;
mod streams;
