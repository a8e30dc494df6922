//! What the fuzz targets call: what must hold of whatever an agent prints.

pub use crate::{agents::fuzz::agent_lines, execution::fuzz::agent_output};
