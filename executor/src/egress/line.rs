//! The line to the gate: this process's standard input. What is spoken on it is `firewall::line`.

use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;

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
}
