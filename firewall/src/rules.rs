//! The nftables rules. Rendering is a pure function of the executor's port, so that a test shows the
//! whole text; loading is one transaction, so that there is never half a table.

use anyhow::{Result, ensure};

use crate::tool;

/// The port of the executor, the one thing that may be reached from outside. The same number as
/// `api::executor::PORT`; this crate knows no other crate of the project.
const EXECUTOR_PORT: u16 = 7335;
const TABLE: &str = "caisson";

/// Loads the rules and reads back that all three chains refuse by default.
///
/// # Errors
/// When `nft` refuses the rules, or the kernel holds something else than what was loaded.
pub(crate) fn load() -> Result<()> {
    let mut command = tool::bare("nft");
    command.args(["-f", "-"]);
    tool::run(command, &render(EXECUTOR_PORT))?;

    let mut command = tool::bare("nft");
    command.args(["list", "table", "inet", TABLE]);
    let loaded = tool::run(command, "")?;
    let chains = String::from_utf8_lossy(&loaded.stdout).matches("policy drop").count();
    ensure!(chains == 3, "{chains} of 3 chains refuse by default");
    Ok(())
}

/// The whole ruleset. Order matters: the engine's DNS server is a loopback address.
///
/// Loopback is matched by address on the way out, not by interface, because a packet to the
/// container's own address also leaves through `lo`. The line about ICMP lets the refusals themselves
/// reach the caller, who would otherwise wait for a time-out; nobody in here can make such a packet.
fn render(port: u16) -> String {
    format!(
        "\
table inet {TABLE}
delete table inet {TABLE}
table inet {TABLE} {{
	chain input {{
		type filter hook input priority filter; policy drop;
		iif lo accept
		ct state established,related accept
		tcp dport {port} accept
	}}
	chain forward {{
		type filter hook forward priority filter; policy drop;
	}}
	chain output {{
		type filter hook output priority filter; policy drop;
		ip daddr 127.0.0.11 reject with icmpx admin-prohibited
		ip daddr 127.0.0.0/8 accept
		ip6 daddr ::1 accept
		tcp sport {port} ct state established ct direction reply accept
		meta l4proto {{ icmp, icmpv6 }} ct state related ct direction reply accept
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
    fn everything_is_refused_but_loopback_and_answers_of_the_executor() {
        insta::assert_snapshot!(render(7335));
    }
}
