//! Who may do what: root sets the rules and then only passes signals on, the executor may become the
//! agent, the agent may do nothing.

use std::{
    path::Path,
    process::{Child, Command},
};

use anyhow::{Context, Result};
use caps::{CapSet, Capability};

use crate::tool;

/// What the executor keeps: it starts and ends processes of the agent.
const EXECUTOR_CAPABILITIES: &str = "-all,+setuid,+setgid,+setpcap,+kill";
/// The executor's folder, which the agent cannot enter.
const EXECUTOR_HOME: &str = "/var/lib/caisson";

/// Takes `NET_ADMIN` from this process and everything it will start, for good.
///
/// # Errors
/// When the kernel refuses.
pub(crate) fn give_up_net_admin() -> Result<()> {
    give_up(|capability| capability == Capability::CAP_NET_ADMIN)
}

/// Starts the command as user `executor`, then leaves this process only the right to send signals.
///
/// # Errors
/// When the command cannot be started, or the kernel refuses.
pub(crate) fn start(command: &[String]) -> Result<Child> {
    let child = Command::new("setpriv")
        .args(["--reuid", "executor", "--regid", "executor", "--init-groups", "--no-new-privs"])
        .args([
            format!("--bounding-set={EXECUTOR_CAPABILITIES}"),
            format!("--inh-caps={EXECUTOR_CAPABILITIES}"),
            format!("--ambient-caps={EXECUTOR_CAPABILITIES}"),
        ])
        .arg("--")
        .args(command)
        .env("HOME", EXECUTOR_HOME)
        .env("CAISSON_FIREWALL", "verified")
        .spawn()
        .context("`setpriv` cannot be started")?;
    give_up(|capability| capability != Capability::CAP_KILL)?;
    Ok(child)
}

/// A command that runs `program` exactly as the agent's processes run: its uid, no group but its own,
/// no capability in any set, none to be had.
pub(crate) fn as_agent(program: &Path) -> Command {
    let mut command = tool::bare("setpriv");
    command
        .args(["--reuid", "agent", "--regid", "agent", "--clear-groups", "--no-new-privs"])
        .args(["--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all", "--"])
        .arg(program);
    command
}

fn give_up(condemned: impl Fn(Capability) -> bool) -> Result<()> {
    // The bounding set first: shrinking it takes SETPCAP, which may go with the effective set.
    for set in [CapSet::Bounding, CapSet::Ambient, CapSet::Inheritable, CapSet::Effective, CapSet::Permitted]
    {
        let held = caps::read(None, set).with_context(|| format!("the {set:?} set cannot be read"))?;
        for capability in held.into_iter().filter(|capability| condemned(*capability)) {
            caps::drop(None, set, capability)
                .with_context(|| format!("{capability} cannot be taken from the {set:?} set"))?;
        }
    }
    Ok(())
}
