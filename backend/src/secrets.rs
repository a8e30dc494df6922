//! Secrets at rest: sealed with a key that is not in the database, opened only for the run that names them.

mod cipher;
mod ring;
#[cfg(test)]
mod tests;

pub use self::{
    cipher::{Key, Sealed},
    ring::{KeyRing, MalformedKeys, Unopened, read_keys},
};

use api::error::ApiError;

use crate::secret::Secret;

/// The longest name, in characters.
const MAX_NAME: usize = 100;
/// The shortest value, in bytes: less cannot be told from ordinary words when it is masked.
const MIN_VALUE: usize = 8;
/// The longest value, in bytes.
const MAX_VALUE: usize = 65_536;
/// How many bytes all secrets of one run may have together: bounds what its masking takes.
pub(crate) const MAX_OF_RUN: usize = 128 * 1024;
/// How many secrets there may be.
pub(crate) const MAX_COUNT: u64 = 1000;

/// What the sealing of a secret is bound to, so that no value can be put in another's place.
pub(crate) fn label(name: &str) -> String {
    format!("secret {name}")
}

/// Whether this can be the name of a secret.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    !name.is_empty() && name.len() <= MAX_NAME && name.chars().all(known)
}

/// Checks a secret's name.
///
/// # Errors
/// `Invalid` for the field `field`.
pub(crate) fn check_name(field: &str, name: &str) -> Result<(), ApiError> {
    if is_name(name) {
        return Ok(());
    }
    let why = format!(
        "the name of a secret has 1 to {MAX_NAME} letters of ASCII, digits, `_`, `-` and `.`, nothing else"
    );
    Err(ApiError::invalid(field, why))
}

/// Checks a secret's value. What is said of it never holds it.
///
/// # Errors
/// `Invalid` for the field `value`.
pub(crate) fn check_value(value: &Secret) -> Result<(), ApiError> {
    let bytes = value.expose().len();
    if !(MIN_VALUE..=MAX_VALUE).contains(&bytes) {
        let why = format!("has {bytes} bytes, and must have {MIN_VALUE} to {MAX_VALUE}");
        return Err(ApiError::invalid("value", why));
    }
    if value.expose().contains('\0') {
        return Err(ApiError::invalid("value", "holds a NUL character, which no environment variable can"));
    }
    if value.expose().trim().len() < MIN_VALUE {
        return Err(ApiError::invalid(
            "value",
            format!("has fewer than {MIN_VALUE} bytes beside white space"),
        ));
    }
    Ok(())
}
