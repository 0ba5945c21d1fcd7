//! `pi-replay step`: walking through a journal by hand, forwards and backwards.

mod machine;

use std::io::{self, BufRead, Write};

use pi_server_core::Seq;
use pi_server_core::input::InputKind;
use serde_json::{Value, json};

use crate::play::PlayError;
use crate::show::{state_json, state_text};
use crate::source::Source;

use machine::Machine;

/// What can be typed.
pub const HELP: &str = "\
  n [K]   the next step, or K of them      b [K]  back by a step, or K
  g N     go to the state after input N    c      go on to the next break
  s [ID]  the state, or one session of it  o      this step again
  break type T | session ID | command ID | divergence     where c stops
  watch /POINTER   a part of the state (as `show --at --json` has it), told when it changes
  clear   no breaks and watches            h      this text            q  quit";

/// Where `c` stops.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Break {
    /// At inputs of this kind, or commands of this type.
    Type(String),
    /// At inputs and outputs that name this session.
    Session(String),
    /// At steps that name this command's id or number.
    Command(String),
    /// Where the outputs are not the recorded ones.
    Divergence,
}

/// Reads what to do from `input`, line by line, until it ends or says so.
///
/// # Errors
/// The journal cannot be read, or the answers cannot be written.
pub fn walk(
    source: &Source,
    json: bool,
    prompt: bool,
    input: &mut dyn BufRead,
    out: &mut dyn Write,
) -> Result<(), PlayError> {
    let machine = Machine::load(source)?;
    let mut walk = Walk { machine, json, breaks: Vec::new(), watched: Vec::new(), out };
    if !json {
        let (first, last) = (walk.machine.first(), walk.machine.last());
        writeln!(walk.out, "inputs #{first} to #{last}; h for help")?;
    }
    let mut line = String::new();
    loop {
        if prompt {
            write!(walk.out, "#{}> ", walk.machine.at())?;
        }
        walk.out.flush()?;
        line.clear();
        if input.read_line(&mut line)? == 0 || !walk.command(line.trim())? {
            return Ok(());
        }
    }
}

struct Walk<'a> {
    machine: Machine,
    json: bool,
    breaks: Vec<Break>,
    /// Pointers with the value that was told last.
    watched: Vec<(String, Value)>,
    out: &'a mut dyn Write,
}

impl Walk<'_> {
    /// Does what a line says; `false` to end.
    fn command(&mut self, line: &str) -> Result<bool, PlayError> {
        let mut words = line.split_whitespace();
        let verb = words.next().unwrap_or("n");
        let rest: Vec<&str> = words.collect();
        let number = || rest.first().map_or(Some(1), |word| word.trim_matches('#').parse().ok());
        match (verb, rest.as_slice()) {
            ("q" | "quit", _) => return Ok(false),
            ("h" | "help", _) => self.say(HELP)?,
            ("n" | "next", _) => match number() {
                Some(count) => self.next(count)?,
                None => self.say("n takes a number of steps")?,
            },
            ("b" | "back", _) => match number() {
                Some(count) => self.go(self.machine.at().saturating_sub(count))?,
                None => self.say("b takes a number of steps")?,
            },
            ("g" | "goto", [_]) => match number() {
                Some(at) => self.go(at)?,
                None => self.say("g takes the number of an input")?,
            },
            ("c" | "continue", []) => self.run()?,
            ("o", []) => self.show()?,
            ("s" | "state", _) => self.state(rest.first().copied())?,
            ("break", ["type", name]) => self.breaks.push(Break::Type((*name).to_owned())),
            ("break", ["session", id]) => self.breaks.push(Break::Session((*id).to_owned())),
            ("break", ["command", id]) => self.breaks.push(Break::Command((*id).to_owned())),
            ("break", ["divergence"]) => self.breaks.push(Break::Divergence),
            ("watch", [pointer]) if pointer.starts_with('/') => {
                let value = self.part(pointer);
                self.say(&format!("{pointer} is {value}"))?;
                self.watched.push(((*pointer).to_owned(), value));
            }
            ("clear", []) => {
                self.breaks.clear();
                self.watched.clear();
            }
            (_, _) => self.say("no such command; h for help")?,
        }
        Ok(true)
    }

    fn say(&mut self, text: &str) -> io::Result<()> {
        if self.json {
            return writeln!(self.out, "{}", json!({ "says": text }));
        }
        writeln!(self.out, "{text}")
    }

    fn next(&mut self, count: usize) -> Result<(), PlayError> {
        for _ in 0..count {
            if !self.machine.forward() {
                self.say("that was the last input")?;
                return Ok(());
            }
            self.show()?;
            self.tell_changes()?;
        }
        Ok(())
    }

    fn go(&mut self, at: usize) -> Result<(), PlayError> {
        let (first, last) = (self.machine.first(), self.machine.last());
        if at > last || at + 1 < first {
            self.say(&format!("there is no input #{at}: the journal has #{first} to #{last}"))?;
            return Ok(());
        }
        self.machine.go(at);
        self.show()?;
        self.tell_changes()
    }

    /// Goes on to the next break, telling changes of what is watched on the way.
    fn run(&mut self) -> Result<(), PlayError> {
        while self.machine.forward() {
            let stops = self.breaks.iter().any(|stop| self.stops(stop));
            if stops {
                self.show()?;
            }
            self.tell_changes()?;
            if stops {
                return Ok(());
            }
        }
        self.say("that was the last input")?;
        Ok(())
    }

    fn stops(&self, stop: &Break) -> bool {
        let Some(kind) = self.machine.kind() else { return false };
        match stop {
            Break::Divergence => self.machine.diverges(),
            Break::Type(name) => match kind {
                InputKind::Command { envelope, .. } | InputKind::Repeated { envelope, .. } => {
                    name == "command" || envelope.kind.row().name == name
                }
                InputKind::Boot(_)
                | InputKind::Opened(_)
                | InputKind::Closed { .. }
                | InputKind::Malformed { .. }
                | InputKind::Agent { .. }
                | InputKind::Answered { .. }
                | InputKind::Storage { .. }
                | InputKind::Tick
                | InputKind::Wall { .. }
                | InputKind::Indexed { .. }
                | InputKind::Drain
                | InputKind::Stop => {
                    kind.to_string().split_whitespace().next().is_some_and(|word| word == name)
                }
            },
            Break::Session(id) => self.names(&format!("s:{id}")),
            Break::Command(id) => {
                let number = id.strip_prefix('#');
                self.names(&format!("\"{id}\"")) || number.is_some_and(|_| self.names(id))
            }
        }
    }

    /// Whether a word stands in the step, in the notation.
    fn names(&self, word: &str) -> bool {
        let (input, outputs) = self.machine.notation();
        let mut lines = outputs.iter().chain([&input]);
        lines.any(|line| line.split_whitespace().any(|part| part == word))
    }

    fn show(&mut self) -> Result<(), PlayError> {
        let at = self.machine.at();
        if at < self.machine.first() {
            self.say("before the first input")?;
            return Ok(());
        }
        let diverges = self.machine.diverges();
        let (input, outputs) = self.machine.notation();
        if self.json {
            let step = json!({
                "seq": at, "input": input, "outputs": outputs, "diverges": diverges,
            });
            writeln!(self.out, "{step}")?;
            return Ok(());
        }
        writeln!(self.out, "{:>8}  {input}", format!("#{at}"))?;
        outputs.iter().try_for_each(|output| writeln!(self.out, "{:>8}    {output}", ""))?;
        if diverges {
            writeln!(self.out, "{:>8}    (not the recorded outputs)", "")?;
        }
        Ok(())
    }

    fn state(&mut self, session: Option<&str>) -> Result<(), PlayError> {
        let (seq, state) = (Seq(self.machine.at() as u64), self.machine.state());
        if self.json {
            writeln!(self.out, "{}", state_json(seq, state, session))?;
        } else {
            write!(self.out, "{}", state_text(seq, state, session))?;
        }
        Ok(())
    }

    fn part(&self, pointer: &str) -> Value {
        let state = state_json(Seq(self.machine.at() as u64), self.machine.state(), None);
        state.pointer(pointer).cloned().unwrap_or(Value::Null)
    }

    fn tell_changes(&mut self) -> Result<(), PlayError> {
        for index in 0..self.watched.len() {
            let (pointer, before) = self.watched[index].clone();
            let value = self.part(&pointer);
            if value != before {
                let at = self.machine.at();
                self.say(&format!("#{at}: {pointer} was {before}, is {value}"))?;
                self.watched[index].1 = value;
            }
        }
        Ok(())
    }
}
