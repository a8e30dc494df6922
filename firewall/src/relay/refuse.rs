//! How a refusal is said: in the client's own protocol, so that its user reads why and no tool waits.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{decide::Denial, pump};

/// How long the first bytes of a client are waited for: they say how to answer it.
const PATIENCE: Duration = Duration::from_secs(1);
/// How much of a request is still read, so that its sender reads the answer instead of an error.
const LONGEST_REST: u64 = 64 * 1024;
/// A fatal alert, "access denied".
const TLS_ALERT: [u8; 7] = [21, 3, 3, 0, 2, 2, 49];

/// The sentence that a person reads in a tool's output.
pub(super) fn sentence(denial: &Denial, port: u16) -> String {
    format!("Caisson refused the connection to {} port {port}: {}.\n", denial.host, denial.why)
}

/// Refuses a client that has said `head` so far.
pub(super) async fn in_kind(mut client: TcpStream, mut head: Vec<u8>, denial: &Denial, port: u16) {
    if head.is_empty() {
        // One that says nothing is reset.
        let _ = timeout(PATIENCE, client.read_buf(&mut head)).await;
    }
    let answer = match head.first() {
        Some(22) => TLS_ALERT.to_vec(),
        Some(b'A'..=b'Z') => page(&sentence(denial, port)),
        _ => Vec::new(),
    };
    if answer.is_empty() {
        return pump::reset(&client);
    }
    // A client that does not take its answer gets none.
    let _ = timeout(PATIENCE, async {
        client.write_all(&answer).await?;
        client.shutdown().await?;
        tokio::io::copy(&mut client.take(LONGEST_REST), &mut tokio::io::sink()).await
    })
    .await;
}

fn page(sentence: &str) -> Vec<u8> {
    let length = sentence.len();
    format!(
        "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{sentence}"
    )
    .into_bytes()
}
