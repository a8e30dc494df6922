//! The connection to a server: one WebSocket for calls and subscriptions alike.

use std::{fs, path::PathBuf, time::Duration};

use api::error::ApiError;
use jsonrpsee::{
    client_transport::ws::WsHandshakeError,
    core::client::Error as RpcError,
    http_client::{HeaderMap, HeaderValue},
    ws_client::{PingConfig, WsClient, WsClientBuilder},
};
use url::Url;

use super::failure::Failure;

/// What servers of any version answer must fit.
const MAX_ANSWER_BYTES: u32 = 512 * 1024 * 1024;
/// How long to wait for a server that neither accepts nor refuses.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection that is silent for so long, pings included, is taken for dead.
const SILENCE_LIMIT: Duration = Duration::from_secs(20);

/// A server and how to sign in to it.
#[derive(Clone, Debug)]
pub(super) struct Server {
    address: String,
    rpc: Url,
    headers: HeaderMap,
}

/// A live connection.
pub(super) struct Client {
    /// Where it leads.
    pub(super) server: Server,
    /// What the typed client traits are called on.
    pub(super) rpc: WsClient,
}

impl Server {
    /// A server at this address; nothing is connected yet.
    ///
    /// # Errors
    /// `Usage` when the address is not an HTTP URL or the token cannot be read or sent.
    pub(super) fn new(
        address: &str,
        token: Option<String>,
        token_file: &Option<PathBuf>,
    ) -> Result<Self, Failure> {
        let mut headers = HeaderMap::new();
        if let Some(token) = read_token(token, token_file)? {
            let mut value = HeaderValue::try_from(format!("Bearer {token}"))
                .map_err(|_| Failure::Usage("the token holds characters that no token has".to_owned()))?;
            value.set_sensitive(true);
            headers.insert("authorization", value);
        }
        Ok(Self { address: address.to_owned(), rpc: rpc_url(address)?, headers })
    }

    /// The address, as it was given.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Whether there is a token to sign in with.
    pub(super) fn has_token(&self) -> bool {
        !self.headers.is_empty()
    }

    /// Connects.
    ///
    /// # Errors
    /// `Unreachable` when nobody answers there, `Refused` when the token is not accepted.
    pub(super) async fn connect(&self) -> Result<Client, Failure> {
        let ping = PingConfig::new().ping_interval(SILENCE_LIMIT / 2).inactive_limit(SILENCE_LIMIT);
        let built = WsClientBuilder::default()
            .set_headers(self.headers.clone())
            .max_response_size(MAX_ANSWER_BYTES)
            .connection_timeout(CONNECT_TIMEOUT)
            .enable_ws_ping(ping)
            .build(self.rpc.as_str())
            .await;
        match built {
            Ok(rpc) => Ok(Client { server: self.clone(), rpc }),
            Err(error) => Err(self.why_not(&error)),
        }
    }

    /// Fetches what lies under this path of the REST interface.
    ///
    /// # Errors
    /// `Unreachable` when nobody answers, `Refused` as the server says.
    pub(super) async fn get(&self, path: &[&str]) -> Result<reqwest::Response, Failure> {
        let unreachable = |error: reqwest::Error| Failure::Unreachable {
            address: self.address.clone(),
            why: error.without_url().to_string(),
        };
        let http =
            reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).build().map_err(unreachable)?;
        let request = http.get(rest_url(&self.rpc, path)).headers(self.headers.clone());
        let answer = request.send().await.map_err(unreachable)?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        /// How a refusal is told: the error as in JSON-RPC.
        #[derive(serde::Deserialize)]
        struct Refusal {
            error: Told,
        }
        #[derive(serde::Deserialize)]
        struct Told {
            data: ApiError,
        }
        let status = answer.status();
        let refusal = answer.json::<Refusal>().await;
        Err(refusal
            .map_or_else(|_| Failure::Protocol(status.to_string()), |it| Failure::Refused(it.error.data)))
    }

    fn why_not(&self, error: &RpcError) -> Failure {
        let handshake = match error {
            RpcError::Transport(cause) => cause.downcast_ref::<WsHandshakeError>(),
            _ => None,
        };
        let why = match handshake {
            Some(WsHandshakeError::Rejected { status_code: 401 }) => {
                let why = if self.has_token() { "the token is not valid" } else { "no token was given" };
                return Failure::Refused(ApiError::Unauthenticated { why: why.to_owned() });
            }
            Some(WsHandshakeError::Rejected { status_code: 403 }) => {
                return Failure::Refused(ApiError::Forbidden {
                    why: "the server rejected this client".into(),
                });
            }
            Some(WsHandshakeError::Rejected { status_code: 429 }) => {
                return Failure::Refused(ApiError::Unavailable {
                    what: "server".to_owned(),
                    why: "too many wrong tokens or too many calls came from here: wait a minute".to_owned(),
                    retry_after_ms: 60_000,
                });
            }
            Some(WsHandshakeError::Rejected { status_code: 503 }) => {
                return Failure::Refused(ApiError::Unavailable {
                    what: "database".to_owned(),
                    why: "the server cannot look up tokens: see its log, and whether its database runs and its disk has room".to_owned(),
                    retry_after_ms: 1_000,
                });
            }
            Some(WsHandshakeError::Io(error)) => error.to_string(),
            Some(WsHandshakeError::Timeout(limit)) => format!("no answer within {} s", limit.as_secs()),
            _ => error.to_string(),
        };
        Failure::Unreachable { address: self.address.clone(), why }
    }
}

/// The token from the flag or the file; a file wins nothing over a flag, so both are too many.
fn read_token(token: Option<String>, file: &Option<PathBuf>) -> Result<Option<String>, Failure> {
    let text = match (token, file) {
        (Some(token), _) => token,
        (None, Some(path)) => fs::read_to_string(path).map_err(|error| {
            Failure::Usage(format!("cannot read the token file {}: {error}", path.display()))
        })?,
        (None, None) => return Ok(None),
    };
    Ok(Some(text.trim().to_owned()).filter(|token| !token.is_empty()))
}

/// `http://host:port` becomes `ws://host:port/rpc`.
fn rpc_url(address: &str) -> Result<Url, Failure> {
    let wrong =
        |why: &str| Failure::Usage(format!("--server {address}: {why}; it looks like http://127.0.0.1:7334"));
    let mut url = Url::parse(address).map_err(|error| wrong(&error.to_string()))?;
    let scheme = match url.scheme() {
        "http" | "ws" => "ws",
        "https" | "wss" => "wss",
        _ => return Err(wrong("not an http or https URL")),
    };
    if url.host_str().is_none_or(str::is_empty) || url.set_scheme(scheme).is_err() {
        return Err(wrong("no host in it"));
    }
    let path = format!("{}/rpc", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Ok(url)
}

/// `ws://host:port/rpc` becomes `http://host:port/…`, whatever characters the path has.
fn rest_url(rpc: &Url, path: &[&str]) -> Url {
    let mut url = rpc.clone();
    let scheme = if rpc.scheme() == "wss" { "https" } else { "http" };
    // Both changes are allowed: it is a web address before and after.
    let _ = url.set_scheme(scheme);
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop().extend(path);
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_the_rpc_follows_from_the_servers() {
        let url = |address: &str| rpc_url(address).map(|url| url.to_string()).unwrap_or_default();
        assert_eq!(url("http://127.0.0.1:7334"), "ws://127.0.0.1:7334/rpc");
        assert_eq!(url("https://caisson.example/"), "wss://caisson.example/rpc");
        assert_eq!(url("https://example.org/caisson/"), "wss://example.org/caisson/rpc");
    }

    #[test]
    fn the_address_of_a_download_follows_too() {
        let rpc = rpc_url("https://example.org/caisson/").expect("an address");
        assert_eq!(
            rest_url(&rpc, &["api", "a b?/c"]).as_str(),
            "https://example.org/caisson/api/a%20b%3F%2Fc"
        );
        let rpc = rpc_url("http://127.0.0.1:7334").expect("an address");
        assert_eq!(rest_url(&rpc, &["api", "runs"]).as_str(), "http://127.0.0.1:7334/api/runs");
    }

    #[test]
    fn an_address_that_is_none_is_a_usage_error() {
        for address in ["127.0.0.1:7334", "ftp://example.org", "nonsense"] {
            assert!(matches!(rpc_url(address), Err(Failure::Usage(_))), "{address}");
        }
    }

    #[test]
    fn the_token_of_a_file_loses_its_line_end() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        fs::write(file.path(), "secret\n").expect("written");
        let token = read_token(None, &Some(file.path().to_owned())).expect("read");
        assert_eq!(token.as_deref(), Some("secret"));
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_named_with_the_remedy() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
        let address = format!("http://{closed}");
        let failure =
            Server::new(&address, None, &None).expect("valid").connect().await.err().expect("refused");
        assert!(matches!(failure, Failure::Unreachable { .. }));
        let text = failure.to_string();
        assert!(text.contains(&address) && text.contains("`caisson serve`"), "{text}");
    }
}
