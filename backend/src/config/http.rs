//! Settings of the one port: where it is, who may speak to it, how much at once.

use std::net::{IpAddr, SocketAddr};

use clap::{Args, builder::BoolishValueParser};

use super::{Error, Size, within};

/// The highest rate that may be set.
const MAX_CALLS: u32 = 1_000_000;

/// Where the server listens and whom it answers, as typed.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Port")]
pub struct HttpArgs {
    /// Address and port for the API, the command line and the web UI
    #[arg(long, env = "CAISSON_LISTEN", value_name = "ADDRESS:PORT", default_value = "127.0.0.1:7334")]
    pub listen: SocketAddr,
    /// More names under which the server is reached, as `host` or `host:port`, separated by commas;
    /// a request that names another host is refused
    #[arg(long, env = "CAISSON_ALLOWED_HOSTS", value_name = "HOSTS", value_delimiter = ',')]
    pub allowed_hosts: Vec<String>,
    /// A proxy that terminates TLS stands in front: its `X-Forwarded-For` is believed and the session
    /// cookie is sent over HTTPS only
    #[arg(long, env = "CAISSON_TRUSTED_PROXY", value_parser = BoolishValueParser::new())]
    pub trusted_proxy: bool,
    /// Listen beyond this machine without TLS: whoever shares the network can read tokens and code
    #[arg(long, env = "CAISSON_INSECURE_LISTEN", value_parser = BoolishValueParser::new())]
    pub insecure_listen: bool,
    /// Largest request and answer, in bytes (64k to 1g)
    #[arg(long, env = "CAISSON_MAX_BODY", value_name = "SIZE", default_value = "10m")]
    pub max_body: Size,
    /// Most connections at once (1 to 100000)
    #[arg(long, env = "CAISSON_MAX_CONNECTIONS", value_name = "COUNT", default_value_t = 1000)]
    pub max_connections: u32,
    /// Most subscriptions on one WebSocket (1 to 100000)
    #[arg(long, env = "CAISSON_MAX_SUBSCRIPTIONS", value_name = "COUNT", default_value_t = 1024)]
    pub max_subscriptions: u32,
    /// Wrong tokens a minute from one address (1 to 100000) after which what comes from there is looked at slowly
    #[arg(long, env = "CAISSON_LOGIN_ATTEMPTS", value_name = "COUNT", default_value_t = 30)]
    pub login_attempts: u32,
    /// Calls a second of one token or session, and requests a second of an address without one (1 to 1000000)
    #[arg(long, env = "CAISSON_CALLS_PER_SECOND", value_name = "COUNT", default_value_t = 50)]
    pub calls_per_second: u32,
    /// How many of them may come at once after a pause (1 to 1000000)
    #[arg(long, env = "CAISSON_CALLS_BURST", value_name = "COUNT", default_value_t = 200)]
    pub calls_burst: u32,
    /// Calls of one token or session that may be at work at the same time (1 to 100000)
    #[arg(long, env = "CAISSON_CALLS_AT_ONCE", value_name = "COUNT", default_value_t = 256)]
    pub calls_at_once: u32,
}

/// Where the server listens and whom it answers, checked.
#[derive(Clone, Debug)]
pub struct Http {
    /// Address and port.
    pub listen: SocketAddr,
    /// More host names that are ours, lower case, `host` (any port) or `host:port`.
    pub allowed_hosts: Vec<String>,
    /// Whether a TLS-terminating proxy stands in front.
    pub trusted_proxy: bool,
    /// Largest request and answer, in bytes.
    pub max_body: u32,
    /// Most connections at once.
    pub max_connections: u32,
    /// Most subscriptions on one WebSocket.
    pub max_subscriptions: u32,
    /// Most wrong tokens a minute from one address.
    pub login_attempts: u32,
    /// Calls a second of one caller.
    pub calls_per_second: u32,
    /// How many of them may come at once.
    pub calls_burst: u32,
    /// Calls of one caller at the same time.
    pub calls_at_once: u32,
}

impl HttpArgs {
    pub(super) fn validate(self) -> Result<Http, Error> {
        if !is_loopback(self.listen.ip()) && !self.trusted_proxy && !self.insecure_listen {
            return Err(Error::refused("--listen", exposed(self.listen)));
        }
        let max_body = within("--max-body", self.max_body, Size(64 << 10), Size(1 << 30), "bytes")?;
        Ok(Http {
            listen: self.listen,
            allowed_hosts: self.allowed_hosts.into_iter().map(host).collect::<Result<_, _>>()?,
            trusted_proxy: self.trusted_proxy,
            max_body: u32::try_from(max_body.0).unwrap_or(u32::MAX),
            max_connections: within("--max-connections", self.max_connections, 1, 100_000, "connections")?,
            max_subscriptions: within(
                "--max-subscriptions",
                self.max_subscriptions,
                1,
                100_000,
                "subscriptions on one WebSocket",
            )?,
            login_attempts: within(
                "--login-attempts",
                self.login_attempts,
                1,
                100_000,
                "wrong tokens a minute",
            )?,
            calls_per_second: within("--calls-per-second", self.calls_per_second, 1, MAX_CALLS, "calls")?,
            calls_burst: within("--calls-burst", self.calls_burst, 1, MAX_CALLS, "calls")?,
            calls_at_once: within("--calls-at-once", self.calls_at_once, 1, 100_000, "calls")?,
        })
    }
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

fn exposed(listen: SocketAddr) -> String {
    format!(
        "{listen} can be reached from other machines, and this port speaks plain HTTP: put a proxy that \
         terminates TLS in front and add --trusted-proxy, or add --insecure-listen if everyone on this \
         network may read what passes"
    )
}

/// One entry of `--allowed-hosts`: a name or address with or without a port, nothing around it.
fn host(entry: String) -> Result<String, Error> {
    let host = entry.trim().to_ascii_lowercase();
    let authority = host.parse::<axum::http::uri::Authority>().ok();
    if authority.is_some_and(|authority| !authority.host().is_empty() && !host.contains(['@', '*'])) {
        return Ok(host);
    }
    Err(Error::refused(
        "--allowed-hosts",
        format!("`{entry}` is not a host; write `caisson.example.org` or `caisson.example.org:8443`"),
    ))
}
