//! The firewall of a run's container. Without the feature `gate` only what others need to know of it is left:
//! the host rules and the lines of the control socket.

pub mod line;
pub mod policy;
