//! Why a call did not work, in words, and at which field of a form to say so.

use api::error::ApiError;
use jsonrpsee::core::client::Error;

/// A call that did not work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The parameter it is about, as the server names it: `steps[0].instructions`.
    pub(crate) field: Option<String>,
    /// What to tell the reader.
    pub(crate) text: String,
    /// Whether the reader has to sign in again.
    pub(crate) signed_out: bool,
    /// Whether there is no such thing.
    pub(crate) not_found: bool,
}

impl Failure {
    /// A failure that is not about a field.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { field: None, text: text.into(), signed_out: false, not_found: false }
    }

    /// What to say at a field: `steps` also shows the error of `steps[0]` if no nearer field does.
    pub(crate) fn at(&self, field: &str) -> Option<String> {
        (self.field.as_deref() == Some(field)).then(|| self.text.clone())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match ApiError::of(&error) {
            Some(ApiError::Invalid { field, why }) => Self { field: Some(field), ..Self::new(why) },
            Some(refusal) => Self {
                signed_out: matches!(refusal, ApiError::Unauthenticated { .. }),
                not_found: matches!(refusal, ApiError::NotFound { .. }),
                ..Self::new(sentence(&refusal.to_string()))
            },
            None => match error {
                Error::Call(object) => Self::new(sentence(object.message())),
                Error::RequestTimeout => Self::new("The server did not answer in time. Try again."),
                _ => Self::new("The connection to the server was lost. Try again when it is back."),
            },
        }
    }
}

/// The text with a capital at its start and a full stop at its end.
pub(crate) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let Some(first) = letters.next() else { return String::new() };
    let mut sentence: String = first.to_uppercase().chain(letters).collect();
    if !sentence.ends_with(['.', '!', '?', '…']) {
        sentence.push('.');
    }
    sentence
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_field_is_named_and_anything_else_is_a_sentence() {
        let failure = Failure::from(Error::Call(ApiError::invalid("name", "must not be blank").into()));
        assert_eq!(failure.at("name").as_deref(), Some("must not be blank"));
        assert_eq!(failure.at("steps"), None);
        let busy = ApiError::Conflict { why: "the task has changed".to_owned() };
        assert_eq!(Failure::from(Error::Call(busy.into())).text, "The task has changed.");
        assert!(Failure::from(Error::RequestTimeout).text.contains("Try again"));
    }
}
