//! The body of a request on its way to a git server: with its length where that can be known, because some
//! servers, and proxies in front of them, want it; and held, where it is small, so that it can be sent again.

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, stream};
use tokio::{
    fs::File,
    io::{AsyncSeekExt, AsyncWriteExt},
};
use tokio_util::io::ReaderStream;

use super::{Pieces, ssh::BodyError};

/// What is held in memory, in bytes.
pub(super) const SMALL: usize = 1 << 20;
/// The most that is held on disk until its length is known, in bytes.
const MOST_HELD: u64 = 1 << 30;

/// A body that can go on.
pub(super) enum Body {
    /// All of it.
    Small(Bytes),
    /// All of it, on disk; and its length.
    Large(File, u64),
    /// As it comes.
    Stream(Pieces),
}

impl Body {
    /// Reads the body as far as it is held. With `whole` also a large one is, as far as the disk may be used for it.
    ///
    /// # Errors
    /// When the request breaks off, or the disk refuses.
    pub(super) async fn gather(mut pieces: Pieces, whole: bool) -> Result<Self, BodyError> {
        let mut held = BytesMut::new();
        while held.len() <= SMALL {
            match pieces.next().await {
                Some(piece) => held.extend_from_slice(&piece?),
                None => return Ok(Self::Small(held.freeze())),
            }
        }
        if !whole {
            return Ok(Self::Stream(stream::iter([Ok(held.freeze())]).chain(pieces).boxed()));
        }
        let mut file = File::from_std(tempfile::tempfile().map_err(BodyError::new)?);
        let mut length = 0;
        let mut next = Some(Ok(held.freeze()));
        while let Some(piece) = next {
            let piece = piece?;
            length += piece.len() as u64;
            if MOST_HELD < length {
                return Err(BodyError::new("it is larger than 1 GiB"));
            }
            file.write_all(&piece).await.map_err(BodyError::new)?;
            next = pieces.next().await;
        }
        file.flush().await.map_err(BodyError::new)?;
        file.rewind().await.map_err(BodyError::new)?;
        Ok(Self::Large(file, length))
    }

    /// The same once more, where it is held in memory.
    pub(super) fn again(&self) -> Option<Self> {
        match self {
            Self::Small(bytes) => Some(Self::Small(bytes.clone())),
            Self::Large(..) | Self::Stream(_) => None,
        }
    }

    /// How long it is, where that is known.
    pub(super) const fn length(&self) -> Option<u64> {
        match self {
            Self::Small(bytes) => Some(bytes.len() as u64),
            Self::Large(_, length) => Some(*length),
            Self::Stream(_) => None,
        }
    }
}

impl From<Body> for reqwest::Body {
    fn from(body: Body) -> Self {
        match body {
            Body::Small(bytes) => bytes.into(),
            Body::Large(file, _) => Self::wrap_stream(ReaderStream::new(file)),
            Body::Stream(pieces) => Self::wrap_stream(pieces),
        }
    }
}
