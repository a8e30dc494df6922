//! The binary `caisson`: the server and its command line.

use std::process::ExitCode;

/// Gives back at once what it does not need. The system's own keeps what was free between long lines, and in the end
/// has several times as much as is in use.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    backend::cli::main().await
}
