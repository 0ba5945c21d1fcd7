//! The exit statuses, distinct so that a supervisor can tell them apart.

use std::process::ExitCode;

/// How the process ended. Listed in `pi-server --help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// All is well.
    Ok,
    /// Anything that has no status of its own.
    Failed,
    /// The command line makes no sense.
    Usage,
    /// The journal is damaged, or does not replay.
    JournalDamaged,
    /// Another daemon has the journal.
    JournalLocked,
    /// `serve`: an address cannot be bound. `call`: nobody answers there.
    CannotConnect,
    /// The data directory cannot be written.
    NotWritable,
    /// The disk is full at start.
    DiskFull,
    /// Storage failed while the daemon was running.
    StorageFailed,
    /// The journal was written by a newer build.
    NewerFormat,
}

impl Status {
    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        match self {
            Status::Ok => 0,
            Status::Failed => 1,
            Status::Usage => 2,
            Status::JournalDamaged => 3,
            Status::JournalLocked => 4,
            Status::CannotConnect => 5,
            Status::NotWritable => 6,
            Status::DiskFull => 7,
            Status::StorageFailed => 8,
            Status::NewerFormat => 9,
        }
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> ExitCode {
        ExitCode::from(status.code())
    }
}
