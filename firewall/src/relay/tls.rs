//! A TLS connection: it goes where its hello says, and may not say otherwise when the server asks again.

use std::{
    io::{ErrorKind, Result},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{
    client_hello::{self, Hello},
    decide::{self, Denial},
    pump,
};
use crate::{border::Border, policy::Name};

/// How long a server may think about a hello.
const PATIENCE: Duration = Duration::from_secs(60);
const HEADER: usize = 5;
/// What may come between two hellos: a change of cipher that means nothing, and data sent too early.
const BETWEEN: [u8; 2] = [20, 23];
/// The random of a `ServerHello` that is a `HelloRetryRequest` (RFC 8446, 4.1.3): its client says hello again.
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2,
    0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// Reads the hello to its end, and how many bytes it took.
///
/// # Errors
/// When the client fails or stops before.
pub(super) async fn hello(client: &mut TcpStream, head: &mut Vec<u8>) -> Result<(Hello, usize)> {
    loop {
        match client_hello::measure(head) {
            (Hello::More, _) => more(client, head).await?,
            hello => return Ok(hello),
        }
    }
}

/// Whether this hello may pass. A refusal names a host that the address was given for where the hello names none.
pub(super) fn judge(
    border: &Border,
    hello: &Hello,
    names: &[Name],
    port: u16,
) -> std::result::Result<(), Denial> {
    let why = match hello {
        Hello::For(name) => return decide::by_name(border, name, port),
        Hello::Encrypted => {
            "the TLS hello hides the server's name (encrypted client hello); turn that off in the client"
        }
        Hello::Nameless => "the TLS hello names no server; connect by name, or allow the address itself",
        Hello::More | Hello::Malformed => "the TLS hello is malformed",
    };
    let host = names.first().map(Name::to_string).unwrap_or_default();
    Err(Denial { host, why: why.to_owned() })
}

/// Sends the hello on, and nothing after it before the server has answered: a server that asks for another
/// hello gets one that is judged as well.
///
/// # Errors
/// When one of the two fails.
pub(super) async fn greet(
    client: &mut TcpStream,
    head: &mut Vec<u8>,
    length: usize,
    upstream: &mut TcpStream,
) -> Result<bool> {
    upstream.write_all(&head[..length]).await?;
    head.drain(..length);
    let mut answer = Vec::new();
    let retry = timeout(PATIENCE, async {
        fill(upstream, &mut answer, HEADER).await?;
        let handshake = answer[0] == 22;
        let record = HEADER + usize::from(u16::from_be_bytes([answer[3], answer[4]]));
        if handshake {
            fill(upstream, &mut answer, record).await?;
        }
        // Type, length and version stand before the random.
        Ok::<_, std::io::Error>(handshake && answer.get(HEADER + 6..HEADER + 38) == Some(&RETRY))
    })
    .await??;
    client.write_all(&answer).await?;
    if !retry {
        return Ok(false);
    }
    loop {
        fill(client, head, HEADER).await?;
        if !BETWEEN.contains(&head[0]) {
            return Ok(true);
        }
        let record = HEADER + usize::from(u16::from_be_bytes([head[3], head[4]]));
        fill(client, head, record).await?;
        upstream.write_all(&head[..record]).await?;
        head.drain(..record);
    }
}

async fn fill(stream: &mut TcpStream, buffer: &mut Vec<u8>, length: usize) -> Result<()> {
    while buffer.len() < length {
        more(stream, buffer).await?;
    }
    Ok(())
}

async fn more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<()> {
    match stream.read_buf(buffer).await? {
        0 => Err(ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

/// Both ends see a reset.
pub(super) fn reset(client: &TcpStream, upstream: &TcpStream) {
    pump::reset(client);
    pump::reset(upstream);
}
