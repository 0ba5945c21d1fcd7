//! Every bound of the core, with its number, its name and its range. PROTOCOL.md section 12.
//!
//! Reaching a limit refuses new work with a clear error; it never drops work that was accepted.

use bincode::de::Decoder;
use bincode::enc::Encoder;
use bincode::error::{DecodeError, EncodeError};
use bincode::{Decode, Encode};

/// Longest command id, idempotency key, client name, request id or session id, in UTF-16 units.
pub const ID_CHARS_MAX: usize = 256;
/// Longest epoch of a cursor, in characters.
pub const EPOCH_CHARS_MAX: usize = 64;
/// Longest prompt, steering or follow-up message, in UTF-16 units.
pub const MESSAGE_CHARS_MAX: usize = 200_000;
/// Longest `bash` command line, in UTF-16 units.
pub const BASH_CHARS_MAX: usize = 20_000;
/// Longest path, in UTF-16 units.
pub const PATH_CHARS_MAX: usize = 4_096;
/// Most commands that one command may depend on.
pub const DEPENDENCIES_MAX: usize = 32;
/// Deepest nesting of arrays and objects in a frame.
pub const DEPTH_MAX: usize = 128;
/// Longest text of an agent's error or standard error that is kept with an outcome, in bytes.
pub const ERROR_TEXT_MAX: usize = 4_096;
/// Most problems that one validation failure lists.
pub const PROBLEMS_MAX: usize = 16;

/// Declares the bounds. Each `@later` group came when journals without it existed. A journal is read
/// with the groups that it has; the bounds of the others are as wide as they can be, so that it runs as
/// it ran, and are not encoded again, so that what it put out has the digest that it had.
macro_rules! limits {
    (
        $($(#[doc = $doc:literal])* $name:ident = $default:literal, $min:literal ..= $max:literal;)*
        $(@later
        $($(#[doc = $l_doc:literal])* $l_name:ident = $l_default:literal,
            $l_min:literal ..= $l_max:literal;)*)*
    ) => {
        limits! {
            @all
            $($(#[doc = $doc])* $name = $default, $min ..= $max;)*
            $($($(#[doc = $l_doc])* $l_name = $l_default, $l_min ..= $l_max;)*)*
        }

        impl Limits {
            /// How many bounds of [`Limits::TABLE`] a journal has: first those of every journal, then
            /// those of one more group of later bounds each.
            pub const GROUP_ENDS: &'static [usize] = {
                const SIZES: &[usize] = &[
                    <[&str]>::len(&[$(stringify!($name)),*]),
                    $(<[&str]>::len(&[$(stringify!($l_name)),*]),)*
                ];
                const ENDS: [usize; SIZES.len()] = {
                    let mut ends = [0; SIZES.len()];
                    let (mut group, mut end) = (0, 0);
                    while group < SIZES.len() {
                        end += SIZES[group];
                        ends[group] = end;
                        group += 1;
                    }
                    ends
                };
                &ENDS
            };
        }

        impl Encode for Limits {
            fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
                $(self.$name.encode(encoder)?;)*
                (self.groups * GROUP + u32::from(self.rate)).encode(encoder)?;
                let mut left = self.groups;
                $(if left > 0 {
                    left -= 1;
                    $(self.$l_name.encode(encoder)?;)*
                })*
                debug_assert_eq!(left, 0, "no journal has more groups than there are");
                Ok(())
            }
        }

        impl<C> Decode<C> for Limits {
            fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Limits, DecodeError> {
                let mut limits = Limits {
                    $($name: u64::decode(decoder)?,)*
                    $($($l_name: $l_max,)*)*
                    rate: false,
                    groups: 0,
                };
                let rest = u32::decode(decoder)?;
                limits.groups = rest / GROUP;
                if limits.groups > GROUPS_MAX {
                    return Err(DecodeError::Other("bounds of a newer build"));
                }
                limits.rate = rest % GROUP == 1;
                let mut left = limits.groups;
                $(if left > 0 {
                    left -= 1;
                    $(limits.$l_name = u64::decode(decoder)?;)*
                })*
                debug_assert_eq!(left, 0, "checked above");
                Ok(limits)
            }
        }

        bincode::impl_borrow_decode!(Limits);
    };
    (@all $($(#[doc = $doc:literal])* $name:ident = $default:literal,
        $min:literal ..= $max:literal;)*) => {
        /// The settable bounds. Each is one field, so that an unknown one cannot be read.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Limits {
            $($(#[doc = $doc])* pub $name: u64,)*
            /// Whether the rate limits apply (`limits.rate=off` for load tests).
            pub rate: bool,
            /// How many groups of later bounds the journal has that they come from.
            /// [`Limits::GROUP_ENDS`] says which bounds that makes.
            pub groups: u32,
        }

        impl Default for Limits {
            fn default() -> Limits {
                Limits { $($name: $default,)* rate: true, groups: GROUPS_MAX }
            }
        }

        impl Limits {
            /// Every settable bound: name, default, smallest and largest value.
            pub const TABLE: &'static [(&'static str, u64, u64, u64)] =
                &[$((stringify!($name), $default, $min, $max),)*];

            /// What every settable bound means, in the order of [`Limits::TABLE`].
            pub const MEANINGS: &'static [&'static str] = &[$(concat!($($doc),*),)*];

            /// The value of the bound called `name`.
            pub fn value(&self, name: &str) -> Option<u64> {
                match name {
                    $(stringify!($name) => Some(self.$name),)*
                    _ => None,
                }
            }

            /// Sets one bound.
            ///
            /// # Errors
            /// [`LimitError`] names what is wrong; nothing changes then.
            pub fn set(&mut self, name: &str, value: u64) -> Result<(), LimitError> {
                match name {
                    $(stringify!($name) => {
                        if !($min..=$max).contains(&value) {
                            return Err(LimitError::OutOfRange { min: $min, max: $max });
                        }
                        self.$name = value;
                    })*
                    _ => return Err(LimitError::Unknown),
                }
                Ok(())
            }
        }
    };
}

impl Limits {
    /// The defaults of a journal with so many groups of later bounds: those that it lacks are as wide as
    /// they can be. `None` if there are not so many.
    pub fn of_age(groups: u32) -> Option<Limits> {
        if groups > GROUPS_MAX {
            return None;
        }
        let mut limits = Limits { groups, ..Limits::default() };
        for (name, _, _, max) in Limits::TABLE.get(limits.rows().len()..).unwrap_or_default() {
            // The largest value is in range.
            let _ = limits.set(name, *max);
        }
        Some(limits)
    }

    /// The rows of [`Limits::TABLE`] that the journal has which these bounds come from.
    pub fn rows(&self) -> &'static [(&'static str, u64, u64, u64)] {
        let groups = usize::try_from(self.groups).unwrap_or(usize::MAX);
        let end = Limits::GROUP_ENDS.get(groups).copied().unwrap_or(Limits::TABLE.len());
        Limits::TABLE.get(..end).unwrap_or(Limits::TABLE)
    }
}

/// How many groups of later bounds there are. A number, so that one more group is seen in a review.
const GROUPS_MAX: u32 = 2;
const _: () =
    assert!(Limits::GROUP_ENDS.len() == GROUPS_MAX as usize + 1, "count the groups again");

/// [`Limits::rate`] is encoded as 0 or 1, and this is added for each group of later bounds that follows.
const GROUP: u32 = 2;

/// Why a limit could not be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitError {
    /// No limit has that name.
    Unknown,
    /// The value is outside the limit's range.
    OutOfRange {
        /// Smallest value allowed.
        min: u64,
        /// Largest value allowed.
        max: u64,
    },
}

limits! {
    /// Bytes in one frame from a client; a frame of exactly this size is allowed.
    frame_bytes_max = 10_485_760, 1_024..=268_435_456;
    /// Connections open at a time.
    connections_max = 1_000, 1..=100_000;
    /// Unanswered commands per connection.
    pending_per_connection_max = 100, 1..=100_000;
    /// Sessions that one connection may be subscribed to.
    subscriptions_per_connection_max = 1_000, 1..=100_000;
    /// Sessions open at a time.
    sessions_max = 100, 1..=100_000;
    /// Admitted commands that have not ended.
    commands_in_flight_max = 10_000, 1..=1_000_000;
    /// Commands that wait in one lane.
    lane_waiting_max = 1_000, 1..=1_000_000;
    /// Requests that wait for the answer of one command that is in flight (replays).
    waiters_per_command_max = 100, 1..=100_000;
    /// Stored outcomes, since rule set 2 of mutations only; older ones are looked up in the journal.
    outcomes_max = 2_000, 1..=1_000_000;
    /// Forgotten ids that still answer `outcome_expired` and do not run again, under rule set 1.
    forgotten_max = 20_000, 0..=10_000_000;
    /// Live idempotency keys.
    idempotency_keys_max = 10_000, 1..=1_000_000;
    /// Life of an idempotency key after its command has ended, in milliseconds.
    idempotency_ttl_ms = 600_000, 1..=604_800_000;
    /// Open extension dialogs over all sessions.
    dialogs_max = 1_000, 1..=100_000;
    /// Timeout of reads and interrupts, from their start, in milliseconds.
    short_timeout_ms = 30_000, 1..=86_400_000;
    /// Timeout of turns, from their start, in milliseconds.
    turn_timeout_ms = 3_600_000, 1..=604_800_000;
    /// Longest wait for dependencies, from admission, in milliseconds.
    dependency_timeout_ms = 30_000, 1..=86_400_000;
    /// Largest `timeoutMs` that a command may ask for.
    timeout_ms_max = 86_400_000, 1..=604_800_000;
    /// How long an agent may take to become ready, in milliseconds.
    agent_start_timeout_ms = 60_000, 1..=3_600_000;
    /// How long an agent may take from accepting a prompt to starting its run, in milliseconds.
    run_start_timeout_ms = 30_000, 1..=3_600_000;
    /// After the end of a run, how long an agent that does not announce it is watched for a retry
    /// before the turn is over, in milliseconds.
    settle_ms = 50, 1..=60_000;
    /// How long a prompt that begins with a slash may go without a run before it counts as handled
    /// by an extension, for agents that do not say so, in milliseconds.
    slash_grace_ms = 100, 1..=60_000;
    /// How long a stopped turn may hold its slot before its agent is ended, in milliseconds.
    stop_grace_ms = 10_000, 1..=3_600_000;
    /// How long a drain waits for work in flight, in milliseconds.
    drain_timeout_ms = 30_000, 1..=3_600_000;
    /// Commands a session takes in one burst.
    session_burst = 100, 1..=1_000_000;
    /// Commands a session's bucket regains per second.
    session_per_second = 50, 1..=1_000_000;
    /// Commands a connection takes in one burst.
    connection_burst = 1_000, 1..=1_000_000;
    /// Commands a connection's bucket regains per second.
    connection_per_second = 200, 1..=1_000_000;
    /// Control commands all connections together take in one burst: five times a connection's own,
    /// so that one that floods does not shut the others out.
    control_burst = 5_000, 1..=1_000_000;
    /// Control commands regained per second.
    control_per_second = 1_000, 1..=1_000_000;
    /// Dialog answers a session takes in one burst.
    dialog_burst = 60, 1..=1_000_000;
    /// Dialog answers a session's bucket regains per second.
    dialog_per_second = 10, 1..=1_000_000;
    /// Failures of a model provider within the window that open its circuit.
    provider_failures = 5, 1..=1_000;
    /// The window in which a provider's failures count, in milliseconds.
    provider_window_ms = 60_000, 1..=3_600_000;
    /// Failures of `bash` in one session within the window that open the session's circuit.
    bash_failures = 10, 1..=1_000;
    /// Failures of `bash` over all sessions that open the common circuit.
    bash_global_failures = 50, 1..=1_000;
    /// The window in which `bash` failures count, in milliseconds.
    bash_window_ms = 120_000, 1..=3_600_000;
    /// How long a circuit stays open before it lets probes through, in milliseconds.
    circuit_open_ms = 30_000, 1..=3_600_000;
    /// Successful probes that close a circuit.
    circuit_successes = 2, 1..=100;
    /// Probes that a half-open circuit lets through at a time.
    circuit_probes = 3, 1..=100;
    @later
    /// Agents that run at a time, those that come up or are about to be gone included.
    agents_max = 32, 1..=100_000;
    /// Agents that come up at a time. Starting is bound by the processor: more only delay each other.
    agents_starting_max = 4, 1..=1_000;
    /// How long an agent that has nothing to do is kept, in milliseconds.
    agent_idle_ms = 900_000, 1..=604_800_000;
    @later
    /// Stored outcomes of reads; the oldest is forgotten first, and its id is then new.
    read_outcomes_max = 1_000, 1..=1_000_000;
    /// Ids of commands that changed something and are neither stored any more nor in an index of the
    /// journal yet.
    unindexed_ids_max = 100_000, 10..=250_000;
}
