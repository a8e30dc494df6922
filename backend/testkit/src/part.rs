//! The parts of the benchmark, by the names they are chosen by: the same for `cargo xtask bench` and for the program
//! that measures.

use clap::ValueEnum;

/// A part that can be measured alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Part {
    /// The memory of an idle server.
    Memory,
    /// A whole run, its phases, and ten runs at once.
    ColdStart,
    /// What the broker adds to a model call.
    Broker,
    /// What the broker adds to a fetch.
    GitGateway,
    /// A restart with live runs, and the memory of many live runs.
    Live,
    /// Events of real containers through everything.
    Flow,
    /// Events through the store, against a bare loop of inserts.
    Streams,
    /// Logs read over WebSocket connections, against a bare loop of selects.
    Replay,
    /// From a write to the frame at a subscriber.
    Latency,
    /// Pages of long lists.
    Paging,
    /// Honest runs beside hostile ones.
    Beside,
}
