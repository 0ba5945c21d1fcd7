//! Every word of the core's vocabulary is in a committed journal: each variant of inputs, outputs and
//! frames occurs in one that this build must replay to the bit. What no journal has could change its
//! bytes or its meaning without any test noticing.
//!
//! The lists below are exhaustive matches: a new variant does not compile until it is listed, and fails
//! here until a journal has it. `pi-replay corpus --script` makes one of a script; a journal of a real
//! daemon is better where one can be made to do it.

use std::collections::BTreeSet;

use pi_server_core::failure::{Bucket, Failure};
use pi_server_core::frame::{
    CommandName, Data, DialogEnd, Fate, Frame, Gone, HealthIssue, MadeUp, Outcome, Phase, Recovery,
};
use pi_server_core::input::{
    AgentEvent, AgentKind, AgentSaid, Answer, Details, DialogMethod, Disposition, Earlier,
    Interest, JsonProblem, Malformed, OneOf, RecoveryPolicy, Reply, Rule, RuleSet, Transport,
};
use pi_server_core::output::{Ask, Audience, Query};
use pi_server_core::record::digest_outputs;
use pi_server_core::{Input, InputKind, Output, Outputs, State};
use pi_server_tests::fixtures::{goldens, releases};
use pi_server_tests::journal::{Journal, segments};

/// Variants that no journal can have, each with the reason.
const UNREACHABLE: &[(&str, &str)] = &[];

/// Names of variants that occurred.
#[derive(Debug, Default)]
struct Seen(BTreeSet<&'static str>);

macro_rules! vocabulary {
    ($($of:ident as $mark:ident: $($variant:ident)*;)*) => {
        /// Every variant.
        const ALL: &[&str] = &[$($(concat!(stringify!($of), "::", stringify!($variant)),)*)*];

        impl Seen {
            $(fn $mark(&mut self, value: &$of) {
                self.0.insert(match value {
                    $($of::$variant { .. } => {
                        concat!(stringify!($of), "::", stringify!($variant))
                    })*
                });
            })*
        }
    };
}

vocabulary! {
    InputKind as input_kind: Boot Opened Closed Command Malformed Agent Answered Storage Tick Drain Stop Wall Repeated Indexed;
    Earlier as earlier: Answer Expired Unavailable;
    RuleSet as rule_set: V1 V2 V3;
    RecoveryPolicy as recovery_policy: Resume Fail;
    AgentKind as agent_kind: Demo Pi;
    Transport as transport: WebSocket Unix Stdio;
    AgentSaid as agent_said: Ready Replied Event Info Noise Exited Unavailable;
    Reply as reply: Done Failed;
    Disposition as disposition: Unspecified Started Queued Handled;
    AgentEvent as agent_event: RunStarted RunEnded RunSettled CompactionStarted CompactionEnded RetryScheduled RetryEnded DialogOpened Other RunRefused;
    Answer as answer: Data Directory SessionFile Failed;
    Details as details: None Prompt Create Load Switch DialogAnswer Cancel Reconcile Interest History SwitchIn;
    Interest as interest: All Related Own Nothing;
    DialogMethod as dialog_method: Select Confirm Input Editor Interview Cancelled;
    Malformed as malformed: TooLarge NotUtf8 NotJson NotAnObject Invalid;
    JsonProblem as json_problem: End Unexpected Trailing TooDeep DuplicateKey BadString BadNumber;
    Rule as rule: TypeMissing TypeUnknown NonEmptyStringIfProvided TooLong ReservedPrefix ArrayOfIds TooManyDependencies NonEmptyId IdRequired NonNegativeInteger SessionRequired SessionTargetedOnly RequiredString RequiredNonEmptyString StringIfProvided BooleanIfProvided RequiredBoolean ObjectIfProvided RequiredObject OneOf ControlCharacters DangerousPath SessionIdCharacters RequestIdCharacters Timestamp TimestampOrder IntegerIfProvided Between Images AnswerMismatch;
    OneOf as one_of: StreamingBehavior Direction ThinkingLevel DialogMethod Interest Outcome CommandType;
    Output as output: Deliver Admit Leave Subscribe Unsubscribe Unlist SetInterest Ask Query Exit;
    Audience as audience: Conn Everyone Subscribers Lifecycle;
    Ask as ask: Spawn Call Interrupt Dialog Kill;
    Query as query: Directory SessionFile StoredSessions History Metrics;
    Frame as frame: ServerReady RecoverySummary ServerShutdown SessionCreated SessionDeleted Event DialogClosed Lifecycle Response ServerReadyIn Lost Interrupted;
    MadeUp as made_up: CompactionEnd AgentEnd AgentSettled;
    Gone as gone: Daemon Agent;
    CommandName as command_name: Known Raw;
    Phase as phase: Accepted Started Finished;
    Data as data: None Body Sessions Created Deleted Switched State Health Recovery Capabilities Cancelled SwitchedIn;
    DialogEnd as dialog_end: Answered Dismissed TimedOut Withdrawn;
    HealthIssue as health_issue: Sessions Connections ProviderCircuit BashCircuit StorageFull UnknownOutcomes;
    Fate as fate: NotStarted Read Unknown NotRecovered Redacted;
    Failure as failure: Malformed ShuttingDown StorageFull TooManyPending IdConflict KeyConflict OutcomeExpired TooManyWaiters RateLimited Busy LaneFull TooManyKeys DependencySelf DependencyUnknown DependencyFailed DependencyTimeout VersionMismatch SessionNotFound SessionExists SessionLimit FileInUse Timeout Cancelled SessionDeleted Agent AgentExited AgentNotReady RunNotStarted Unsupported Unavailable CircuitOpen DialogNotFound DialogMismatch DialogMethod TooManySubscriptions CommandNotFound CommandEnded NothingToReconcile OutcomeUnknown NotRecovered ReconciledFailed Redacted AgentUnavailable;
    Bucket as bucket: Session Connection Control Dialog;
}

/// What is in each word: the words in it are looked at as well.
impl Seen {
    fn see_input(&mut self, input: &Input) {
        self.input_kind(&input.kind);
        match &input.kind {
            InputKind::Boot(boot) => {
                self.rule_set(&boot.rules);
                self.recovery_policy(&boot.recovery);
                self.agent_kind(&boot.agent);
            }
            InputKind::Opened(opened) => self.transport(&opened.transport),
            InputKind::Command { envelope, .. } => self.see_details(&envelope.details),
            InputKind::Repeated { envelope, earlier, .. } => {
                self.see_details(&envelope.details);
                self.earlier(earlier);
            }
            InputKind::Malformed { malformed, .. } => self.see_malformed(malformed),
            InputKind::Agent { said, .. } => self.see_said(said),
            InputKind::Answered { answer, .. } => self.answer(answer),
            InputKind::Closed { .. }
            | InputKind::Storage { .. }
            | InputKind::Tick
            | InputKind::Wall { .. }
            | InputKind::Indexed { .. }
            | InputKind::Drain
            | InputKind::Stop => {}
        }
    }

    fn see_details(&mut self, details: &Details) {
        self.details(details);
        match details {
            Details::DialogAnswer { method, .. } => self.dialog_method(method),
            Details::Interest(interest) => self.interest(interest),
            _ => {}
        }
    }

    fn see_malformed(&mut self, malformed: &Malformed) {
        self.malformed(malformed);
        match malformed {
            Malformed::NotJson { problem, .. } => self.json_problem(problem),
            Malformed::Invalid { problems, .. } => {
                for problem in problems {
                    self.rule(&problem.rule);
                    if let Rule::OneOf(list) = &problem.rule {
                        self.one_of(list);
                    }
                }
            }
            Malformed::TooLarge { .. } | Malformed::NotUtf8 { .. } | Malformed::NotAnObject => {}
        }
    }

    fn see_said(&mut self, said: &AgentSaid) {
        self.agent_said(said);
        match said {
            AgentSaid::Replied { reply, .. } => {
                self.reply(reply);
                if let Reply::Done(disposition) = reply {
                    self.disposition(disposition);
                }
            }
            AgentSaid::Event(event) => {
                self.agent_event(event);
                if let AgentEvent::DialogOpened { method, .. } = event {
                    self.dialog_method(method);
                }
            }
            AgentSaid::Ready(_)
            | AgentSaid::Info(_)
            | AgentSaid::Noise { .. }
            | AgentSaid::Exited(_)
            | AgentSaid::Unavailable { .. } => {}
        }
    }

    fn see_output(&mut self, output: &Output) {
        self.output(output);
        match output {
            Output::Deliver { to, frame } => {
                self.audience(to);
                self.see_frame(frame);
            }
            Output::Ask(ask) => self.ask(ask),
            Output::Query { what, .. } => self.query(what),
            _ => {}
        }
    }

    fn see_frame(&mut self, frame: &Frame) {
        self.frame(frame);
        match frame {
            Frame::RecoverySummary(recovery) => self.see_recovery(recovery),
            Frame::DialogClosed { how, .. } => self.dialog_end(how),
            Frame::Interrupted { what, gone, .. } => {
                self.made_up(what);
                self.gone(gone);
            }
            Frame::Lifecycle { phase, .. } => {
                self.phase(phase);
                if let Phase::Finished(outcome) = phase {
                    self.see_outcome(outcome);
                }
            }
            Frame::Response { command, outcome, .. } => {
                if let Some(name) = command {
                    self.command_name(name);
                }
                self.see_outcome(outcome);
            }
            _ => {}
        }
    }

    fn see_recovery(&mut self, recovery: &Recovery) {
        recovery.in_flight.iter().for_each(|command| self.fate(&command.fate));
    }

    fn see_outcome(&mut self, outcome: &Outcome) {
        match &outcome.result {
            Ok(data) => {
                self.data(data);
                match data {
                    Data::Health(health) => {
                        health.issues.iter().for_each(|issue| self.health_issue(issue));
                    }
                    Data::Recovery(recovery) => self.see_recovery(recovery),
                    _ => {}
                }
            }
            Err(failure) => {
                self.failure(failure);
                if let Failure::RateLimited { bucket, .. } = failure {
                    self.bucket(bucket);
                }
            }
        }
    }

    /// Steps through a journal that is there from its first input on. Its outputs are those on
    /// record, so that what is seen here is what a daemon once put out.
    fn see_journal(&mut self, journal: &Journal, name: &str) {
        let (mut state, mut outputs, mut scratch) = (State::new(), Outputs::new(), Vec::new());
        let after = journal.inputs.iter().skip(1).map(|recorded| recorded.before);
        let after = after.chain([journal.last]);
        for (recorded, after) in journal.inputs.iter().zip(after) {
            self.see_input(&recorded.input);
            state.step(&recorded.input, &mut outputs);
            outputs.as_slice().iter().for_each(|output| self.see_output(output));
            let digest = digest_outputs(outputs.as_slice(), &mut scratch);
            assert_eq!(digest, after, "{name}: {}", recorded.input);
        }
    }
}

#[test]
fn every_variant_occurs_in_a_committed_journal() {
    let mut seen = Seen::default();
    let of_releases = releases().into_iter().flat_map(|release| release.members);
    for dir in goldens().into_iter().chain(of_releases) {
        // One that begins with a snapshot has nothing in it that the whole one of its family has not.
        if segments(&dir).first().is_some_and(|(number, _)| *number == 1) {
            seen.see_journal(&Journal::read(&dir), &dir.display().to_string());
        }
    }
    let excused = |name: &str| UNREACHABLE.iter().any(|(variant, _)| *variant == name);
    let missing: Vec<_> =
        ALL.iter().filter(|name| !seen.0.contains(*name) && !excused(name)).collect();
    assert!(missing.is_empty(), "no committed journal has {missing:#?}");
    let reached: Vec<_> =
        UNREACHABLE.iter().filter(|(variant, _)| seen.0.contains(variant)).collect();
    assert!(reached.is_empty(), "said to be unreachable, but a journal has {reached:?}");
    for (variant, _) in UNREACHABLE {
        assert!(ALL.contains(variant), "there is no {variant}");
    }
}
