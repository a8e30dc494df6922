//! Asks for a new token, as the CLI does. Nothing of the request or the answer gets into an error.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::{Error, file::Tokens};

/// The CLI itself, as the token server knows it.
const CLIENT_ID: &str = "9d1c250a-e61b-44d9-88ed-5944d1962f5e";
/// How long the server may take.
const ANSWER: Duration = Duration::from_secs(30);
/// The largest answer.
const LARGEST: usize = 64 << 10;

/// Where tokens are renewed.
pub(super) struct Renewal {
    pub(super) client: reqwest::Client,
    pub(super) token_url: Url,
}

/// What the server answers.
#[derive(Deserialize)]
pub(super) struct Renewed {
    pub(super) access_token: String,
    /// The next one: the old one is worth nothing then.
    pub(super) refresh_token: Option<String>,
    /// In seconds.
    expires_in: i64,
    pub(super) scope: Option<String>,
}

impl Renewed {
    pub(super) const fn lasts_millis(&self) -> i64 {
        self.expires_in.saturating_mul(1000)
    }
}

impl Renewal {
    pub(super) async fn ask(&self, known: &Tokens) -> Result<Renewed, Error> {
        let Some(refresh_token) = known.refresh_token() else {
            return Err(Error::LoggedOut("has expired and cannot be renewed".to_owned()));
        };
        let body = json!({
            "grant_type": "refresh_token",
            "refresh_token": refresh_token,
            "client_id": known.client_id().unwrap_or(CLIENT_ID),
            "scope": known.scopes(),
        });
        let user_agent = concat!("caisson/", env!("CARGO_PKG_VERSION"));
        let call = self.client.post(self.token_url.clone()).timeout(ANSWER);
        let answer = call.header("user-agent", user_agent).json(&body).send().await;
        let mut answer = answer.map_err(|error| Error::Unavailable(error.without_url().to_string()))?;
        let status = answer.status();
        let mut bytes = Vec::new();
        while let Some(more) =
            answer.chunk().await.map_err(|error| Error::Unavailable(error.without_url().to_string()))?
        {
            if LARGEST < bytes.len() + more.len() {
                return Err(Error::Unavailable("the token server answers too much".to_owned()));
            }
            bytes.extend_from_slice(&more);
        }
        match status.as_u16() {
            200 => {
                let renewed = serde_json::from_slice(&bytes).ok().filter(is_sound);
                renewed
                    .ok_or_else(|| Error::Unavailable("the token server answers something else".to_owned()))
            }
            400 | 401 | 403 if is_final(&bytes) => {
                Err(Error::LoggedOut(format!("was refused by the token server ({status}, invalid_grant)")))
            }
            _ => Err(Error::Unavailable(format!("the token server answered {status}"))),
        }
    }
}

fn is_sound(renewed: &Renewed) -> bool {
    let token = |token: &str| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    token(&renewed.access_token)
        && renewed.refresh_token.as_deref().is_none_or(token)
        && 0 < renewed.expires_in
}

/// Whether the server says that this refresh token is dead. Anything else may pass.
fn is_final(answer: &[u8]) -> bool {
    let answer = serde_json::from_slice::<Value>(answer).unwrap_or_default();
    let error = answer["error"].as_str().or_else(|| answer["error"]["type"].as_str());
    matches!(error, Some("invalid_grant" | "authentication_error" | "invalid_client" | "unauthorized_client"))
}
