//! Resolves, judges and connects, in one go: between the judgement and the connection nobody is asked again.

use std::{collections::BTreeMap, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::{
    Client, ClientBuilder,
    dns::{Addrs, Name, Resolve, Resolving},
};
use tokio::net::{TcpStream, lookup_host};
use url::Url;

use super::{
    judge::{Judge, Refused, place},
    named::Named,
};

/// How long a name is looked up that nobody connects to yet.
const LOOK: Duration = Duration::from_secs(10);

/// The ways to git servers.
pub(in crate::broker) struct Way {
    judge: Arc<Judge>,
    /// Which proxy the environment names for an address.
    proxies: Matcher,
    /// Over the proxies.
    proxied: Client,
    /// Without one, for the ports that are named. A client keeps connections, and judges by one port.
    direct: BTreeMap<u16, Client>,
    /// The same for the other ports, between which there is no difference.
    elsewhere: Client,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(in crate::broker::git) enum Error {
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Way {
    /// Ways that lead to public hosts and to what is named. `proxied` goes over the proxies of the environment.
    ///
    /// # Errors
    /// When a client cannot be set up.
    pub(in crate::broker) fn new(
        named: Vec<Named>,
        proxied: Client,
        builder: impl Fn() -> ClientBuilder,
    ) -> reqwest::Result<Self> {
        let judge = Arc::new(Judge::new(named));
        let client = |port| {
            let gate = Gate { judge: Arc::clone(&judge), port };
            builder().no_proxy().dns_resolver(Arc::new(gate)).build()
        };
        let direct = judge.ports().map(|port| Ok((port, client(port)?))).collect::<reqwest::Result<_>>()?;
        let elsewhere = client(0)?;
        Ok(Self { judge, proxies: Matcher::from_system(), proxied, direct, elsewhere })
    }

    /// Where it leads, for the operator.
    pub(in crate::broker) fn describe(&self) -> String {
        let named: Vec<String> = self.judge.named().map(ToString::to_string).collect();
        let private = match named.is_empty() {
            true => {
                "on loopback and private addresses none, until CAISSON_GIT_PRIVATE or a credential names it"
                    .to_owned()
            }
            false => format!("on loopback and private addresses those that are named: {}", named.join(", ")),
        };
        let proxied = self.proxies.intercept(&Uri::from_static("https://git.invalid/")).is_some();
        let proxied =
            if proxied { "; the proxy of the environment resolves what it is asked for itself" } else { "" };
        format!("public git servers; {private}{proxied}")
    }

    /// What can be judged of an address without asking a resolver.
    ///
    /// # Errors
    /// When it is not connected to.
    pub(in crate::broker) fn check(&self, url: &Url) -> Result<(), Refused> {
        self.judge.url(url)
    }

    /// Judges an address after resolving it. One that does not resolve, here and in time, is not judged.
    ///
    /// # Errors
    /// When it is not connected to.
    pub(in crate::broker) async fn look(&self, url: &Url) -> Result<(), Refused> {
        self.check(url)?;
        let (host, port) = place(url);
        match tokio::time::timeout(LOOK, found(url)).await {
            Ok(Ok(found)) => self.judge.open(host, port, found).map(drop),
            Ok(Err(_)) | Err(_) => Ok(()),
        }
    }

    /// The client for an HTTP request. A direct one judges what the name resolves to. What goes over a proxy is
    /// resolved there: a name is judged here as well, unless only the proxy knows it.
    pub(in crate::broker::git) async fn client(&self, url: &Url) -> Result<&Client, Refused> {
        self.check(url)?;
        let (host, port) = place(url);
        let is_proxied = |uri: Uri| self.proxies.intercept(&uri).is_some();
        if !url.as_str().parse().is_ok_and(is_proxied) {
            return Ok(self.direct.get(&port).unwrap_or(&self.elsewhere));
        }
        // Which of the addresses it takes is the proxy's choice.
        for address in found(url).await.into_iter().flatten() {
            self.judge.address(host, port, address.ip())?;
        }
        Ok(&self.proxied)
    }

    /// A connection for SSH, which no proxy is for.
    pub(in crate::broker::git) async fn dial(&self, url: &Url) -> Result<TcpStream, Error> {
        let (host, port) = place(url);
        let open = self.judge.open(host, port, found(url).await?)?;
        Ok(TcpStream::connect(&open[..]).await?)
    }
}

/// The addresses of a URL's host.
async fn found(url: &Url) -> io::Result<impl Iterator<Item = SocketAddr>> {
    let (host, port) = place(url);
    lookup_host((host.trim_matches(['[', ']']).to_owned(), port)).await
}

/// What a client asks for the addresses of a name.
struct Gate {
    judge: Arc<Judge>,
    port: u16,
}

impl Resolve for Gate {
    fn resolve(&self, name: Name) -> Resolving {
        let (judge, port) = (Arc::clone(&self.judge), self.port);
        Box::pin(async move {
            let found = lookup_host((name.as_str(), 0)).await?;
            let open = judge.open(name.as_str(), port, found)?;
            Ok(Box::new(open.into_iter()) as Addrs)
        })
    }
}

/// The refusal among the causes of an error.
pub(in crate::broker::git) fn refusal(error: &reqwest::Error) -> Option<&Refused> {
    let mut cause: &dyn std::error::Error = error;
    loop {
        match cause.downcast_ref() {
            Some(refused) => return Some(refused),
            None => cause = cause.source()?,
        }
    }
}
