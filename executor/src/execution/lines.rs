//! Cuts a byte stream into lines, however long, with a cap that nobody meets by accident.

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// The longest line that is kept whole. One file edit carries the whole file, so lines of megabytes are normal.
pub(crate) const LONGEST: usize = 32 << 20;

/// Reads lines.
pub(crate) struct Lines<R> {
    /// `None` at the end.
    reader: Option<BufReader<R>>,
    longest: usize,
    line: Vec<u8>,
    dropped: u64,
}

/// One line, without its line end; bytes that are not UTF-8 are U+FFFD.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// What was kept.
    pub(crate) text: String,
    /// How many bytes beyond the cap were not.
    pub(crate) dropped: u64,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    /// Lines of at most `longest` bytes.
    pub(crate) fn new(reader: Option<R>, longest: usize) -> Self {
        let reader = reader.map(|reader| BufReader::with_capacity(64 << 10, reader));
        Self { reader, longest, line: Vec::new(), dropped: 0 }
    }

    /// Whether the stream has ended.
    pub(crate) const fn ended(&self) -> bool {
        self.reader.is_none()
    }

    /// The next line; `None` at the end. The last line needs no line end.
    ///
    /// Cancel safe: what was read stays here.
    pub(crate) async fn next(&mut self) -> Option<Line> {
        loop {
            // A pipe that cannot be read has ended.
            let bytes = self.reader.as_mut()?.fill_buf().await.unwrap_or_default();
            if bytes.is_empty() {
                self.reader = None;
                let rest = !self.line.is_empty() || 0 < self.dropped;
                return rest.then(|| self.take());
            }
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let part = &bytes[..end.unwrap_or(bytes.len())];
            let kept = part.len().min(self.longest - self.line.len());
            self.line.extend_from_slice(&part[..kept]);
            self.dropped += (part.len() - kept) as u64;
            let used = part.len() + usize::from(end.is_some());
            let ended = end.is_some();
            self.reader.as_mut()?.consume(used);
            if ended {
                return Some(self.take());
            }
        }
    }

    fn take(&mut self) -> Line {
        let bytes = std::mem::take(&mut self.line);
        let text = String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        Line { text, dropped: std::mem::take(&mut self.dropped) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn lines(bytes: &[u8], longest: usize) -> Vec<(String, u64)> {
        let mut lines = Lines::new(Some(bytes), longest);
        let mut all = Vec::new();
        while let Some(line) = lines.next().await {
            all.push((line.text, line.dropped));
        }
        assert!(lines.ended());
        all
    }

    fn whole(texts: &[&str]) -> Vec<(String, u64)> {
        texts.iter().map(|text| ((*text).to_owned(), 0)).collect()
    }

    #[tokio::test]
    async fn lines_are_cut_at_line_ends_only() {
        assert_eq!(lines(b"one\n\ntwo\r\nthree", LONGEST).await, whole(&["one", "", "two\r", "three"]));
        assert_eq!(lines(b"", LONGEST).await, whole(&[]));
    }

    #[tokio::test]
    async fn bytes_that_are_not_utf8_become_replacement_characters() {
        assert_eq!(lines(b"a\xff\xfeb\n", LONGEST).await, whole(&["a\u{fffd}\u{fffd}b"]));
    }

    #[tokio::test]
    async fn a_line_beyond_the_cap_is_cut_and_counted_and_the_next_one_is_whole() {
        let cut = lines(b"123456789\nnext\n", 4).await;
        assert_eq!(cut, [("1234".to_owned(), 5), ("next".to_owned(), 0)]);
    }
}
