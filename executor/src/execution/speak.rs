//! The agent's standard input: what it is told, line by line.

use tokio::{io::AsyncWriteExt, process::ChildStdin, sync::mpsc};
use tokio_util::sync::CancellationToken;

/// Says the prompt (a whole line), then what comes, and closes standard input once the agent has answered all of it.
/// Closing too early does no harm: the agent first answers what it was told.
pub(super) async fn speak(
    mut stdin: ChildStdin,
    prompt: String,
    mut input: mpsc::Receiver<String>,
    answered: CancellationToken,
    gone: CancellationToken,
) {
    let mut next = Some(prompt);
    while let Some(message) = next {
        let written = tokio::select! {
            written = async { stdin.write_all(message.as_bytes()).await } => written,
            // Something else may hold the other end of the pipe.
            () = gone.cancelled() => return,
        };
        if written.is_err() {
            return;
        }
        next = tokio::select! {
            biased;
            message = input.recv() => message,
            () = answered.cancelled() => {
                input.close();
                input.recv().await
            }
        };
    }
}
