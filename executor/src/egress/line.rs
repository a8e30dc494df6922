//! What is spoken with the gate over standard input: one JSON object a line, in both directions.

use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;

use serde::{Deserialize, Serialize};

/// What the executor says.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum ToGate<'a> {
    /// The policy as a whole, in the place of the one before. Answered by `FromGate::Policy`.
    Allow(&'a [String]),
}

/// What the gate says.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum FromGate {
    /// The answer to `ToGate::Allow`: what is in force now.
    Policy {
        /// The entries in force.
        allowed: Vec<String>,
        /// The entries that are none.
        refused: Vec<api::executor::Refused>,
    },
    /// Something was refused.
    Denied {
        /// What and how often.
        denied: Refusals,
    },
    /// Something that people may want to know.
    Notice {
        /// What.
        notice: Notice,
    },
}

/// Attempts to reach one host at one port that were refused.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Refusals {
    /// A name, or an address where no name is known.
    pub(super) host: String,
    /// None for a question to the DNS.
    pub(super) port: Option<u16>,
    /// A sentence.
    pub(super) why: String,
    /// How often in all.
    pub(super) count: u64,
    /// When last, in milliseconds since 1970.
    pub(super) last_at: i64,
    /// The local port of the socket that tried last.
    pub(super) source_port: Option<u16>,
}

/// A sentence.
#[derive(Debug, Deserialize)]
pub(super) struct Notice {
    /// The sentence.
    pub(super) text: String,
}

/// The line to the gate, if this standard input is one: the end of a Unix socket.
pub fn gate(stdin: BorrowedFd<'_>) -> Option<UnixStream> {
    let stream = UnixStream::from(stdin.try_clone_to_owned().ok()?);
    stream.local_addr().ok()?;
    Some(stream)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn only_a_unix_socket_is_a_line_to_the_gate() {
        let (one, _other) = UnixStream::pair().unwrap();
        assert!(gate(one.as_fd()).is_some());
        let (reader, _writer) = std::io::pipe().unwrap();
        assert!(gate(reader.as_fd()).is_none());
        assert!(gate(std::fs::File::open("/dev/null").unwrap().as_fd()).is_none());
        let inet = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(gate(inet.as_fd()).is_none());
    }

    #[test]
    fn the_lines_of_both_sides_are_these() {
        let allow = [String::from("example.org")];
        assert_eq!(serde_json::to_string(&ToGate::Allow(&allow)).unwrap(), r#"{"allow":["example.org"]}"#);
        let read = |line| serde_json::from_str::<FromGate>(line).unwrap();
        let line = r#"{"denied":{"host":"example.org","port":null,"why":"no","count":2,"lastAt":5,"sourcePort":null}}"#;
        assert!(
            matches!(read(line), FromGate::Denied { denied } if denied.count == 2 && denied.port.is_none())
        );
        let line = r#"{"allowed":["a"],"refused":[{"entry":"b","why":"c"}]}"#;
        assert!(
            matches!(read(line), FromGate::Policy { allowed, refused } if allowed.len() == 1 && refused.len() == 1)
        );
        assert!(
            matches!(read(r#"{"notice":{"text":"t"}}"#), FromGate::Notice { notice } if notice.text == "t")
        );
    }
}
