//! The attack suite: what a hostile agent in a real container tries, and what becomes of it. `docs/security.md`
//! has the table. The attacked are test hosts of the suite's own.

mod canaries;
mod exhaustion;
mod inside;
mod inward;
mod judged;
mod network;
mod pushes;
mod range;
mod repository;
mod sealed;
mod shares;
mod speech;
mod tools;
