//! What a git request asks for. Pure.

use axum::http::{Method, Uri};
use url::Url;

/// A smart HTTP request: `/git/{scheme}/{host[:port]}/{path}/{part}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    repository: Url,
    pub service: Service,
    pub part: Part,
}

/// What git wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    /// Fetch.
    UploadPack,
    /// Push.
    ReceivePack,
}

/// Which half of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// `GET info/refs`: what there is.
    References,
    /// `POST`: the transfer itself.
    Exchange,
}

impl Service {
    const ALL: [Self; 2] = [Self::UploadPack, Self::ReceivePack];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::UploadPack => "git-upload-pack",
            Self::ReceivePack => "git-receive-pack",
        }
    }
}

impl Target {
    /// `None` for whatever is not smart HTTP.
    pub(super) fn read(method: &Method, uri: &Uri) -> Option<Self> {
        let (scheme, place) = uri.path().strip_prefix("/git/")?.split_once('/')?;
        let (place, service, part) = match *method {
            Method::GET => {
                let query = uri.query()?;
                let asked = |service: &Service| query.strip_prefix("service=") == Some(service.name());
                (place.strip_suffix("/info/refs")?, Service::ALL.into_iter().find(asked)?, Part::References)
            }
            Method::POST => {
                let (place, name) = place.rsplit_once('/')?;
                (place, Service::ALL.into_iter().find(|service| service.name() == name)?, Part::Exchange)
            }
            _ => return None,
        };
        let known = matches!(scheme, "http" | "https" | "ssh") && uri_has_no_query(part, uri);
        let repository = Url::parse(&format!("{scheme}://{place}")).ok().filter(|_| known)?;
        let has_host = repository.host_str().is_some_and(|host| !host.is_empty());
        has_host.then_some(Self { repository, service, part })
    }

    /// The question what there is.
    pub(super) fn references(repository: &Url, service: Service) -> Self {
        Self { repository: repository.clone(), service, part: Part::References }
    }

    /// Whether it is about this repository. A missing or added `.git` or slash at the end is the same.
    pub(super) fn is_in(&self, repository: &Url) -> bool {
        identity(&self.repository) == identity(repository)
    }

    /// Where the repository itself answers this. Nothing of the request's own address gets in.
    pub(super) fn upstream(&self, repository: &Url) -> Url {
        let (last, query) = match self.part {
            Part::References => ("info/refs", Some(format!("service={}", self.service.name()))),
            Part::Exchange => (self.service.name(), None),
        };
        let mut url = repository.clone();
        url.set_path(&format!("{}/{last}", repository.path().trim_end_matches('/')));
        url.set_query(query.as_deref());
        url.set_fragment(None);
        url
    }
}

fn uri_has_no_query(part: Part, uri: &Uri) -> bool {
    part == Part::References || uri.query().is_none()
}

type Identity<'a> = (&'a str, Option<String>, Option<u16>, &'a str, &'a str, Option<&'a str>);

fn identity(url: &Url) -> Identity<'_> {
    let path = url.path().trim_end_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let is_ssh = url.scheme() == "ssh";
    let port = url.port_or_known_default().or_else(|| is_ssh.then_some(22));
    // URLs of no well-known scheme keep the letters of their host as they are.
    let host = url.host_str().map(str::to_ascii_lowercase);
    (url.scheme(), host, port, path, url.username(), url.password())
}

#[cfg(test)]
mod tests;
