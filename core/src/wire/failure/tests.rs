use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::*;
use crate::failure::ErrorCode;
use crate::ids::Text;
use crate::input::DialogMethod;

fn text(text: &str) -> Text {
    Text::from(text)
}

/// Every failure but the malformed frames, with its words for a `prompt`.
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn cases() -> Vec<(Failure, &'static str)> {
    use Failure as F;
    let (id, session, request) = (text("c"), text("s"), text("r"));
    let (before, now) = (CommandKind::Prompt, CommandKind::Bash);
    let code = ErrorCode::Timeout;
    alloc::vec![
        (F::ShuttingDown, "Server is shutting down"),
        (
            F::StorageFull,
            "The journal has no room: new commands are refused until there is disk space; \
             reads go on",
        ),
        (F::TooManyPending { max: 100 }, "Too many pending commands for this connection (max 100)"),
        (
            F::IdConflict { id: id.clone(), before, now },
            "Conflicting id 'c': previously used for 'prompt', now used for 'bash'",
        ),
        (
            F::IdConflict { id: id.clone(), before, now: before },
            "Conflicting id 'c': previously used for 'prompt', now used for 'prompt' \
             with different fields",
        ),
        (
            F::KeyConflict { key: text("k"), before, now },
            "Conflicting idempotencyKey 'k': previously used for 'prompt', now used for 'bash'",
        ),
        (
            F::OutcomeExpired { id: id.clone() },
            "The outcome of command 'c' is no longer kept; it does not run again under this id",
        ),
        (F::TooManyWaiters { max: 9 }, "Too many requests wait for this command (max 9)"),
        (
            F::RateLimited { bucket: Bucket::Session, retry_ms: 20 },
            "Rate limit exceeded (commands to this session; retry in 20ms)",
        ),
        (
            F::RateLimited { bucket: Bucket::Connection, retry_ms: 20 },
            "Rate limit exceeded (commands on this connection; retry in 20ms)",
        ),
        (
            F::RateLimited { bucket: Bucket::Control, retry_ms: 5 },
            "Global rate limit exceeded (control commands; retry in 5ms)",
        ),
        (
            F::RateLimited { bucket: Bucket::Dialog, retry_ms: 5 },
            "Extension UI response rate limit exceeded (answers to this session; retry in 5ms)",
        ),
        (F::Busy, "Server busy - too many concurrent commands. Please retry."),
        (F::LaneFull { max: 9 }, "Too many commands wait in this lane (max 9). Please retry."),
        (
            F::TooManyKeys { max: 9 },
            "Too many idempotency keys are in use (max 9). Please retry later.",
        ),
        (F::DependencySelf { id: id.clone() }, "Command 'c' cannot depend on itself"),
        (F::DependencyUnknown { id: id.clone() }, "Dependency 'c' is unknown"),
        (F::DependencyFailed { id: id.clone(), code }, "Dependency 'c' failed: timeout"),
        (
            F::DependencyTimeout { ms: 30_000 },
            "Dependencies of 'prompt' did not finish within 30000ms",
        ),
        (
            F::VersionMismatch { expected: 3, actual: 4 },
            "Session version mismatch: expected 3, got 4",
        ),
        (F::SessionNotFound { session: session.clone() }, "Session s not found"),
        (F::SessionExists { session: session.clone() }, "Session s already exists"),
        (F::SessionLimit { max: 100 }, "Session limit reached (100 sessions)"),
        (F::FileInUse { session }, "Session file is already open in session s"),
        (F::Timeout { ms: 300_000 }, "Command 'prompt' timed out after 300000ms"),
        (F::Cancelled, "Command was cancelled"),
        (F::SessionDeleted, "The session was deleted while the command was in flight"),
        (F::Agent(text("No model selected")), "No model selected"),
        (
            F::AgentExited { status: text("exit status 1"), stderr: text("") },
            "The agent ended: exit status 1",
        ),
        (
            F::AgentExited { status: text("signal 9"), stderr: text("out of memory") },
            "The agent ended: signal 9; it said: out of memory",
        ),
        (F::AgentUnavailable { why: text("There is no pi") }, "There is no pi"),
        (F::AgentNotReady { ms: 60_000 }, "The agent was not ready within 60000ms"),
        (
            F::RunNotStarted { ms: 30_000 },
            "The agent accepted the prompt but started no run within 30000ms",
        ),
        (
            F::Unsupported,
            "The agent does not offer 'prompt'; get_capabilities lists what it offers",
        ),
        (F::Unavailable(text("CWD could not be resolved")), "CWD could not be resolved"),
        (
            F::CircuitOpen { circuit: text("anthropic"), retry_ms: Some(29_001) },
            "Circuit open for anthropic (recovery in 30s)",
        ),
        (
            F::CircuitOpen { circuit: text("anthropic"), retry_ms: None },
            "Circuit half-open, max test calls reached for anthropic",
        ),
        (
            F::CircuitOpen { circuit: text("bash_session:s"), retry_ms: Some(1) },
            "Bash circuit breaker open for session s: \
             Circuit open for bash_session:s (recovery in 1s)",
        ),
        (
            F::CircuitOpen { circuit: text(BASH_CIRCUIT), retry_ms: None },
            "Bash circuit breaker open globally: \
             Circuit half-open, max test calls reached for bash_global",
        ),
        (F::DialogNotFound { request: request.clone() }, "No pending UI request with id r"),
        (F::DialogMismatch { request: request.clone() }, "Session ID mismatch for request r"),
        (
            F::DialogMethod { request, expected: DialogMethod::Confirm },
            "Request r waits for an answer with method 'confirm'",
        ),
        (
            F::TooManySubscriptions { max: 9 },
            "Too many subscriptions on this connection (max 9); unsubscribe from a session first",
        ),
        (F::CommandNotFound { id: id.clone() }, "No command with id 'c' is known"),
        (F::CommandEnded { id: id.clone() }, "Command 'c' has already ended"),
        (
            F::NothingToReconcile { id },
            "The outcome of command 'c' is not unknown, so there is nothing to reconcile",
        ),
        (
            F::OutcomeUnknown,
            "Command did not finish before previous shutdown and was marked failed during \
             recovery: it had reached the agent, so nobody knows how it ended; look at the \
             session, then settle it with reconcile_command",
        ),
        (
            F::NotRecovered,
            "Command did not finish before previous shutdown and was marked failed during \
             recovery: it had not reached the agent and may be sent again under a new id",
        ),
        (F::ReconciledFailed { note: None }, "An operator found that the command failed"),
        (
            F::ReconciledFailed { note: Some(text("no commit")) },
            "An operator found that the command failed: no commit",
        ),
    ]
}

#[test]
fn every_failure_has_its_words() {
    for (failure, words) in cases() {
        assert_eq!(failure_text(&failure, Some(CommandKind::Prompt)), words);
    }
}

#[test]
fn every_code_is_that_of_some_failure() {
    let codes: BTreeSet<_> = cases().iter().map(|(failure, _)| failure.code().name()).collect();
    for code in ErrorCode::ALL {
        let of_a_frame =
            matches!(code, ErrorCode::Malformed | ErrorCode::FrameTooLarge | ErrorCode::Invalid);
        assert!(of_a_frame || codes.contains(code.name()), "{}", code.name());
    }
}

#[test]
fn a_large_frame_hears_both_numbers() {
    let failure = Failure::Malformed(Malformed::TooLarge { size: 11, max: 10 });
    assert_eq!(failure_text(&failure, None), "Message size 11 exceeds limit 10");
    let failure = Failure::Malformed(Malformed::NotUtf8 { at: 3 });
    assert_eq!(failure_text(&failure, None), "Invalid UTF-8 at byte 3");
}
