//! The tables as sea-orm sees them; private to the store.
#![expect(unreachable_pub, reason = "sea-orm's derives need the models to be `pub`")]

pub(super) mod artifact;
pub(super) mod audit;
pub(super) mod batch;
pub(super) mod batch_call;
pub(super) mod gate;
pub(super) mod instance;
pub(super) mod message;
pub(super) mod outbox;
pub(super) mod run;
pub(super) mod run_event;
pub(super) mod secret;
pub(super) mod session;
pub(super) mod task;
pub(super) mod token;

use api::Timestamp;
use serde::{Serialize, de::DeserializeOwned};

use super::Error;

/// This moment, as precisely as it is stored: what is answered now and what is read later are the same.
pub(super) fn now() -> Timestamp {
    timestamp(micros(Timestamp::now()))
}

/// A time as it is stored: microseconds since 1970.
pub(super) fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// A stored time. Out of range is impossible for times we wrote; it reads as 1970.
pub(super) fn timestamp(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or_default()
}

/// A document as it is stored: JSON text, in which even a NUL character is an escape that any database holds.
pub(super) fn to_json(what: &'static str, value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::Corrupt { what, why: error.to_string() })
}

/// A text as any database holds it: PostgreSQL refuses a NUL character in a text column, so it becomes U+FFFD.
pub(super) fn clean(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

/// A stored document.
pub(super) fn from_json<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| Error::Corrupt { what, why: error.to_string() })
}

/// An enum by its wire name.
pub(super) fn from_name<T: DeserializeOwned>(what: &'static str, name: &str) -> Result<T, Error> {
    serde_json::from_value(serde_json::Value::String(name.to_owned()))
        .map_err(|error| Error::Corrupt { what, why: error.to_string() })
}
