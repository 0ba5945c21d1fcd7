//! Failures in words. PROTOCOL.md section 11.
//!
//! Programs go by the code. The words are for people; where the protocol's first server had words
//! for the same situation, they are its words, since clients of that time compare them.

use alloc::string::String;
use core::fmt::{self, Write};

use crate::command::{CommandKind, TABLE};
use crate::failure::{Bucket, Failure};
use crate::input::{JsonProblem, Malformed, OneOf, Problem, Rule};

/// The name of the circuit that `bash` has in common for all sessions.
pub const BASH_CIRCUIT: &str = "bash_global";
/// Before a session's id, the name of the circuit that `bash` has in that session.
pub const BASH_CIRCUIT_OF_SESSION: &str = "bash_session:";

/// A failure in words. `kind` is the command that failed, where it is known.
pub fn failure_text(failure: &Failure, kind: Option<CommandKind>) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_failure(&mut text, failure, kind);
    text
}

/// Writes a failure in words.
///
/// # Errors
/// Only those of `out`.
#[expect(clippy::too_many_lines, reason = "a table in the shape of a match: one arm per variant")]
pub fn write_failure(
    out: &mut dyn Write,
    failure: &Failure,
    kind: Option<CommandKind>,
) -> fmt::Result {
    let name = kind.map_or("unknown", |kind| kind.row().name);
    match failure {
        Failure::Malformed(malformed) => write_malformed(out, malformed),
        Failure::ShuttingDown => out.write_str("Server is shutting down"),
        Failure::StorageFull => out.write_str(
            "The journal has no room: new commands are refused until there is disk space; reads go on",
        ),
        Failure::TooManyPending { max } => {
            write!(out, "Too many pending commands for this connection (max {max})")
        }
        Failure::IdConflict { id, before, now } => {
            write_conflict(out, "id", id, *before, *now)
        }
        Failure::KeyConflict { key, before, now } => {
            write_conflict(out, "idempotencyKey", key, *before, *now)
        }
        Failure::OutcomeExpired { id } => write!(
            out,
            "The outcome of command '{id}' is no longer kept; it does not run again under this id"
        ),
        Failure::TooManyWaiters { max } => {
            write!(out, "Too many requests wait for this command (max {max})")
        }
        Failure::RateLimited { bucket, retry_ms } => write_rate(out, *bucket, *retry_ms),
        Failure::Busy => {
            out.write_str("Server busy - too many concurrent commands. Please retry.")
        }
        Failure::LaneFull { max } => {
            write!(out, "Too many commands wait in this lane (max {max}). Please retry.")
        }
        Failure::TooManyKeys { max } => {
            write!(out, "Too many idempotency keys are in use (max {max}). Please retry later.")
        }
        Failure::DependencySelf { id } => write!(out, "Command '{id}' cannot depend on itself"),
        Failure::DependencyUnknown { id } => write!(out, "Dependency '{id}' is unknown"),
        Failure::DependencyFailed { id, code } => {
            write!(out, "Dependency '{id}' failed: {}", code.name())
        }
        Failure::DependencyTimeout { ms } => {
            write!(out, "Dependencies of '{name}' did not finish within {ms}ms")
        }
        Failure::VersionMismatch { expected, actual } => {
            write!(out, "Session version mismatch: expected {expected}, got {actual}")
        }
        Failure::SessionNotFound { session } => write!(out, "Session {session} not found"),
        Failure::SessionExists { session } => write!(out, "Session {session} already exists"),
        Failure::SessionLimit { max } => write!(out, "Session limit reached ({max} sessions)"),
        Failure::FileInUse { session } => {
            write!(out, "Session file is already open in session {session}")
        }
        Failure::Timeout { ms } => write!(out, "Command '{name}' timed out after {ms}ms"),
        Failure::Cancelled => out.write_str("Command was cancelled"),
        Failure::SessionDeleted => {
            out.write_str("The session was deleted while the command was in flight")
        }
        Failure::Agent(words) | Failure::Unavailable(words) => out.write_str(words),
        Failure::AgentExited { status, stderr } if stderr.is_empty() => {
            write!(out, "The agent ended: {status}")
        }
        Failure::AgentExited { status, stderr } => {
            write!(out, "The agent ended: {status}; it said: {stderr}")
        }
        Failure::AgentUnavailable { why } => out.write_str(why),
        Failure::AgentNotReady { ms } => write!(out, "The agent was not ready within {ms}ms"),
        Failure::RunNotStarted { ms } => {
            write!(out, "The agent accepted the prompt but started no run within {ms}ms")
        }
        Failure::Unsupported => write!(
            out,
            "The agent does not offer '{name}'; get_capabilities lists what it offers"
        ),
        Failure::CircuitOpen { circuit, retry_ms } => write_circuit(out, circuit, *retry_ms),
        Failure::DialogNotFound { request } => {
            write!(out, "No pending UI request with id {request}")
        }
        Failure::DialogMismatch { request } => {
            write!(out, "Session ID mismatch for request {request}")
        }
        Failure::DialogMethod { request, expected } => write!(
            out,
            "Request {request} waits for an answer with method '{}'",
            expected.name()
        ),
        Failure::TooManySubscriptions { max } => write!(
            out,
            "Too many subscriptions on this connection (max {max}); unsubscribe from a session first"
        ),
        Failure::CommandNotFound { id } => write!(out, "No command with id '{id}' is known"),
        Failure::CommandEnded { id } => write!(out, "Command '{id}' has already ended"),
        Failure::NothingToReconcile { id } => write!(
            out,
            "The outcome of command '{id}' is not unknown, so there is nothing to reconcile"
        ),
        // Both begin with the words that the first server has for every such command.
        Failure::OutcomeUnknown => out.write_str(
            "Command did not finish before previous shutdown and was marked failed during \
             recovery: it had reached the agent, so nobody knows how it ended; look at the \
             session, then settle it with reconcile_command",
        ),
        Failure::NotRecovered => out.write_str(
            "Command did not finish before previous shutdown and was marked failed during \
             recovery: it had not reached the agent and may be sent again under a new id",
        ),
        Failure::Redacted => out.write_str(
            "Command did not finish before previous shutdown and was marked failed during \
             recovery: what looked like a secret in it was not kept, so that it cannot run; it had \
             not reached the agent and may be sent again under a new id",
        ),
        Failure::ReconciledFailed { note: None } => {
            out.write_str("An operator found that the command failed")
        }
        Failure::ReconciledFailed { note: Some(note) } => {
            write!(out, "An operator found that the command failed: {note}")
        }
    }
}

fn write_conflict(
    out: &mut dyn Write,
    what: &str,
    value: &str,
    before: CommandKind,
    now: CommandKind,
) -> fmt::Result {
    let (before, now) = (before.row().name, now.row().name);
    write!(
        out,
        "Conflicting {what} '{value}': previously used for '{before}', now used for '{now}'"
    )?;
    if before == now { out.write_str(" with different fields") } else { Ok(()) }
}

fn write_rate(out: &mut dyn Write, bucket: Bucket, retry_ms: u64) -> fmt::Result {
    let what = match bucket {
        Bucket::Session => "Rate limit exceeded (commands to this session",
        Bucket::Connection => "Rate limit exceeded (commands on this connection",
        Bucket::Control => "Global rate limit exceeded (control commands",
        Bucket::Dialog => "Extension UI response rate limit exceeded (answers to this session",
    };
    write!(out, "{what}; retry in {retry_ms}ms)")
}

fn write_circuit(out: &mut dyn Write, circuit: &str, retry_ms: Option<u64>) -> fmt::Result {
    if circuit == BASH_CIRCUIT {
        out.write_str("Bash circuit breaker open globally: ")?;
    } else if let Some(session) = circuit.strip_prefix(BASH_CIRCUIT_OF_SESSION) {
        write!(out, "Bash circuit breaker open for session {session}: ")?;
    }
    match retry_ms {
        Some(ms) => write!(out, "Circuit open for {circuit} (recovery in {}s)", ms.div_ceil(1_000)),
        None => write!(out, "Circuit half-open, max test calls reached for {circuit}"),
    }
}

/// Writes what is wrong with a frame.
fn write_malformed(out: &mut dyn Write, malformed: &Malformed) -> fmt::Result {
    match malformed {
        Malformed::TooLarge { size, max } => {
            write!(out, "Message size {size} exceeds limit {max}")
        }
        Malformed::NotUtf8 { at } => write!(out, "Invalid UTF-8 at byte {at}"),
        Malformed::NotJson { at, problem } => {
            let problem = match problem {
                JsonProblem::End => "the text ends too early",
                JsonProblem::Unexpected => "unexpected character",
                JsonProblem::Trailing => "something follows the value",
                JsonProblem::TooDeep => "nested too deeply (max 128 levels)",
                JsonProblem::DuplicateKey => "duplicate key",
                JsonProblem::BadString => "bad escape or control character in a string",
                JsonProblem::BadNumber => "not a number that can be carried",
            };
            write!(out, "Invalid JSON at byte {at}: {problem}")
        }
        Malformed::NotAnObject => out.write_str("Command must be a JSON object"),
        Malformed::Invalid { id: _, command, problems } => {
            out.write_str("Validation failed: ")?;
            for (index, problem) in problems.iter().enumerate() {
                if index > 0 {
                    out.write_str("; ")?;
                }
                write_problem(out, problem, command.as_deref().unwrap_or_default())?;
            }
            Ok(())
        }
    }
}

/// Writes one problem of a command whose `type` is `name`.
fn write_problem(out: &mut dyn Write, problem: &Problem, name: &str) -> fmt::Result {
    let Problem { field, rule } = problem;
    write!(out, "{field}: ")?;
    let words = match rule {
        Rule::TypeMissing => "Command must have a string 'type' field",
        Rule::TypeUnknown => return write!(out, "Unknown command type '{name}'"),
        Rule::NonEmptyStringIfProvided => "Must be a non-empty string if provided",
        // These two name the field twice for paths, as they always have.
        Rule::TooLong { max } if &**field == "sessionPath" => {
            return write!(out, "{field} too long (max {max} chars)");
        }
        Rule::TooLong { max } => return write!(out, "Too long (max {max} chars)"),
        Rule::DangerousPath => {
            return write!(out, "{field} contains potentially dangerous path components");
        }
        Rule::ReservedPrefix => "Cannot use reserved prefix 'anon:'",
        Rule::ArrayOfIds => "Must be an array of command IDs",
        Rule::TooManyDependencies { max } => {
            return write!(out, "Too many dependencies (max {max})");
        }
        Rule::NonEmptyId => "Must be a non-empty command ID string",
        Rule::IdRequired => "Required when dependsOn is provided",
        Rule::NonNegativeInteger => "Must be a non-negative integer",
        Rule::SessionRequired => "Session commands must have a non-empty string 'sessionId'",
        Rule::SessionTargetedOnly => "Only supported for session-targeted commands",
        Rule::RequiredString => "Required string",
        Rule::RequiredNonEmptyString => "Required non-empty string",
        Rule::StringIfProvided => "Must be a string if provided",
        Rule::BooleanIfProvided => "Must be a boolean if provided",
        Rule::RequiredBoolean => "Required boolean",
        Rule::ObjectIfProvided => "Must be an object if provided",
        Rule::RequiredObject => "Required object",
        Rule::OneOf(words) => return write_one_of(out, *words),
        Rule::ControlCharacters => "Must not contain control characters",
        Rule::SessionIdCharacters => {
            "Must contain only alphanumeric characters, underscores, dashes, and dots"
        }
        Rule::RequestIdCharacters => "Must contain only printable characters",
        Rule::Timestamp => "Must be a non-negative integer timestamp",
        Rule::TimestampOrder => "Must be less than or equal to toTimestamp",
        Rule::IntegerIfProvided => "Must be an integer if provided",
        Rule::Between { min, max } => return write!(out, "Must be between {min} and {max}"),
        Rule::Images => "Must be an array of image blocks",
        Rule::AnswerMismatch => "Answer does not fit the method",
    };
    out.write_str(words)
}

fn write_one_of(out: &mut dyn Write, words: OneOf) -> fmt::Result {
    match words {
        OneOf::Direction => out.write_str("Must be 'forward' or 'backward'"),
        OneOf::CommandType => {
            out.write_str("Must be one of: ")?;
            write_list(out, TABLE.iter().map(|row| row.name))
        }
        OneOf::StreamingBehavior
        | OneOf::ThinkingLevel
        | OneOf::DialogMethod
        | OneOf::Interest
        | OneOf::Outcome => {
            out.write_str("Must be one of: ")?;
            write_list(out, words.words().iter().copied())
        }
    }
}

fn write_list<'a>(out: &mut dyn Write, words: impl Iterator<Item = &'a str>) -> fmt::Result {
    for (index, word) in words.enumerate() {
        if index > 0 {
            out.write_str(", ")?;
        }
        out.write_str(word)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
