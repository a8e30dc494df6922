//! What must hold of everything the agent's container sends through the firewall, whatever it is: for the fuzz
//! targets, and for the tests, which replay what they found.

mod dns;
mod http;
mod rules;
mod tls;

pub use self::{
    dns::dns,
    http::{first_bytes, http_head},
    rules::host_rules,
    tls::client_hello,
};

/// Where a prefix of so many bytes may end: everywhere in what is short, else at both ends and in between.
fn cuts(length: usize) -> impl Iterator<Item = usize> {
    let edge = move |cut: &usize| *cut < 64 || length - *cut <= 16 || cut.is_multiple_of(61);
    (0..=length).filter(edge)
}

#[cfg(test)]
mod tests {
    use testkit::replay;

    use super::*;

    #[test]
    fn what_the_fuzzer_kept_for_the_gate_is_answered() {
        replay::each("dns", dns);
    }

    #[test]
    fn what_the_fuzzer_kept_for_the_relay_is_judged() {
        replay::each("client_hello", client_hello);
        replay::each("first_bytes", first_bytes);
        replay::each("http_head", http_head);
    }

    #[test]
    fn what_the_fuzzer_kept_of_host_rules_allows_no_more_than_it_says() {
        replay::each("host_rules", host_rules);
    }
}
