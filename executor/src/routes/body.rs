//! Reads requests; what cannot be read is refused with the field's name.

use axum::{
    extract::{FromRequest, FromRequestParts, Query, Request},
    http::request::Parts,
};
use bytes::Bytes;
use serde::{Deserialize, de::DeserializeOwned};

use crate::refusal::Refusal;

/// A JSON body.
pub(super) struct Fields<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Fields<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        let unread = |error: axum::extract::rejection::BytesRejection| Refusal::Invalid(error.body_text());
        let bytes = Bytes::from_request(request, state).await.map_err(unread)?;
        let mut json = serde_json::Deserializer::from_slice(&bytes);
        let fields = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let why = without_text(&error.inner().to_string());
            Refusal::Invalid(match error.path().to_string().as_str() {
                "." => why,
                path => format!("{path}: {why}"),
            })
        })?;
        json.end().map_err(|error| Refusal::Invalid(error.to_string()))?;
        Ok(Self(fields))
    }
}

/// serde repeats a text that should have been something else; it may be a key.
fn without_text(why: &str) -> String {
    match (why.find("string \""), why.rfind("\", expected")) {
        (Some(from), Some(to)) if from < to => format!("{}a string{}", &why[..from], &why[to + 1..]),
        _ => why.to_owned(),
    }
}

/// `?after=n`, if it is given.
pub(super) struct After(pub(super) Option<u64>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AfterQuery {
    after: Option<u64>,
}

impl<S: Send + Sync> FromRequestParts<S> for After {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let query = Query::<AfterQuery>::from_request_parts(parts, state).await;
        let query = query.map_err(|error| Refusal::Invalid(error.body_text()))?;
        Ok(Self(query.0.after))
    }
}
