//! A WebSocket that reads as fast as the server writes: what is measured is the server, not a client library.

use serde::Deserialize;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use crate::harness::{TOKEN, within};

/// A connection to `/rpc`.
pub struct Socket {
    stream: BufReader<TcpStream>,
    message: Vec<u8>,
}

/// What a notification says, without the event's own content.
#[derive(Deserialize)]
pub struct Notification<'a> {
    #[serde(borrow)]
    pub params: Option<Params<'a>>,
}

#[derive(Deserialize)]
pub struct Params<'a> {
    #[serde(borrow)]
    pub result: Frame<'a>,
}

#[derive(Deserialize)]
pub struct Frame<'a> {
    pub r#type: &'a str,
    pub event: Option<Numbered>,
}

#[derive(Deserialize)]
pub struct Numbered {
    pub seq: i64,
}

impl Socket {
    /// Connects to a server at this address.
    pub async fn open(address: &str) -> Self {
        let mut stream =
            BufReader::with_capacity(1 << 18, TcpStream::connect(address).await.expect("a connection"));
        let request = format!(
            "GET /rpc HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {TOKEN}\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.expect("written");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.expect("an answer"));
        }
        assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
        Self { stream, message: Vec::new() }
    }

    /// Sends one short message, masked with zeroes.
    pub async fn send(&mut self, text: &str) {
        let length = u16::try_from(text.len()).expect("short").to_be_bytes();
        let mut frame = vec![0x81, 0x80 | 126, length[0], length[1], 0, 0, 0, 0];
        frame.extend_from_slice(text.as_bytes());
        self.stream.write_all(&frame).await.expect("written");
    }

    /// The connection, for whoever reads no further.
    pub fn into_stream(self) -> TcpStream {
        self.stream.into_inner()
    }

    /// The next text message.
    pub async fn next(&mut self) -> &[u8] {
        loop {
            let kind = within("a message", self.stream.read_u8()).await.expect("no cut") & 0x0f;
            let length = match self.stream.read_u8().await.expect("a length") & 0x7f {
                126 => u64::from(self.stream.read_u16().await.expect("a length")),
                127 => self.stream.read_u64().await.expect("a length"),
                short => u64::from(short),
            };
            self.message.resize(usize::try_from(length).expect("it fits"), 0);
            self.stream.read_exact(&mut self.message).await.expect("a message");
            // A ping may come in between.
            if kind == 1 {
                return &self.message;
            }
        }
    }
}
