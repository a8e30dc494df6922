//! What clients and servers of the tests say.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A fatal TLS alert, "access denied".
pub(crate) const ALERT: [u8; 7] = [21, 3, 3, 0, 2, 2, 49];

/// Sends everything back.
pub(crate) async fn echo(mut stream: TcpStream) {
    let (mut reader, mut writer) = stream.split();
    // A client that resets is fine too.
    let _ = tokio::io::copy(&mut reader, &mut writer).await;
}

/// Everything until the end; what came before an error counts.
pub(crate) async fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    bytes
}

/// Sends this and reads as many bytes back as the answer has.
pub(crate) async fn exchange(stream: &mut TcpStream, say: &[u8], answer: &[u8]) {
    stream.write_all(say).await.unwrap();
    let mut bytes = vec![0; answer.len()];
    stream.read_exact(&mut bytes).await.unwrap();
    assert_eq!(bytes.escape_ascii().to_string(), answer.escape_ascii().to_string());
}

/// One HTTP message: its head, and its body by its length.
pub(crate) async fn message(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await.ok()?;
    Some(head + &String::from_utf8(body).unwrap())
}

fn block(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

/// A handshake message in one record.
pub(crate) fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[22, 3, 3][..], &block(&[&[kind, 0][..], &block(body)].concat())].concat()
}

/// The hello of a TLS client for this server, with more extensions.
pub(crate) fn hello(server: Option<&str>, more: &[u16]) -> Vec<u8> {
    let mut extensions = Vec::new();
    if let Some(server) = server {
        let list = block(&[vec![0], block(server.as_bytes())].concat());
        extensions.extend([vec![0, 0], block(&list)].concat());
    }
    for kind in more {
        extensions.extend([kind.to_be_bytes().to_vec(), block(&[0; 9])].concat());
    }
    let body = [&[3, 3][..], &[7; 32], &[0], &block(&[0x13, 0x01]), &[1, 0], &block(&extensions)].concat();
    handshake(1, &body)
}
