use alloc::vec::Vec;

use super::State;
use super::breaker::{Breaker, Probe, Thresholds, Verdict};
use super::bucket::{Rate, TokenBucket};
use super::identity::Found;
use super::lane::{Hold, Lane, Means, Slot, Waiting};
use crate::command::{Class, CommandKind};
use crate::ids::{CommandNo, Micros, Text};
use crate::notation::parse_script;
use crate::output::Outputs;

mod looking;
mod scenes;

#[test]
fn a_bucket_lets_its_burst_through_and_then_its_rate() {
    let rate = Rate { burst: 3, per_second: 10 };
    let mut bucket = TokenBucket::default();
    let start = Micros(1_000_000);
    for _ in 0..3 {
        assert_eq!(bucket.check(start, rate), Ok(()));
        bucket.take(start, rate);
    }
    assert_eq!(bucket.check(start, rate), Err(100), "a tenth of a second for a token");
    assert_eq!(bucket.check(start.plus_ms(99), rate), Err(1));
    assert_eq!(bucket.check(start.plus_ms(100), rate), Ok(()));
    // However long it rests, it never holds more than its burst.
    let later = start.plus_ms(3_600_000);
    for _ in 0..3 {
        bucket.take(later, rate);
    }
    assert!(bucket.check(later, rate).is_err());
}

#[test]
fn a_circuit_opens_after_failures_within_the_window_and_closes_after_probes() {
    let by = Thresholds { failures: 2, window_ms: 1_000, open_ms: 500, successes: 2, probes: 1 };
    let mut breaker = Breaker::default();
    let at = |ms| Micros(0).plus_ms(ms);
    let plain = breaker.pass();
    breaker.learn(plain, Verdict::Failure, at(0), by);
    breaker.learn(plain, Verdict::Failure, at(1_500), by);
    assert_eq!(breaker.check(at(1_500), by), Ok(()), "the first failure has left the window");
    breaker.learn(plain, Verdict::Failure, at(1_600), by);
    assert_eq!(breaker.check(at(1_600), by), Err(Some(500)));
    assert_eq!(breaker.check(at(2_100), by), Ok(()));
    let probe = breaker.pass();
    assert_eq!(breaker.check(at(2_100), by), Err(None), "the one probe is out");
    breaker.learn(probe, Verdict::Nothing, at(2_200), by);
    let probe = breaker.pass();
    breaker.learn(probe, Verdict::Success, at(2_300), by);
    let probe = breaker.pass();
    breaker.learn(probe, Verdict::Success, at(2_400), by);
    assert_eq!(breaker.position_name(), "closed");
}

#[test]
fn a_probe_that_fails_opens_the_circuit_again() {
    let by = Thresholds { failures: 1, window_ms: 1_000, open_ms: 500, successes: 1, probes: 1 };
    let mut breaker = Breaker::default();
    let plain = breaker.pass();
    breaker.learn(plain, Verdict::Failure, Micros(0), by);
    let probe = breaker.pass();
    breaker.learn(probe, Verdict::Failure, Micros(0).plus_ms(600), by);
    assert_eq!(breaker.check(Micros(0).plus_ms(700), by), Err(Some(400)));
}

#[test]
fn only_the_probes_of_this_trial_decide_it() {
    let by = Thresholds { failures: 1, window_ms: 1_000, open_ms: 500, successes: 1, probes: 2 };
    let mut breaker = Breaker::default();
    let at = |ms| Micros(0).plus_ms(ms);
    let early: Probe = breaker.pass();
    let plain = breaker.pass();
    breaker.learn(plain, Verdict::Failure, at(0), by);
    let (first, second) = (breaker.pass(), breaker.pass());
    breaker.learn(early, Verdict::Success, at(600), by);
    assert_eq!(breaker.position_name(), "half_open", "it passed before the circuit opened");
    assert_eq!(breaker.check(at(600), by), Err(None), "and gives no place back");
    breaker.learn(first, Verdict::Failure, at(700), by);
    let third = breaker.pass();
    breaker.learn(second, Verdict::Success, at(1_300), by);
    assert_eq!(breaker.position_name(), "half_open", "it was a probe of the trial before");
    breaker.learn(third, Verdict::Success, at(1_400), by);
    assert_eq!(breaker.position_name(), "closed");
}

/// The rule of PROTOCOL.md section 7, word for word: whether `queue[index]` may start, given that
/// nothing before it may (the smallest sequence goes first, so that is never asked otherwise).
fn may_start(queue: &[Waiting], index: usize, slot: Slot, hold: Hold) -> bool {
    let (waiting, before) = (&queue[index], &queue[..index]);
    let free = match waiting.class {
        Class::Turn => slot == Slot::Free && hold == Hold::Nothing,
        // While a run is going the prompt joins it; while none is, it is a turn.
        Class::Interrupt if waiting.means == Means::Joining => {
            hold == Hold::Turns || (hold == Hold::Nothing && slot == Slot::Free)
        }
        // Before the run that was asked for has begun, nothing else is changed.
        Class::Write | Class::Interrupt => {
            hold != Hold::AllThatChanges || waiting.means == Means::Stopping
        }
        Class::Read => true,
    };
    let may_pass = match waiting.class {
        Class::Turn | Class::Write => before.is_empty(),
        Class::Read => {
            before.iter().all(|other| other.class == Class::Turn || other.means == Means::Joining)
        }
        Class::Interrupt => before.iter().all(|other| !other.creates),
    };
    waiting.ready && free && may_pass
}

#[test]
fn every_queue_of_three_starts_what_the_rule_says() {
    let mut kinds = Vec::new();
    for class in [Class::Turn, Class::Write, Class::Read, Class::Interrupt] {
        for ready in [false, true] {
            for creates in [false, true] {
                for means in [Means::Nothing, Means::Joining, Means::Stopping] {
                    let fits = match class {
                        Class::Write => means == Means::Nothing,
                        Class::Interrupt => !creates,
                        Class::Turn | Class::Read => !creates && means == Means::Nothing,
                    };
                    if fits {
                        kinds.push((class, ready, creates, means));
                    }
                }
            }
        }
    }
    let slots = [Slot::Free, Slot::Foreign, Slot::Stopping(CommandNo(9), CommandKind::Prompt)];
    let mut queues = 0;
    for a in &kinds {
        for b in &kinds {
            for c in &kinds {
                for slot in slots {
                    let holds =
                        [Hold::Nothing, Hold::Turns, Hold::TurnsAndPrompts, Hold::AllThatChanges];
                    for hold in holds {
                        try_queue(&[*a, *b, *c], slot, hold);
                        queues += 1;
                    }
                }
            }
        }
    }
    assert_eq!(queues, kinds.len().pow(3) * 12);
}

fn try_queue(kinds: &[(Class, bool, bool, Means); 3], slot: Slot, hold: Hold) {
    let mut lane = Lane::new();
    lane.slot = slot;
    let queue: Vec<Waiting> = kinds
        .iter()
        .zip(1..)
        .map(|((class, ready, creates, means), number)| Waiting {
            command: CommandNo(number),
            class: *class,
            ready: *ready,
            creates: *creates,
            means: *means,
        })
        .collect();
    for waiting in &queue {
        lane.enqueue(*waiting);
    }
    let expected = (0..queue.len())
        .find(|index| may_start(&queue, *index, slot, hold))
        .map(|index| queue[index].command);
    assert_eq!(lane.take_startable(hold), expected, "{queue:?} {slot:?} {hold:?}");
}

#[test]
fn two_ids_with_one_hash_are_never_taken_for_each_other() {
    let script = parse_script(
        "t1 boot rate=off\nt2 open\nt3 command c2 \"stored\" health_check\n\
         t4 command c2 \"in flight\" create_session s:a\n",
    );
    let (mut state, mut outputs) = (State::new(), Outputs::new());
    for step in &script.expect("the script is in the notation").steps {
        state.step(&step.input, &mut outputs);
    }
    let (nobody, somebody) = (Text::from(""), Text::from("editor"));
    for (id, number) in [("stored", CommandNo(3)), ("in flight", CommandNo(4))] {
        let (id, other) = (Text::from(id), Text::from("other"));
        let hash = state.identity.id_hash(&nobody, &id);
        assert_eq!(state.find_id(hash, &nobody, &id), Found::Command(number));
        assert_eq!(state.find_id(hash, &nobody, &other), Found::Forgotten);
        assert_eq!(state.find_id(hash, &somebody, &id), Found::Forgotten);
    }
}

/// The state after a script, and its outputs.
fn after(script: &str) -> (State, Vec<crate::output::Output>) {
    let script = parse_script(script).unwrap();
    let (mut state, mut all) = (State::new(), Vec::new());
    let mut outputs = Outputs::new();
    for step in &script.steps {
        state.step(&step.input, &mut outputs);
        all.extend(outputs.drain());
    }
    (state, all)
}

#[test]
fn a_step_by_value_is_the_same_step() {
    let script =
        parse_script("t1 boot rate=off\nt2 open\nt3 command c2 \"c\" health_check").unwrap();
    let (mut by_value, mut all) = (State::new(), Vec::new());
    for step in &script.steps {
        let (next, outputs) = by_value.stepped(&step.input);
        by_value = next;
        all.extend(outputs);
    }
    let (state, expected) = after("t1 boot rate=off\nt2 open\nt3 command c2 \"c\" health_check");
    assert!(!all.is_empty());
    assert_eq!((by_value, all), (state, expected));
}

#[test]
fn the_shell_is_told_the_bounds_the_next_deadline_and_whom_an_agent_serves() {
    let begin = "t1 boot rate=off\nt2 open\nt3 command c2 \"c\" create_session s:a\n\
                 t4 answered #3 directory \"/\"\n";
    let (state, _) = after(begin);
    assert!(!state.limits().rate);
    assert!(State::new().limits().rate);
    let agent = crate::ids::AgentNo(1);
    assert_eq!(state.session_of(agent).map(|id| &**id), Some("a"));
    assert_eq!(state.session_of(crate::ids::AgentNo(2)), None);
    // Its agent has to be ready in time, counted from the input that asked for it.
    let by = Micros(4_000).plus_ms(state.limits().agent_start_timeout_ms);
    assert_eq!(state.deadline(), Some(by));
    let (state, _) = after(&[begin, "t5 agent a1 ready settles disposition\n"].concat());
    assert_eq!(state.deadline(), None);
    assert_eq!(State::new().deadline(), None);
}
