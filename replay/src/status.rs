//! What the process tells its caller by ending: by whose fault something did not work.

use std::io;
use std::process::ExitCode;

use pi_server_system::file::is_about_content;

/// How a run of the tool ended: its exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// 0: what was asked for was done, nothing differs, and all that can be checked was.
    Good,
    /// 2: the question makes no sense.
    Usage,
    /// 3: the journal is damaged.
    Damaged,
    /// 4: the journal has a newer format than this build reads.
    Newer,
    /// 5: there is no journal where it points, or nothing in it of the name or number asked for.
    Absent,
    /// 6: something that has to be read cannot be, or a program cannot be run.
    Unread,
    /// 7: the result cannot be written.
    Unwritten,
    /// 8: the tool itself is wrong.
    Internal,
    /// 10: a replay differs from what was recorded, or one journal or build from another.
    Diverged,
}

/// The table as `--help` prints it.
pub const TABLE: &str = "\
Exit status:
   0  done: nothing differs, and all that can be checked was
   2  wrong usage
   3  the journal is damaged
   4  the journal has a newer format: use a newer pi-replay
   5  nothing there: no journal, or nothing in it of the name or number that was asked for
   6  a file could not be read, or a program not be run (rights, too many open files, a bad disk)
   7  the result could not be written (a full disk)
   8  internal error: please report it (as for 101, a panic)
  10  different: from what was recorded, or one journal or build from another";

impl Status {
    /// All of them.
    pub const ALL: [Status; 9] = [
        Status::Good,
        Status::Usage,
        Status::Damaged,
        Status::Newer,
        Status::Absent,
        Status::Unread,
        Status::Unwritten,
        Status::Internal,
        Status::Diverged,
    ];

    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Status::Good => 0,
            Status::Usage => 2,
            Status::Damaged => 3,
            Status::Newer => 4,
            Status::Absent => 5,
            Status::Unread => 6,
            Status::Unwritten => 7,
            Status::Internal => 8,
            Status::Diverged => 10,
        }
    }

    /// What a program of this kind meant by its exit status.
    pub fn of_code(code: i32) -> Option<Status> {
        Status::ALL.into_iter().find(|status| i32::from(status.code()) == code)
    }

    /// Whose fault it is that a file of a journal cannot be read.
    pub fn of_reading(error: &io::Error) -> Status {
        if is_about_content(error) { Status::Damaged } else { Status::Unread }
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> ExitCode {
        ExitCode::from(status.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_the_help_has_every_status_once_and_in_order() {
        let rows =
            TABLE.lines().skip(1).filter_map(|row| row.split_whitespace().next()?.parse().ok());
        assert_eq!(rows.collect::<Vec<u8>>(), Status::ALL.map(Status::code));
        for status in Status::ALL {
            assert_eq!(Status::of_code(status.code().into()), Some(status));
        }
    }
}
