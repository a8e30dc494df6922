//! How an execution is judged; pure. Success is evidence: the last result is no error and the exit code is 0.

use api::{
    agent::StopReason,
    executor::{AgentResult, Exit, ExitCause},
    run::Reason,
};

use super::{End, engine::OUT_OF_MEMORY};

/// The signal with which the kernel kills for memory.
const SIGKILL: i32 = 9;

/// What the end of an execution means: `Ok` when the agent did its work. `forbidden` is whether the last thing the
/// agent asked the broker for was a model that the task does not allow.
pub(super) fn judge(exit: &Exit, forbidden: bool) -> Result<(), End> {
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
        ExitCause::Exited => judge_result(exit, forbidden),
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

fn judge_result(exit: &Exit, forbidden: bool) -> Result<(), End> {
    if 0 < exit.memory_kills && was_killed(exit) {
        return Err(End::new(Reason::OutOfMemory, OUT_OF_MEMORY));
    }
    match exit.result.as_ref().filter(|result| result.stop_reason != StopReason::NoResult) {
        Some(result) if result.stop_reason.is_failure() => {
            Err(End::new(reason_of(result, forbidden), detail_of(result)))
        }
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

fn reason_of(result: &AgentResult, forbidden: bool) -> Reason {
    match (result.stop_reason, result.status) {
        (StopReason::MaxTurns, _) => Reason::MaxTurns,
        (StopReason::ModelError, Some(403)) if forbidden => Reason::InvalidConfiguration,
        (StopReason::ModelError, Some(401 | 403)) => Reason::AuthFailed,
        // The agent's own limit; or the account behind the credential has nothing left.
        (StopReason::Budget, _) | (StopReason::ModelError, Some(402)) => Reason::BudgetExhausted,
        (StopReason::ModelError, Some(404)) => Reason::InvalidConfiguration,
        (StopReason::ModelError, Some(429)) => Reason::RateLimited,
        // No status means that the model could not be reached at all.
        (StopReason::ModelError, None | Some(500..)) => Reason::ModelUnavailable,
        _ => Reason::AgentError,
    }
}

fn detail_of(result: &AgentResult) -> String {
    let text = result.text.trim();
    let text = if text.is_empty() { result.stop_reason.words() } else { text };
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

    fn result(stop_reason: StopReason, status: Option<u16>) -> Option<AgentResult> {
        let text = "what it said".to_owned();
        Some(AgentResult { stop_reason, status, text, session_id: None })
    }

    fn reason(exit: &Exit) -> Reason {
        judge(exit, false).expect_err("it did not succeed").reason
    }

    #[test]
    fn success_needs_a_good_result_and_exit_code_0() {
        let good = || result(StopReason::EndTurn, None);
        assert!(judge(&exited(Some(0), None, good()), false).is_ok());
        assert_eq!(reason(&exited(Some(1), None, good())), Reason::AgentCrashed);
        assert_eq!(reason(&exited(None, Some(9), good())), Reason::AgentCrashed);
        for none in [None, result(StopReason::NoResult, None)] {
            assert_eq!(reason(&exited(Some(0), None, none.clone())), Reason::AgentError);
            assert_eq!(reason(&exited(Some(143), None, none)), Reason::AgentCrashed);
        }
    }

    #[test]
    fn the_status_of_a_model_error_tells_whose_fault_it_is() {
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
            assert_eq!(reason(&exited(Some(1), None, result(StopReason::ModelError, status))), expected);
        }
    }

    #[test]
    fn each_way_to_stop_short_has_its_reason() {
        for (stop_reason, expected) in [
            (StopReason::MaxTurns, Reason::MaxTurns),
            (StopReason::Budget, Reason::BudgetExhausted),
            (StopReason::OutputInvalid, Reason::AgentError),
            (StopReason::Error, Reason::AgentError),
            // An interrupt ends with exit code 0, and is an error all the same.
            (StopReason::Cancelled, Reason::AgentError),
        ] {
            for code in [0, 1] {
                assert_eq!(reason(&exited(Some(code), None, result(stop_reason, None))), expected);
            }
        }
    }

    #[test]
    fn a_model_that_the_task_does_not_allow_is_no_fault_of_the_credential_whatever_the_text_says() {
        let refused = exited(Some(1), None, result(StopReason::ModelError, Some(403)));
        let why = judge(&refused, true).expect_err("it did not succeed").reason;
        assert_eq!((why, reason(&refused)), (Reason::InvalidConfiguration, Reason::AuthFailed));
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
        let end = judge(&exited(Some(1), None, None), false).expect_err("it crashed");
        assert!(end.detail.contains("exit code 1") && end.detail.contains("oh no"), "{}", end.detail);
    }
}
