//! Who may do what: root sets the rules and then only serves on loopback and passes signals on, the executor
//! may become the agent, the agent may do nothing.

use std::{
    os::fd::OwnedFd,
    process::{Child, Command},
};

use anyhow::{Context, Result, ensure};
use caps::{CapSet, Capability};
use nix::{
    sys::prctl::set_no_new_privs,
    unistd::{User, setgroups, setresgid, setresuid},
};

/// What the executor keeps: it starts and ends processes of the agent.
const EXECUTOR_CAPABILITIES: &str = "-all,+setuid,+setgid,+setpcap,+kill";
/// The executor's folder, which the agent cannot enter.
const EXECUTOR_HOME: &str = "/var/lib/caisson";
const AGENT: &str = "agent";

/// Takes `NET_ADMIN` from this process and everything it will start, for good.
///
/// # Errors
/// When the kernel refuses.
pub(super) fn give_up_net_admin() -> Result<()> {
    give_up(|capability| capability == Capability::CAP_NET_ADMIN)
}

/// Starts the command as user `executor` with the control line as its standard input, then leaves this process
/// only the right to send signals.
///
/// # Errors
/// When the command cannot be started, or the kernel refuses.
pub(super) fn start(command: &[String], line: OwnedFd) -> Result<Child> {
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
        .stdin(line)
        .spawn()
        .context("`setpriv` cannot be started")?;
    let threads = std::fs::read_dir("/proc/self/task").context("the threads cannot be listed")?.count();
    ensure!(threads == 1, "another thread would keep its rights");
    give_up(|capability| capability != Capability::CAP_KILL)?;
    Ok(child)
}

/// Makes this process one of the agent's: its uid, no group but its own, no capability in any set, none to be had.
///
/// # Errors
/// When there is no such user, or the kernel refuses.
pub(super) fn become_agent() -> Result<()> {
    let agent = User::from_name(AGENT).context("the users cannot be read")?;
    let agent = agent.with_context(|| format!("the image has no user `{AGENT}`"))?;
    ensure!(!agent.uid.is_root(), "the user `{AGENT}` is root");
    set_no_new_privs()?;
    for set in [CapSet::Bounding, CapSet::Ambient, CapSet::Inheritable] {
        caps::clear(None, set).with_context(|| format!("the {set:?} set cannot be emptied"))?;
    }
    setgroups(&[])?;
    setresgid(agent.gid, agent.gid, agent.gid)?;
    // Takes the effective and permitted sets with it.
    setresuid(agent.uid, agent.uid, agent.uid)?;
    Ok(())
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
