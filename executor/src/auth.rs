//! Who is calling: the one bearer token of this container.

use std::{convert::Infallible, fmt, str::FromStr, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use subtle::ConstantTimeEq;

use crate::refusal::Refusal;

/// A secret that is never printed.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// Whether the headers carry this token. Takes as long for a wrong token as for the right one.
    fn admits(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(header::AUTHORIZATION).map(|value| value.as_bytes());
        given
            .and_then(|value| value.strip_prefix(b"Bearer "))
            .is_some_and(|given| given.ct_eq(self.0.as_bytes()).into())
    }

    /// Whether it is no token at all.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromStr for Token {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Refuses callers without the token.
pub(crate) async fn admit(State(state): State<Arc<crate::State>>, request: Request, next: Next) -> Response {
    if state.config.token.admits(request.headers()) {
        next.run(request).await
    } else {
        Refusal::Unauthorized.into_response()
    }
}
