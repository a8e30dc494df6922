//! Tries the rules from inside, as the agent, while gate and relay serve. Every forbidden address that is tried
//! is one of our own machine or reserved for documentation: if the rules do not hold, still no packet reaches a
//! stranger. What the agent's process saw must be what gate and relay say they refused: so a stranger's refusal
//! is not taken for ours.

use std::{collections::BTreeSet, fs, str::FromStr};

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use super::{privilege, tool};
use crate::border::Border;

mod attempt;
mod probe;

use probe::{Outcome, Probe};

/// The argument with which this program tries the rules.
pub(super) const SUBCOMMAND: &str = "verify";

/// Runs this program again, as the agent, to try the rules; then compares and forgets what gate and relay saw.
///
/// # Errors
/// With the sentence of the attempt that did not end as it must.
pub(super) async fn as_agent(border: &Border) -> Result<()> {
    let this_program = std::env::current_exe().context("this program's own path is unknown")?;
    let probes = probe::all(&border.own.neighbours());
    let mut command = Command::from(tool::bare(&this_program));
    command.arg(SUBCOMMAND).args(probes.iter().map(Probe::to_string));
    let output = command.output().await.context("this program cannot be started as the agent")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
    let outcomes = String::from_utf8(output.stdout).context("the outcomes are not text")?;
    let outcomes: Vec<Outcome> = outcomes
        .lines()
        .map(Outcome::from_str)
        .collect::<std::result::Result<_, _>>()
        .map_err(anyhow::Error::msg)?;
    ensure!(outcomes.len() == probes.len(), "not every attempt was made");

    let refused = probes.iter().zip(outcomes).filter(|(_, outcome)| *outcome == Outcome::Refused);
    let expected: BTreeSet<(String, Option<u16>)> =
        refused.filter_map(|(probe, _)| probe.recorded()).collect();
    let seen = border.denials.drain().into_iter().map(|denied| (denied.host, denied.port)).collect();
    ensure!(expected == seen, "the agent was refused {expected:?}, but gate and relay refused {seen:?}");
    ensure!(expected.iter().any(|(_, port)| port.is_none()), "the gate was not asked");
    Ok(())
}

/// Tries everything that must fail and the one thing that must work. One line for each attempt on standard output.
///
/// # Errors
/// At the first attempt that does not end as it must.
pub(super) fn from_inside(probes: &[String]) -> Result<()> {
    privilege::become_agent()?;
    holds_no_capability()?;
    for text in probes {
        let probe: Probe = text.parse().map_err(anyhow::Error::msg)?;
        println!("{}", attempt::make(&probe).with_context(|| format!("{probe} was not refused"))?);
    }
    attempt::loopback_works().context("loopback does not work")
}

fn holds_no_capability() -> Result<()> {
    let status = fs::read_to_string("/proc/self/status").context("/proc/self/status cannot be read")?;
    let empty = status.lines().filter(|line| line.starts_with("Cap") && line.ends_with("\t0000000000000000"));
    ensure!(empty.count() == 5, "the agent would hold a capability");
    ensure!(status.contains("\nNoNewPrivs:\t1\n"), "the agent could gain privileges");
    Ok(())
}
