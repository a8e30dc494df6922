//! One question → one answer, and what is to be remembered of it.

use std::net::IpAddr;

use hickory_proto::{
    op::ResponseCode,
    rr::{
        RData,
        rdata::{A, AAAA},
    },
};

use super::{
    question::{self, Question},
    upstream::{Failed, Family, Found, Upstream},
};
use crate::{border::Border, policy::Name};

/// How long an address may be used before its name is asked for again, in seconds.
const LONGEST_TTL: u32 = 300;
/// The most addresses in one answer.
const MOST_ADDRESSES: usize = 64;

/// Answers one question; nothing for what is no question.
///
/// A name that is not allowed is answered "no such name", because that is what every tool takes for an end:
/// at "refused" some resolvers go on asking until they run out of time.
pub(super) async fn answer<U: Upstream>(
    bytes: &[u8],
    source_port: u16,
    datagram: bool,
    border: &Border,
    upstream: &U,
) -> Option<Vec<u8>> {
    let (asker, name, family) = match question::read(bytes) {
        Question::Noise => return None,
        Question::Malformed(asker, code) => return asker.reply(code, &[], 0, datagram),
        Question::Nameless(asker, shown) => {
            border.denials.refuse(&shown, None, "it is no host name", source_port).await;
            return asker.reply(ResponseCode::NXDomain, &[], 0, datagram);
        }
        Question::Host(asker, name, family) => (asker, name, family),
    };
    if !border.policy().name(&name) {
        if let Some(shown) = worth_telling(&name, upstream.search(), border) {
            let why = format!("{shown} is not allowed; allow it by this name");
            border.denials.refuse(shown, None, &why, source_port).await;
        }
        return asker.reply(ResponseCode::NXDomain, &[], 0, datagram);
    }
    let wanted = family.filter(|family| *family == Family::V4 || border.own.has_ipv6());
    let Some(family) = wanted else {
        // Nothing else is said about an allowed name: above all no key that would hide a name from the relay.
        return asker.reply(ResponseCode::NoError, &[], 0, datagram);
    };
    match upstream.look_up(&name, family).await {
        Ok(found) => {
            let ttl = found.ttl.min(LONGEST_TTL);
            asker.reply(ResponseCode::NoError, &open(found, &name, source_port, border), ttl, datagram)
        }
        Err(failed) => {
            let (code, why) = match failed {
                Failed::NoSuchName => (ResponseCode::NXDomain, "there is no such name".to_owned()),
                Failed::Unanswered(why) => (ResponseCode::ServFail, format!("does not resolve: {why}")),
            };
            // Some servers know nothing of IPv6: the other question of the same look-up tells.
            if family == Family::V4 {
                border.denials.notice(&format!("{name} is allowed, but {why}"));
            }
            asker.reply(code, &[], 0, datagram)
        }
    }
}

/// The addresses the name may be used with, which are remembered. One that is closed is left out unless
/// an entry names it.
fn open(found: Found, name: &Name, source_port: u16, border: &Border) -> Vec<RData> {
    let policy = border.policy();
    let closed = |address: &IpAddr| {
        border.is_sealed(*address) || border.is_closed(*address) && !policy.address(*address)
    };
    let (closed, open): (Vec<IpAddr>, Vec<IpAddr>) =
        found.addresses.into_iter().take(MOST_ADDRESSES).partition(closed);
    if let ([], Some(address)) = (&*open, closed.first()) {
        let why = format!(
            "{name} resolves to {address}, a private or local address, which no name opens; allow {address} as well"
        );
        border.denials.record(name.as_str(), None, &why, source_port);
    }
    let records = open.into_iter().map(|address| {
        border.given(address, name);
        match address {
            IpAddr::V4(v4) => RData::A(A(v4)),
            IpAddr::V6(v6) => RData::AAAA(AAAA(v6)),
        }
    });
    records.collect()
}

/// What a person would want to hear of a refused name. Resolvers put the container's search domains behind
/// every name they do not find: then what was asked for is the part before, and it may be allowed.
fn worth_telling<'a>(name: &'a Name, search: &[Name], border: &Border) -> Option<&'a str> {
    let tried = search.iter().find(|domain| name.is_below(domain));
    let Some(domain) = tried else { return Some(name.as_str()) };
    let front = name.as_str().strip_suffix(domain.as_str()).and_then(|front| front.strip_suffix('.'));
    let Some(Ok(asked)) = front.filter(|front| front.contains('.')).map(Name::ascii) else {
        return Some(name.as_str());
    };
    if border.policy().name(&asked) { None } else { front }
}
