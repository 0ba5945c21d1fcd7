//! `pi-server journal`: what can be taken away from a journal while no daemon runs.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::{Complaint, DataDir, Status, print};
use crate::daemon::Error;
use crate::daemon::erase::{Erasure, Moment, Selection, erase};
use crate::journal::{HEAD_FILE, drop_key};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Erase what was said: texts of sessions, of commands, of a time.
    Erase(Erase),
    /// Drop the key, so that nobody can tell what a digest is of; ends the journal.
    DropKey(DropKey),
}

impl Verb {
    pub(super) fn run(&self) -> Result<Status, Complaint> {
        match self {
            Verb::Erase(erase) => erase.run(),
            Verb::DropKey(drop_key) => drop_key.run(),
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
Without --yes it only says what would go. Conditions of several kinds must all hold; of one kind,
one is enough. What was decided stays: types, ids, names, paths, times, outcomes, the words of
failures. The journal still replays bit for bit, and `pi-replay verify` says so. An id whose stored
answer is gone answers outcome_expired; a command that has not ended keeps its text.

--command takes the command's frame, its answer, and for a turn all that the agent said meanwhile.
What other commands repeat of it (get_messages) goes with --session. The agent's own session files
are not the daemon's, and copies that were made before are not reached.

Examples:
  pi-server journal erase --session private
  pi-server journal erase --session private --yes
  pi-server journal erase --command 7f3a --command 7f3b --yes
  pi-server journal erase --before 2026-01-01 --quarantine --yes")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(super) struct Erase {
    #[command(flatten)]
    data_dir: DataDir,
    /// Texts about this session; may be given again.
    #[arg(long, value_name = "ID")]
    session: Vec<String>,
    /// Texts of the command with this id; may be given again.
    #[arg(long, value_name = "ID")]
    command: Vec<String>,
    /// Texts from before a moment: 2026-02-22, 2026-02-22T16:09:11Z (UTC), or t1771776551130 in
    /// milliseconds as `pi-replay show` prints it.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    before: Option<Moment>,
    /// Also stored answers that outlived their segments, of which it is not known any more whose
    /// they are.
    #[arg(long)]
    dropped: bool,
    /// Also the files in quarantine/: torn tails that were set aside.
    #[arg(long)]
    quarantine: bool,
    /// Do it. Nothing brings the texts back.
    #[arg(long)]
    yes: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

fn moment(text: &str) -> Result<Moment, String> {
    let wrong = "a moment such as 2026-02-22, 2026-02-22T16:09:11Z or t1771776551130";
    Selection::moment(text).ok_or_else(|| wrong.to_owned())
}

impl Erase {
    fn run(&self) -> Result<Status, Complaint> {
        if self.session.is_empty() && self.command.is_empty() && self.before.is_none() {
            let text = "say what is to go: --session, --command or --before";
            return Err(Complaint::usage(text));
        }
        let dir = of_journal(&self.data_dir)?;
        let selection = Selection {
            sessions: self.session.clone(),
            commands: self.command.clone(),
            before: self.before,
            dropped: self.dropped,
            quarantine: self.quarantine,
        };
        let done = erase(&dir, &selection, self.yes)
            .map_err(|error| Complaint { status: error.status(), text: error.to_string() })?;
        if self.json {
            print(&format!("{}\n", self.as_json(&done)))?;
        } else {
            print(&self.as_text(&done))?;
        }
        Ok(Status::Ok)
    }

    fn as_json(&self, done: &Erasure) -> serde_json::Value {
        json!({
            "erased": self.yes,
            "frames": done.frames,
            "answers": done.answers,
            "events": done.events,
            "bytes": done.bytes,
            "segments": done.segments,
            "droppedAnswers": done.packed,
            "quarantineFiles": done.quarantined,
            "kept": {
                "unfinishedCommands": done.unfinished,
                "droppedAnswers": done.unknown,
                "quarantineFiles": done.set_aside,
            },
        })
    }

    fn as_text(&self, done: &Erasure) -> String {
        let Erasure { frames, answers, events, bytes, segments, .. } = done;
        let texts = frames + answers + events;
        let verb = if self.yes { "erased" } else { "would erase" };
        let mut lines = vec![format!(
            "{verb} {texts} texts with {bytes} bytes in {segments} segments: {frames} frames, \
             {answers} answers, {events} events"
        )];
        if done.packed > 0 {
            lines.push(format!("{verb} {} answers of dropped segments", done.packed));
        }
        if done.quarantined > 0 {
            lines.push(format!("{verb} {} files in quarantine/", done.quarantined));
        }
        for id in &done.unfinished {
            lines.push(format!("kept: command {id} has not ended"));
        }
        if done.unknown > 0 {
            lines.push(format!(
                "kept: {} answers of dropped segments, of which it is not known whose they are \
                 (--dropped)",
                done.unknown
            ));
        }
        if done.set_aside > 0 {
            let files = done.set_aside;
            lines.push(format!("kept: {files} files in quarantine/ (--quarantine)"));
        }
        if !self.yes {
            lines.push("nothing was erased; say --yes to do it".to_owned());
        }
        lines.join("\n") + "\n"
    }
}

const GOES: &str = "\
without its key
  - no daemon goes on with this journal, nor does `journal erase`: erase before, and begin another
    journal in another --data-dir
  - digests of texts, fingerprints of commands and hidden names of clients mean nothing any more:
    no guess of a text can be checked against them
  - `pi-replay verify` still replays it bit for bit and checks every checksum and the chain, but not
    that a text is the one that its digest is of, nor that a client's frame decodes as it did
  - show, stats, diff, export, redact, bundle and migrate go on; bundle --with-key does not
copies that were made with the key (bundle --with-key, redact --with-key, migrate, backups) keep it
";

#[derive(Debug, Args)]
#[command(after_help = "\
Without --yes it only says what does not work any more then. Works on copies too, such as those of
`pi-replay migrate`, which have the key.

Example:
  pi-server journal drop-key --data-dir old --yes && pi-replay verify old")]
pub(super) struct DropKey {
    #[command(flatten)]
    data_dir: DataDir,
    /// Do it. Nothing brings the key back.
    #[arg(long)]
    yes: bool,
}

impl DropKey {
    fn run(&self) -> Result<Status, Complaint> {
        let dir = of_journal(&self.data_dir)?;
        if !self.yes {
            print(&format!("{GOES}nothing was dropped; say --yes to do it\n"))?;
            return Ok(Status::Ok);
        }
        let dropped = drop_key(&dir).map_err(Error::Open);
        let dropped = dropped
            .map_err(|error| Complaint { status: error.status(), text: error.to_string() })?;
        if dropped {
            print(&format!("the key is dropped; {GOES}"))?;
        } else {
            print("there is no key\n")?;
        }
        Ok(Status::Ok)
    }
}

/// The data directory, in which there must be a journal: none is to be made here.
fn of_journal(data_dir: &DataDir) -> Result<PathBuf, Complaint> {
    let dir = data_dir.resolve().map_err(Complaint::usage)?;
    if !dir.join(HEAD_FILE).is_file() {
        return Err(Complaint::usage(format!("no journal in {}", dir.display())));
    }
    Ok(dir)
}
