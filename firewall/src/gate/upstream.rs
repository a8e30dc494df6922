//! The container's own resolvers, for allowed names.

use std::{
    collections::VecDeque,
    future::Future,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use hickory_proto::{
    op::ResponseCode,
    rr::{Name as DnsName, RData, RecordType},
};
use hickory_resolver::{
    TokioResolver,
    config::{ResolveHosts, ResolverOpts},
    net::{DnsError, NetError, runtime::TokioRuntimeProvider},
    system_conf::parse_resolv_conf,
};
use tokio::time::{Instant, timeout};

use crate::policy::Name;

/// How long a name may take. A little less than programs wait before they ask again.
const PATIENCE: Duration = Duration::from_millis(4500);
/// How long a name that nobody answered for is not asked for again: programs do so at once, and wait as long.
const REST: Duration = Duration::from_secs(10);
/// The most such names.
const MOST_RESTING: usize = 64;
/// How long one resolver may take before it is asked again, or the next.
const ATTEMPT: Duration = Duration::from_secs(2);
const CACHED_NAMES: u64 = 256;
const NO_ANSWER: &str = "no resolver answered in time";

/// Which addresses are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// A.
    V4,
    /// AAAA.
    V6,
}

/// The addresses of a name, and how long they hold in seconds. None: the name exists, but not so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The addresses.
    pub addresses: Vec<IpAddr>,
    /// For how many seconds.
    pub ttl: u32,
}

/// Why there is no address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failed {
    /// The resolvers say that there is no such name.
    NoSuchName,
    /// They say nothing that helps; why.
    Unanswered(String),
}

/// Who knows addresses.
pub trait Upstream: Send + Sync + 'static {
    /// The addresses of this name, whatever they are.
    fn look_up(&self, name: &Name, family: Family) -> impl Future<Output = Result<Found, Failed>> + Send;

    /// The domains that the container's programs put behind names they do not find.
    fn search(&self) -> &[Name];
}

/// The resolvers of `/etc/resolv.conf`.
pub struct Resolver {
    /// None where the container names no resolver.
    resolver: Option<TokioResolver>,
    search: Vec<Name>,
    /// The names that nobody answered for, and until when they rest. The oldest first.
    resting: Mutex<VecDeque<(Name, Instant)>>,
}

impl Resolver {
    /// The resolvers of a text in the format of `/etc/resolv.conf`. Without any, no name resolves.
    #[must_use]
    pub fn new(configuration: &[u8]) -> Self {
        let Ok((config, _)) = parse_resolv_conf(configuration) else {
            return Self { resolver: None, search: Vec::new(), resting: Mutex::default() };
        };
        let search = config.search.iter().filter_map(|name| Name::ascii(&name.to_ascii()).ok()).collect();
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        *builder.options_mut() = options();
        Self { resolver: builder.build().ok(), search, resting: Mutex::default() }
    }

    fn rests(&self, name: &Name) -> bool {
        let mut resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        resting.retain(|(_, until)| now < *until);
        resting.iter().any(|(known, _)| known == name)
    }

    fn rest(&self, name: &Name) {
        let mut resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        resting.push_back((name.clone(), Instant::now() + REST));
        if MOST_RESTING < resting.len() {
            resting.pop_front();
        }
    }
}

fn options() -> ResolverOpts {
    let mut options = ResolverOpts::default();
    options.timeout = ATTEMPT;
    options.cache_size = CACHED_NAMES;
    // The container's file of hosts is read by the tools themselves.
    options.use_hosts_file = ResolveHosts::Never;
    options
}

impl Upstream for Resolver {
    async fn look_up(&self, name: &Name, family: Family) -> Result<Found, Failed> {
        let Some(resolver) = &self.resolver else {
            return Err(Failed::Unanswered("the container has no resolver".to_owned()));
        };
        if self.rests(name) {
            return Err(Failed::Unanswered(NO_ANSWER.to_owned()));
        }
        let unanswered = |why: &dyn std::fmt::Display| Failed::Unanswered(why.to_string());
        // With the dot: no search domain is tried.
        let question = DnsName::from_ascii(format!("{name}.")).map_err(|error| unanswered(&error))?;
        let kind = match family {
            Family::V4 => RecordType::A,
            Family::V6 => RecordType::AAAA,
        };
        match timeout(PATIENCE, resolver.lookup(question, kind)).await {
            Ok(Ok(found)) => {
                let ttl = found.answers().iter().map(|record| record.ttl).min().unwrap_or_default();
                let addresses = found.answers().iter().filter_map(|record| match &record.data {
                    RData::A(address) => Some(IpAddr::V4(address.0)),
                    RData::AAAA(address) => Some(IpAddr::V6(address.0)),
                    _ => None,
                });
                Ok(Found { addresses: addresses.collect(), ttl })
            }
            Ok(Err(NetError::Dns(DnsError::NoRecordsFound(none)))) => match none.response_code {
                ResponseCode::NXDomain => Err(Failed::NoSuchName),
                ResponseCode::NoError => Ok(Found { addresses: Vec::new(), ttl: 0 }),
                code => Err(unanswered(&code)),
            },
            Ok(Err(error)) => Err(unanswered(&error)),
            Err(_) => {
                self.rest(name);
                Err(Failed::Unanswered(NO_ANSWER.to_owned()))
            }
        }
    }

    fn search(&self) -> &[Name] {
        &self.search
    }
}
