//! What the process tells its caller by ending.

use std::process::ExitCode;

/// How a run of the tool ended: its exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// 0: what was asked for was done, and nothing differs.
    Good,
    /// 2: the question makes no sense, or there is no journal where it points.
    Usage,
    /// 3: the journal is damaged or cannot be read.
    Damaged,
    /// 4: the journal has a newer format than this build reads.
    Newer,
    /// 10: a replay differs from what was recorded.
    Diverged,
}

impl Status {
    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Status::Good => 0,
            Status::Usage => 2,
            Status::Damaged => 3,
            Status::Newer => 4,
            Status::Diverged => 10,
        }
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> ExitCode {
        ExitCode::from(status.code())
    }
}
