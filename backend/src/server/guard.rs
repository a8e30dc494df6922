//! The guard before every request: is it meant for this server, and does it come from its own pages?
//!
//! A page of another site can make a browser send requests here. A name that was rebound to this
//! address gives itself away by `Host`, a foreign page by `Origin`.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use api::error::ApiError;
use axum::{
    extract::{Request, State},
    http::{HeaderMap, Uri, header, uri::Authority},
    middleware::Next,
    response::Response,
};

use super::refuse;
use crate::config::Http;

/// The address a connection comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) IpAddr);

/// The address of the caller: the peer's, or what a trusted proxy says it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client(pub(crate) IpAddr);

impl Client {
    /// The address the guard has found out for this request.
    pub(crate) fn of(request: &Request) -> IpAddr {
        let client = request.extensions().get::<Self>().copied();
        client.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |client| client.0)
    }
}

/// What the guard knows of this server.
pub(super) struct Guard {
    listen: SocketAddr,
    allowed: Vec<String>,
    trusted_proxy: bool,
}

impl Guard {
    pub(super) fn new(http: &Http) -> Self {
        Self { listen: http.listen, allowed: http.allowed_hosts.clone(), trusted_proxy: http.trusted_proxy }
    }

    /// Whether a request to this host is meant for us.
    fn is_ours(&self, host: &Authority) -> bool {
        match literal(host) {
            // Only a name can be rebound. So where every address is ours, every literal is.
            Some(ip) if self.listen.ip().is_unspecified() || ip.is_loopback() => true,
            Some(ip) => ip == self.listen.ip().to_canonical() || self.is_allowed(host),
            None => host.host().eq_ignore_ascii_case("localhost") || self.is_allowed(host),
        }
    }

    fn is_allowed(&self, host: &Authority) -> bool {
        let (name, whole) = (host.host().to_ascii_lowercase(), host.as_str().to_ascii_lowercase());
        self.allowed.iter().any(|allowed| *allowed == name || *allowed == whole)
    }

    /// Whether a page of this origin is one of ours, served under this host.
    fn is_own_page(&self, origin: &str, host: &Authority) -> bool {
        let Ok(origin) = origin.parse::<Uri>() else { return false };
        let (Some(scheme), Some(page)) = (origin.scheme_str(), origin.authority()) else { return false };
        let default = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return false,
        };
        let port = |authority: &Authority| authority.port_u16().unwrap_or(default);
        let same = page.host().eq_ignore_ascii_case(host.host()) && port(page) == port(host);
        same || self.is_allowed(page)
    }

    fn check(&self, request: &Request) -> Result<(), ApiError> {
        let host = single_host(request.headers()).filter(|host| self.is_ours(host));
        let Some(host) = host else {
            return Err(forbidden(
                "this server does not go by the name in `Host`; add it to --allowed-hosts \
                 (CAISSON_ALLOWED_HOSTS)",
            ));
        };
        let path = request.uri().path();
        if path != "/rpc" && !path.starts_with("/api/") {
            return Ok(());
        }
        let own = |origin: &header::HeaderValue| {
            origin.to_str().is_ok_and(|origin| self.is_own_page(origin, &host))
        };
        if request.headers().get_all(header::ORIGIN).iter().all(own) {
            return Ok(());
        }
        Err(forbidden(
            "a page of another origin may not call this server; if it is yours, add its host to \
             --allowed-hosts (CAISSON_ALLOWED_HOSTS)",
        ))
    }

    /// The caller's address. A proxy appends to `X-Forwarded-For`, so only the last entry is its own.
    fn client(&self, request: &Request) -> Client {
        let peer =
            request.extensions().get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0);
        let forwarded = request.headers().get_all("x-forwarded-for").iter().next_back();
        let forwarded = forwarded.filter(|_| self.trusted_proxy).and_then(|line| line.to_str().ok());
        let last = forwarded.and_then(|line| line.rsplit(',').next()?.trim().parse().ok());
        Client(last.unwrap_or(peer))
    }
}

/// Middleware: refuses what is not meant for this server, or comes from a foreign page.
pub(super) async fn watch(State(guard): State<Arc<Guard>>, mut request: Request, next: Next) -> Response {
    if let Err(error) = guard.check(&request) {
        return refuse(error, request.uri().path());
    }
    let client = guard.client(&request);
    request.extensions_mut().insert(client);
    next.run(request).await
}

/// A browser sends its cookie along with whatever a page makes it send. What changes something must
/// therefore also show that a page of ours meant it. A foreign `Origin` has been refused before.
pub(crate) fn check_intent(request: &Request) -> Result<(), ApiError> {
    let headers = request.headers();
    let reads = request.method().is_safe() && !headers.contains_key(header::UPGRADE);
    let same_origin = headers.get("sec-fetch-site").is_some_and(|site| site == "same-origin");
    if reads || same_origin || headers.contains_key(header::ORIGIN) {
        return Ok(());
    }
    Err(forbidden("a session is for this server's own pages; programs send `Authorization: Bearer TOKEN`"))
}

/// One IPv6 customer has a whole /64 to call from.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !0 << 64)),
        v4 => v4,
    }
}

fn forbidden(why: &str) -> ApiError {
    ApiError::Forbidden { why: why.to_owned() }
}

/// The request's host. Two are one too many: we and a proxy might each believe another.
fn single_host(headers: &HeaderMap) -> Option<Authority> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next()?.to_str().ok()?;
    if hosts.next().is_some() || host.contains('@') { None } else { host.parse().ok() }
}

/// The host as an address, if it is one.
fn literal(host: &Authority) -> Option<IpAddr> {
    let host = host.host().trim_start_matches('[').trim_end_matches(']');
    host.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests;
