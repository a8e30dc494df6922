//! A host name in the one spelling in which names are compared: ASCII, lower case, no dot at the end.

use std::fmt;

/// The longest name the DNS can carry, in characters.
const LONGEST: usize = 253;
const LONGEST_LABEL: usize = 63;

/// A host name. Equal names are equal strings.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

/// Why something is no host name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// Nothing, or nothing between two dots.
    #[error("a part of the name is empty")]
    Empty,
    /// Over 253 characters, or a part over 63.
    #[error("the name is longer than the DNS allows (253 characters, 63 between dots)")]
    TooLong,
    /// A character that no host name has.
    #[error("only letters, digits, `-`, `_` and dots are allowed in a name")]
    Character,
    /// It ends like an address.
    #[error("a name that ends with a number would be taken for an address")]
    Number,
    /// What it is in ASCII cannot be told.
    #[error("it cannot be written as an international domain name")]
    International,
}

impl Name {
    /// A name as a person writes it; letters beyond ASCII become punycode.
    ///
    /// # Errors
    /// When it is no host name.
    pub fn parse(text: &str) -> Result<Self, BadName> {
        if text.is_ascii() {
            return Self::ascii(text);
        }
        let ascii = idna::domain_to_ascii_cow(text.as_bytes(), idna::AsciiDenyList::URL);
        Self::ascii(&ascii.map_err(|_| BadName::International)?)
    }

    /// A name as a protocol carries it: ASCII only. Bounded work for hostile bytes.
    ///
    /// # Errors
    /// When it is no host name.
    pub fn ascii(text: &str) -> Result<Self, BadName> {
        let text = text.strip_suffix('.').unwrap_or(text);
        if LONGEST < text.len() || text.split('.').any(|label| LONGEST_LABEL < label.len()) {
            return Err(BadName::TooLong);
        }
        if text.split('.').any(str::is_empty) {
            return Err(BadName::Empty);
        }
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
            return Err(BadName::Character);
        }
        let name = text.to_ascii_lowercase();
        if name.rsplit('.').next().is_some_and(is_number) {
            return Err(BadName::Number);
        }
        Ok(Self(name))
    }

    /// The name itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it lies below the other name, at any depth. No name lies below itself.
    #[must_use]
    pub fn is_below(&self, other: &Self) -> bool {
        self.0.strip_suffix(other.as_str()).is_some_and(|front| front.ends_with('.'))
    }
}

/// Resolvers read `127.1`, `1` and `0x7f.0x1` as addresses.
fn is_number(label: &str) -> bool {
    let hexadecimal = label.strip_prefix("0x");
    hexadecimal.map_or_else(
        || label.bytes().all(|byte| byte.is_ascii_digit()),
        |digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
    )
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
