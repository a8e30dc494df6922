//! The firewall of a run's container. Without the feature `gate` only what others need to know of it is left:
//! the host rules and the lines of the control socket.

#[cfg(feature = "gate")]
mod book;
#[cfg(feature = "gate")]
pub mod border;
#[cfg(feature = "gate")]
pub mod control;
#[cfg(feature = "gate")]
mod denials;
#[cfg(any(all(test, feature = "gate"), feature = "fuzz"))]
pub mod fuzz;
#[cfg(feature = "gate")]
pub mod gate;
pub mod line;
#[cfg(feature = "gate")]
pub mod own;
pub mod policy;
#[cfg(feature = "gate")]
pub mod relay;
#[cfg(feature = "gate")]
pub mod seal;
