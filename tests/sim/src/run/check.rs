//! The verdict on a run whose world has come to rest.

use pi_replay::source::Source;
use pi_replay::verify::verify;
use pi_server_model::run::{Broken, Check, script};
use pi_server_model::shrink::shrink;

use super::{Options, Run};
use crate::client::Transcript;
use crate::matrix::Sometimes;
use crate::oracle::{events, judge, runs_once};

/// Inputs between the snapshots that the check takes for itself. The daemon's own are beside them: of
/// each segment, verified by the keeper and gone on from by starts.
const SNAPSHOTS_EVERY: u64 = 64;

impl Run {
    /// Ends the last life, and judges the run.
    pub(super) fn finish(&mut self, options: Options) -> Result<(), String> {
        let kept = self.daemon.as_ref().map_or(0, pi_server::world::Daemon::kept_bytes);
        if kept > 0 {
            return Err(format!("{kept} bytes are kept for clients who have read everything"));
        }
        for client in &mut self.clients {
            client.hear();
        }
        self.remember()?;
        self.beliefs()?;
        for client in &mut self.clients {
            if let Some(line) = &mut client.line {
                line.transcript.complete = true;
            }
            self.transcripts.extend(client.disconnected());
        }
        self.room()?;
        self.remember()?;
        self.stop()?;
        self.start()?;
        let Some(daemon) = &self.daemon else { return Err("no last life".into()) };
        if !daemon.facts().clean {
            return Err("the stop was clean, and the start says that it was not".into());
        }
        self.stop()?;
        self.account()?;
        self.model()?;
        if options.verify && self.taste.retain_bytes == 0 {
            self.offline()?;
        }
        Ok(())
    }

    /// Section 8.5: whoever gives cursors with their epochs believes nothing that never happened.
    fn beliefs(&self) -> Result<(), String> {
        let events = events(&self.history);
        for (number, client) in self.clients.iter().enumerate() {
            for (session, at, text) in client.believes() {
                let happened = events.get(&(session.to_owned(), at));
                if happened.is_none_or(|happened| !happened.iter().any(|it| it == text)) {
                    return Err(format!(
                        "client {number} believes in {text}, and in the journal is {happened:?}"
                    ));
                }
            }
        }
        Ok(())
    }

    /// Once the keeper has done what there is to do, all files together are within the bound, or as
    /// small as it said that they can be.
    fn room(&mut self) -> Result<(), String> {
        let bound = self.taste.retain_bytes;
        let Some(daemon) = &mut self.daemon else { return Ok(()) };
        // It has not looked yet at a journal of which nothing is settled, or after a restart.
        if bound == 0 || daemon.snapshot().is_none() {
            return Ok(());
        }
        let used = self.disk.used();
        match daemon.floor() {
            Some(floor) if used > floor => {
                Err(format!("{used} bytes are taken, and {floor} are said to be the least"))
            }
            None if used > bound => Err(format!("{used} bytes are taken, and {bound} may be")),
            Some(_) | None => Ok(()),
        }
    }

    /// Every frame that anybody was sent must follow from the journal.
    fn account(&self) -> Result<(), String> {
        let accountable: Vec<Transcript> = self
            .transcripts
            .iter()
            .filter(|transcript| !self.excused.get(transcript.life).copied().unwrap_or(false))
            .cloned()
            .collect();
        if self.taste.retain_bytes == 0 {
            runs_once(&self.history)?;
        }
        judge(&self.history, &self.lives, &accountable)
    }

    /// Every step of the journal must be what the model and the invariants say.
    fn model(&self) -> Result<(), String> {
        let mut check = Check::with_snapshots_every(SNAPSHOTS_EVERY);
        for kept in &self.history {
            let seq = kept.input.seq;
            if let Err(rule) = check.step(&kept.input) {
                let upto = usize::try_from(seq.0).unwrap_or(usize::MAX);
                let inputs = self.history.iter().take(upto).map(|kept| kept.input.clone());
                let small = shrink(&Broken { rule: rule.clone(), inputs: inputs.collect() });
                let script = script(&small.inputs);
                return Err(format!("input {seq}: {rule}\n{script}{}", small.rule));
            }
        }
        Ok(())
    }

    /// The offline tool reads the files and finds nothing.
    fn offline(&mut self) -> Result<(), String> {
        let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
        self.disk.export(dir.path()).map_err(|error| error.to_string())?;
        let source = Source::open(dir.path()).map_err(|error| error.to_string())?;
        let report = verify(&source, &mut |_| {}).map_err(|error| format!("{error:?}"))?;
        let is_fine = report.reading.verdict.is_ok()
            && report.divergence.is_none()
            && report.unreadable.is_none()
            && report.checks.altered.is_none();
        if !is_fine {
            return Err(format!("the offline tool says: {report}"));
        }
        // The last stop came after everything that was remembered.
        let wrote = self.history.len() as u64 + 1;
        let read = report.counts.inputs;
        if read != wrote {
            return Err(format!("the offline tool has read {read} inputs of {wrote}"));
        }
        self.matrix.saw(Sometimes::Verified);
        Ok(())
    }
}
