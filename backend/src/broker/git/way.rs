//! The way to a git server: where the gateway connects, and where it does not. A name is judged by the addresses it
//! resolves to, and the connection goes to one that was judged.

mod dial;
mod judge;
mod named;

pub(in crate::broker) use self::dial::Way;
pub use self::named::Named;
pub(super) use self::{
    dial::{Error, refusal},
    judge::Refused,
};

/// Whether this address passes for a public one before it is resolved.
#[cfg(any(test, feature = "fuzz"))]
pub(super) fn is_public(url: &url::Url) -> bool {
    judge::Judge::default().url(url).is_ok()
}

#[cfg(test)]
mod tests;
