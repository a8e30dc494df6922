//! How an execution is judged; pure. Success is evidence: the last result is no error and the exit code is 0.

use api::{
    executor::{AgentResult, Exit, ExitCause},
    run::Reason,
};

use super::{End, engine::OUT_OF_MEMORY};
use crate::broker::NOT_AMONG;

/// The signal with which the kernel kills for memory.
const SIGKILL: i32 = 9;

/// What the end of an execution means: `Ok` when the agent did its work.
pub(super) fn judge(exit: &Exit) -> Result<(), End> {
    let end = |reason, detail: String| Err(End::new(reason, detail));
    match exit.cause {
        ExitCause::Cancelled => Err(End::cancelled()),
        ExitCause::Timeout => Err(step_timeout()),
        ExitCause::HungAfterResult => end(
            Reason::AgentHung,
            "The agent gave its result but its process did not end, and was killed.".into(),
        ),
        ExitCause::NotStarted => {
            end(Reason::AgentCrashed, format!("The agent could not be started: {}", exit.stderr.trim()))
        }
        ExitCause::DiskFull => end(Reason::DiskFull, "The container's disk is full.".into()),
        ExitCause::ExecutorRestarted => end(
            Reason::InstanceLost,
            "The executor was restarted while the agent worked; retry the run.".into(),
        ),
        ExitCause::Exited => judge_result(exit),
    }
}

/// The end of a run whose step took too long.
pub(super) fn step_timeout() -> End {
    End::new(Reason::Timeout, "A step took longer than its `stepTimeoutSeconds`; raise it if it needs more.")
}

/// Whether the agent was killed, and not by the executor.
pub(super) fn was_killed(exit: &Exit) -> bool {
    exit.cause == ExitCause::Exited && (exit.signal == Some(SIGKILL) || exit.code == Some(128 + SIGKILL))
}

fn judge_result(exit: &Exit) -> Result<(), End> {
    if 0 < exit.memory_kills && was_killed(exit) {
        return Err(End::new(Reason::OutOfMemory, OUT_OF_MEMORY));
    }
    match &exit.result {
        Some(result) if result.is_error => Err(End::new(reason_of(result), detail_of(result))),
        Some(_) if exit.code == Some(0) => Ok(()),
        Some(_) => Err(End::new(
            Reason::AgentCrashed,
            format!("The agent {} after its result.{}", how(exit), said(exit)),
        )),
        None if exit.code == Some(0) => {
            Err(End::new(Reason::AgentError, format!("The agent ended without a result.{}", said(exit))))
        }
        None => Err(End::new(Reason::AgentCrashed, format!("The agent {}.{}", how(exit), said(exit)))),
    }
}

fn how(exit: &Exit) -> String {
    match (exit.code, exit.signal) {
        (_, Some(signal)) => format!("was killed by signal {signal}"),
        (Some(code), None) => format!("ended with exit code {code}"),
        (None, None) => "ended in an unknown way".to_owned(),
    }
}

fn said(exit: &Exit) -> String {
    let stderr = exit.stderr.trim();
    if stderr.is_empty() { String::new() } else { format!(" It said: {stderr}") }
}

fn reason_of(result: &AgentResult) -> Reason {
    match (result.subtype.as_str(), result.terminal_reason.as_deref(), result.api_error_status) {
        ("error_max_turns", ..) => Reason::MaxTurns,
        (_, Some("api_error"), Some(403)) if result.text.contains(NOT_AMONG) => Reason::InvalidConfiguration,
        (_, Some("api_error"), Some(401 | 403)) => Reason::AuthFailed,
        // The agent's own limit; or the account behind the credential has nothing left.
        ("error_max_budget_usd", ..) | (_, Some("api_error"), Some(402)) => Reason::BudgetExhausted,
        (_, Some("api_error"), Some(404)) => Reason::InvalidConfiguration,
        (_, Some("api_error"), Some(429)) => Reason::RateLimited,
        // No status means that the model could not be reached at all.
        (_, Some("api_error"), None | Some(500..)) => Reason::ModelUnavailable,
        _ => Reason::AgentError,
    }
}

fn detail_of(result: &AgentResult) -> String {
    let text = result.text.trim();
    let text = if text.is_empty() { result.subtype.as_str() } else { text };
    match text.char_indices().nth(2_000) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exited(code: Option<i32>, signal: Option<i32>, result: Option<AgentResult>) -> Exit {
        Exit { cause: ExitCause::Exited, code, signal, result, stderr: "oh no\n".into(), memory_kills: 0 }
    }

    fn result(is_error: bool, subtype: &str, terminal: &str, status: Option<u16>) -> Option<AgentResult> {
        Some(AgentResult {
            is_error,
            subtype: subtype.into(),
            terminal_reason: Some(terminal.into()),
            api_error_status: status,
            text: "what it said".into(),
            ..AgentResult::default()
        })
    }

    fn reason(exit: &Exit) -> Reason {
        judge(exit).expect_err("it did not succeed").reason
    }

    #[test]
    fn success_needs_a_good_result_and_exit_code_0() {
        let good = || result(false, "success", "completed", None);
        assert!(judge(&exited(Some(0), None, good())).is_ok());
        assert_eq!(reason(&exited(Some(1), None, good())), Reason::AgentCrashed);
        assert_eq!(reason(&exited(None, Some(9), good())), Reason::AgentCrashed);
        assert_eq!(reason(&exited(Some(0), None, None)), Reason::AgentError);
        assert_eq!(reason(&exited(Some(143), None, None)), Reason::AgentCrashed);
    }

    #[test]
    fn an_error_called_success_is_an_error() {
        // The CLI says subtype `success` with is_error true when it gives up on the model.
        for (status, expected) in [
            (Some(401), Reason::AuthFailed),
            (Some(403), Reason::AuthFailed),
            (Some(429), Reason::RateLimited),
            (Some(529), Reason::ModelUnavailable),
            (Some(500), Reason::ModelUnavailable),
            (None, Reason::ModelUnavailable),
            (Some(400), Reason::AgentError),
            (Some(402), Reason::BudgetExhausted),
            (Some(404), Reason::InvalidConfiguration),
        ] {
            assert_eq!(
                reason(&exited(Some(1), None, result(true, "success", "api_error", status))),
                expected
            );
        }
        assert_eq!(
            reason(&exited(Some(1), None, result(true, "error_max_turns", "max_turns", None))),
            Reason::MaxTurns
        );
        // An interrupt ends with exit code 0, and is an error all the same.
        let interrupted = result(true, "error_during_execution", "aborted_tools", None);
        assert_eq!(reason(&exited(Some(0), None, interrupted)), Reason::AgentError);
    }

    #[test]
    fn an_agent_that_the_kernel_killed_ran_out_of_memory_and_any_other_crashed() {
        let killed = |code, signal, memory_kills| Exit { memory_kills, ..exited(code, signal, None) };
        assert_eq!(reason(&killed(None, Some(9), 1)), Reason::OutOfMemory);
        assert_eq!(reason(&killed(Some(137), None, 2)), Reason::OutOfMemory);
        assert_eq!(reason(&killed(None, Some(9), 0)), Reason::AgentCrashed);
        assert_eq!(reason(&killed(Some(1), None, 1)), Reason::AgentCrashed);
    }

    #[test]
    fn what_the_agent_said_is_told() {
        let end = judge(&exited(Some(1), None, None)).expect_err("it crashed");
        assert!(end.detail.contains("exit code 1") && end.detail.contains("oh no"), "{}", end.detail);
    }
}
