//! The nftables rules. Rendering is a pure function of the ports, so that a test shows the whole text; loading
//! is one transaction, so that there is never half a table. They never change after that.

use anyhow::Result;

use super::tool;
use crate::{gate, relay};

/// The port of the executor, the one thing that may be reached from outside. The same number as
/// `api::executor::PORT`; this crate knows no other crate of the project.
const EXECUTOR_PORT: u16 = 7335;
const TABLE: &str = "caisson";

/// Loads the rules. That they hold is tried from inside later, not read back.
///
/// # Errors
/// When `nft` refuses the rules.
pub(super) fn load() -> Result<()> {
    let mut command = tool::bare("nft");
    command.args(["-f", "-"]);
    tool::run(command, &render(EXECUTOR_PORT, gate::PORT, relay::PORT)).map(drop)
}

/// The whole ruleset. Order matters.
///
/// *steer* comes before the engine's own NAT for its DNS server at 127.0.0.11 (priority -100): whoever is not this
/// process asks the gate, whatever server was meant, and speaks with the relay, whatever host was meant.
///
/// *output* sees a connection after that. Loopback is matched by address, not by interface, because a packet to
/// the container's own address also leaves through `lo`, and a redirected one still has its old interface.
/// Packets without an owner are the kernel's: the last words of connections that this process has closed (never
/// a first word, and nobody else has connections that go further than loopback), neighbour discovery, and the
/// refusals themselves, without which the caller would wait for a time-out.
fn render(executor: u16, gate: u16, relay: u16) -> String {
    format!(
        "\
table inet {TABLE}
delete table inet {TABLE}
table inet {TABLE} {{
	chain steer {{
		type nat hook output priority -110; policy accept;
		meta skuid 0 return
		udp dport 53 redirect to :{gate}
		tcp dport 53 redirect to :{gate}
		ip daddr 127.0.0.0/8 return
		ip6 daddr ::1 return
		meta l4proto tcp redirect to :{relay}
	}}
	chain input {{
		type filter hook input priority filter; policy drop;
		iif lo accept
		ct state established,related accept
		tcp dport {executor} accept
		icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} ip6 hoplimit 255 accept
	}}
	chain forward {{
		type filter hook forward priority filter; policy drop;
	}}
	chain output {{
		type filter hook output priority filter; policy drop;
		ct state established ct direction reply accept
		meta skuid 0 ip daddr 127.0.0.11 accept
		ip daddr 127.0.0.11 reject with icmpx admin-prohibited
		ip daddr 127.0.0.0/8 accept
		ip6 daddr ::1 accept
		meta skuid 0 meta l4proto tcp accept
		meta skuid 0 udp dport 53 accept
		meta skuid != 0 reject with icmpx admin-prohibited
		meta l4proto tcp ct state established tcp flags & syn == 0 accept
		meta l4proto {{ icmp, icmpv6 }} ct state related ct direction reply accept
		icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} ip6 hoplimit 255 accept
		reject with icmpx admin-prohibited
	}}
}}
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_steered_to_gate_and_relay_or_refused() {
        insta::assert_snapshot!(render(7335, 7353, 7337));
    }
}
