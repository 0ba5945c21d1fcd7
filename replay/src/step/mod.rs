//! `pi-replay step`: walking through a journal by hand, forwards and backwards.

mod machine;

use std::io::{self, BufRead, Write};

use pi_server_core::Seq;
use pi_server_core::command::CommandKind;
use pi_server_core::input::{Input, InputKind};
use serde_json::{Value, json};

use crate::place::{Place, inputs_at, place};
use crate::play::PlayError;
use crate::show::{Life, input_line, state_json, state_text};
use crate::shown::Shown;
use crate::source::Source;
use crate::times::Iso;

use machine::Machine;

/// What can be typed.
pub const HELP: &str = "\
  n [K]   the next step, or K of them      b [K]  back by a step, or K
  g N|TIME  go to the state after input N, or at a time   c   go on to the next break
  rc      back to the last break, or to where what is watched changed last
  s [ID]  the state, or one session of it  o      this step again
  break type T | session ID | command ID | divergence     where c and rc stop
  watch /POINTER   a part of the state (as `show --at --json` has it), told when it changes
  breaks  all breaks and watches           delete K    break or watch K goes
  clear   no breaks and watches            h      this text            q  quit";

/// Inputs that are no commands, as the notation begins them.
const INPUTS: [&str; 11] = [
    "boot",
    "open",
    "close",
    "command",
    "malformed",
    "agent",
    "answered",
    "storage",
    "tick",
    "drain",
    "stop",
];

/// Where `c` and `rc` stop.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Break {
    /// At inputs of this kind, or commands of this type.
    Type(String),
    /// At steps that are about this session.
    Session(String),
    /// At steps that are about this command: its id or number.
    Command(String, Life),
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
    walk_with(source, json, prompt, &mut |_| {}, input, out)
}

/// The same; `progress` is called with the number of inputs while the journal is read through.
///
/// # Errors
/// As of [`walk`].
pub fn walk_with(
    source: &Source,
    json: bool,
    prompt: bool,
    progress: &mut dyn FnMut(u64),
    input: &mut dyn BufRead,
    out: &mut dyn Write,
) -> Result<(), PlayError> {
    let machine = Machine::load(source, progress)?;
    let mut walk = Walk { machine, json, breaks: Vec::new(), watched: Vec::new(), out };
    if !json {
        let (first, last) = (walk.machine.first(), walk.machine.last());
        writeln!(walk.out, "inputs #{first} to #{last}; h for help")?;
    }
    if let Some(begins) = walk.machine.begins() {
        walk.say(&begins.to_string())?;
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
            ("q" | "quit", []) => return Ok(false),
            ("h" | "help", []) => self.say(HELP)?,
            ("n" | "next", [] | [_]) => match number() {
                Some(count) => self.next(count)?,
                None => self.say("n takes a number of steps")?,
            },
            ("b" | "back", [] | [_]) => match number() {
                Some(count) => self.go(self.machine.at().saturating_sub(count))?,
                None => self.say("b takes a number of steps")?,
            },
            ("g" | "goto", [place]) => self.go_to(place)?,
            ("c" | "continue", []) => self.run()?,
            ("rc" | "reverse-continue", []) => self.run_back()?,
            ("o", []) => self.show()?,
            ("s" | "state", [] | [_]) => self.state(rest.first().copied())?,
            ("break", [what, rest @ ..]) => self.add_break(what, rest)?,
            ("watch", [pointer]) if pointer.starts_with('/') => {
                let value = self.part(pointer);
                self.say(&format!("{pointer} is {value}"))?;
                self.watched.push(((*pointer).to_owned(), value));
            }
            ("breaks", []) => self.list()?,
            ("delete", [_]) => self.delete(number().unwrap_or(0))?,
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
        text.lines().try_for_each(|line| writeln!(self.out, "{}", Shown(line)))
    }

    fn add_break(&mut self, what: &str, rest: &[&str]) -> Result<(), PlayError> {
        let added = match (what, rest) {
            ("type", [name]) => {
                if !INPUTS.contains(name) && CommandKind::from_name(name).is_none() {
                    let inputs = INPUTS.join(", ");
                    let why = format!("no input {name:?}: {inputs}, or a type of command");
                    self.say(&why)?;
                    return Ok(());
                }
                Break::Type((*name).to_owned())
            }
            ("session", [id]) => Break::Session((*id).to_owned()),
            ("command", [id]) => Break::Command((*id).to_owned(), Life::of(id)),
            ("divergence", []) => Break::Divergence,
            (_, _) => {
                self.say("break type T, session ID, command ID or divergence")?;
                return Ok(());
            }
        };
        self.breaks.push(added);
        Ok(())
    }

    /// Breaks and watches in one row, counted from 1.
    fn list(&mut self) -> Result<(), PlayError> {
        let breaks = self.breaks.iter().map(|stop| match stop {
            Break::Type(name) => format!("break type {name}"),
            Break::Session(id) => format!("break session {id}"),
            Break::Command(id, _) => format!("break command {id}"),
            Break::Divergence => "break divergence".into(),
        });
        let watches =
            self.watched.iter().map(|(pointer, value)| format!("watch {pointer} = {value}"));
        let all: Vec<String> = breaks.chain(watches).collect();
        if all.is_empty() {
            self.say("no breaks and watches")?;
        }
        for (index, row) in all.iter().enumerate() {
            self.say(&format!("{:>3}  {row}", index + 1))?;
        }
        Ok(())
    }

    fn delete(&mut self, number: usize) -> Result<(), PlayError> {
        let count = self.breaks.len();
        match number.checked_sub(1) {
            Some(index) if index < count => drop(self.breaks.remove(index)),
            Some(index) if index - count < self.watched.len() => {
                drop(self.watched.remove(index - count));
            }
            Some(_) | None => self.say("there is no such break or watch; `breaks` lists them")?,
        }
        Ok(())
    }

    fn next(&mut self, count: usize) -> Result<(), PlayError> {
        for _ in 0..count {
            if !self.machine.forward()? {
                self.say("that was the last input")?;
                return Ok(());
            }
            self.show()?;
            self.tell_changes()?;
        }
        Ok(())
    }

    /// Goes to an input, or to the last one that is not later than a time on the wall.
    fn go_to(&mut self, text: &str) -> Result<(), PlayError> {
        let time = match place(text) {
            Ok(Place::Input(seq)) => return self.go(usize::try_from(seq.0).unwrap_or(usize::MAX)),
            Ok(Place::Time(time)) => time,
            Err(why) => return Ok(self.say(&format!("g takes {why}"))?),
        };
        match inputs_at(self.machine.source(), time)? {
            [_, Some(seq)] => self.go(usize::try_from(seq.0).unwrap_or(usize::MAX)),
            [_, None] => Ok(self.say(&format!("there is no input up to {}", Iso(time)))?),
        }
    }

    fn go(&mut self, at: usize) -> Result<(), PlayError> {
        let (first, last) = (self.machine.first(), self.machine.last());
        if at > last || at + 1 < first {
            self.say(&format!("there is no input #{at}: the journal has #{first} to #{last}"))?;
            return Ok(());
        }
        self.machine.go(at)?;
        self.show()?;
        self.tell_changes()
    }

    /// Goes on to the next break, telling changes of what is watched on the way.
    fn run(&mut self) -> Result<(), PlayError> {
        while self.machine.forward()? {
            let stops = self.stops();
            if stops {
                self.show()?;
            }
            self.tell_changes()?;
            if stops {
                return Ok(());
            }
        }
        self.say("that was the last input")?;
        self.say_unseen()
    }

    /// Goes back to the last step at which a break stops, or that changed what is watched.
    fn run_back(&mut self) -> Result<(), PlayError> {
        let end = self.machine.at();
        if self.breaks.is_empty() && self.watched.is_empty() {
            self.say("rc goes back to a break or a change of what is watched: there are none")?;
            return Ok(());
        }
        // From one place to begin at to the next, backwards, until a stop is found between them.
        let mut to = end;
        for from in self.machine.anchors_before(end) {
            self.machine.go(from)?;
            let mut values = self.values();
            let mut found = None;
            while self.machine.at() + 1 < to && self.machine.forward()? {
                let now = self.values();
                let is_change = now != values;
                values = now;
                if self.stops() || is_change {
                    found = Some(self.machine.at());
                }
            }
            // The step that the interval ends with belongs to it, unless it is where one came from.
            if to < end && self.machine.forward()? && (self.stops() || self.values() != values) {
                found = Some(self.machine.at());
            }
            if let Some(at) = found {
                return self.go(at);
            }
            to = from;
        }
        self.machine.go(end)?;
        self.say("there is no break before")?;
        Ok(())
    }

    fn values(&self) -> Vec<Value> {
        self.watched.iter().map(|(pointer, _)| self.part(pointer)).collect()
    }

    /// Whether any break stops at the last step.
    fn stops(&mut self) -> bool {
        let Some((input, outputs)) = self.machine.step() else { return false };
        let whose = self.machine.whose();
        let machine = &self.machine;
        self.breaks.iter_mut().any(|stop| match stop {
            Break::Divergence => machine.diverges(),
            Break::Type(name) => is_type(input, name),
            Break::Session(id) => whose.is_about(id, input, outputs),
            Break::Command(_, life) => life.is_about(whose, input, outputs),
        })
    }

    /// Says which names of breaks did not occur.
    fn say_unseen(&mut self) -> Result<(), PlayError> {
        let unseen = self.breaks.iter().filter_map(|stop| match stop {
            Break::Command(id, life) if !life.was_there() => {
                Some(format!("no command {id:?} was met on the way"))
            }
            Break::Command(..) | Break::Type(_) | Break::Session(_) | Break::Divergence => None,
        });
        let unseen: Vec<String> = unseen.collect();
        unseen.iter().try_for_each(|line| self.say(line))?;
        Ok(())
    }

    fn show(&mut self) -> Result<(), PlayError> {
        let at = self.machine.at();
        let Some((input, outputs)) = self.machine.step() else {
            self.say("before the first input")?;
            return Ok(());
        };
        let diverges = self.machine.diverges();
        let state = self.machine.state();
        let (line, time) = (input_line(state, input), Iso(state.wall(input.at)).to_string());
        let (input, outputs) =
            (input.to_string(), outputs.iter().map(ToString::to_string).collect::<Vec<_>>());
        if self.json {
            let step = json!({
                "seq": at, "time": time, "input": input, "outputs": outputs, "diverges": diverges,
            });
            writeln!(self.out, "{step}")?;
            return Ok(());
        }
        writeln!(self.out, "{}", Shown(&line))?;
        outputs.iter().try_for_each(|it| writeln!(self.out, "{:>8}    {}", "", Shown(it)))?;
        if diverges {
            writeln!(self.out, "{:>8}    (not the recorded outputs)", "")?;
        }
        Ok(())
    }

    fn state(&mut self, session: Option<&str>) -> Result<(), PlayError> {
        let (seq, state) = (Seq(self.machine.at() as u64), self.machine.state());
        if let Some(id) = session
            && !state.sessions().any(|view| *view.info.id == *id)
        {
            self.say(&format!("no session {id:?} after #{seq}"))?;
            return Ok(());
        }
        if self.json {
            writeln!(self.out, "{}", state_json(seq, state, session))?;
        } else {
            let text = state_text(seq, state, session);
            text.lines().try_for_each(|line| writeln!(self.out, "{}", Shown(line)))?;
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

/// Whether an input is of a kind, or a command of a type.
fn is_type(input: &Input, name: &str) -> bool {
    let of_input = match &input.kind {
        InputKind::Command { envelope, .. } | InputKind::Repeated { envelope, .. } => {
            return name == "command" || envelope.kind.row().name == name;
        }
        InputKind::Boot(_) => "boot",
        InputKind::Opened(_) => "open",
        InputKind::Closed { .. } => "close",
        InputKind::Malformed { .. } => "malformed",
        InputKind::Agent { .. } => "agent",
        InputKind::Answered { .. } => "answered",
        InputKind::Storage { .. } => "storage",
        InputKind::Tick => "tick",
        InputKind::Wall { .. } => "wall",
        InputKind::Indexed { .. } => "indexed",
        InputKind::Drain => "drain",
        InputKind::Stop => "stop",
    };
    name == of_input
}
