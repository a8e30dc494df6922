//! The binary `caisson`: the server and its command line.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    backend::cli::main().await
}
