//! Which pi it is, and what that version can do. The wire carries no version, so it is asked for
//! once with `pi --version`.

use pi_server_core::command::CommandKind;

/// A version of pi.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(u32, u32, u32);

/// The newest version that the translators were tried with.
const NEWEST: Version = Version(1, 6, 0);
/// The oldest one.
const OLDEST: Version = Version(0, 73, 0);

/// Every version that the translators were tried with.
const TRIED: [Version; 4] =
    [Version(0, 73, 1), Version(0, 87, 1), Version(1, 5, 2), Version(1, 6, 0)];

impl Version {
    /// Everything that it says is known.
    pub(super) fn was_tried(self) -> bool {
        TRIED.contains(&self)
    }

    /// Reads what `pi --version` prints: a line that is a version, among others perhaps.
    pub(super) fn parse(text: &str) -> Option<Version> {
        text.lines().rev().find_map(|line| {
            let line = line.trim().trim_start_matches("pi ").trim_start_matches('v');
            let mut parts = line.split(['.', '-', '+', ' ']).map(str::parse);
            match (parts.next(), parts.next(), parts.next()) {
                (Some(Ok(major)), Some(Ok(minor)), Some(Ok(patch))) => {
                    Some(Version(major, minor, patch))
                }
                _ => None,
            }
        })
    }

    /// As clients are told it; says so where the version is none of those that were tried.
    pub(super) fn describe(self) -> String {
        let Version(major, minor, patch) = self;
        let name = format!("pi {major}.{minor}.{patch}");
        if self > NEWEST {
            let Version(major, minor, patch) = NEWEST;
            format!("{name} (newer than any that was tried; taken for {major}.{minor}.{patch})")
        } else if self < OLDEST {
            format!("{name} (older than any that was tried)")
        } else {
            name
        }
    }

    /// Which of the two RPC dialects it speaks.
    pub(super) fn dialect(self) -> Dialect {
        if self < Version(0, 80, 4) { Dialect::Old } else { Dialect::New }
    }

    /// Its answer to a prompt says whether a run starts.
    pub(super) fn says_disposition(self) -> bool {
        self >= Version(0, 99, 0)
    }

    /// It can empty the queue of a session.
    pub(super) fn clears_queue(self) -> bool {
        self >= Version(0, 84, 4)
    }

    /// It can keep the output of a shell command out of the context.
    pub(super) fn excludes_output(self) -> bool {
        self >= Version(0, 76, 0)
    }

    /// It can stop a compaction that was asked for.
    pub(super) fn stops_compaction(self) -> bool {
        self >= Version(0, 85, 0)
    }

    /// Commands that it cannot offer. Without the bridge those are missing that only it can do.
    pub(super) fn absent(self, bridge: bool) -> Vec<CommandKind> {
        let mut absent = Vec::new();
        if !self.stops_compaction() {
            absent.push(CommandKind::AbortCompaction);
        }
        if !bridge {
            absent.extend([
                CommandKind::GetTree,
                CommandKind::GetTools,
                CommandKind::NavigateTree,
                CommandKind::ListSessionFiles,
            ]);
        }
        absent
    }
}

/// The two generations of pi's RPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Up to 0.80.3: it never says that a run has settled, and repeats whole messages in updates.
    Old,
    /// From 0.80.4 on.
    New,
}
