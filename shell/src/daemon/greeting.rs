//! What the daemon says on standard error when it starts.

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::Path;

use pi_server_core::frame::Recovery;
use pi_server_core::input::AgentKind;
use pi_server_system::report;

use super::options::Options;
use super::program::Program;
use super::token::Token;

/// What there is to say.
pub(super) struct Greeting<'a> {
    pub(super) options: &'a Options,
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) token: Option<&'a Token>,
    pub(super) program: &'a Program,
    pub(super) journal: &'a Path,
    pub(super) durability: &'a str,
    pub(super) recovery: &'a Recovery,
    /// Inputs that were stepped through again, behind the newest snapshot.
    pub(super) stepped: u64,
}

impl Greeting<'_> {
    /// Says it, line by line.
    pub(super) fn print(&self) {
        if self.options.quiet {
            return;
        }
        for line in self.lines(std::io::stderr().is_terminal()) {
            report!("{line}");
        }
    }

    /// The lines. The token is shown to people only: what a pipe or a log file gets is kept, and read
    /// by others.
    fn lines(&self, is_terminal: bool) -> Vec<String> {
        let mut lines = vec![format!("pi-server {}", env!("CARGO_PKG_VERSION"))];
        lines.extend(self.addresses.iter().map(|address| format!("listening on ws://{address}")));
        if let Some(address) = self.addresses.first().copied() {
            lines.push(match self.token {
                Some(token) if is_terminal => format!("connect with {}", token.url(address)),
                Some(_) => "connect with the URL that `pi-server token` prints".to_owned(),
                None => format!("connect with ws://{address}/ (no token asked for)"),
            });
        }
        if let Some(path) = &self.options.unix {
            lines.push(format!("listening on {}", path.display()));
        }
        if self.options.stdio {
            lines.push("speaking on standard input and output".to_owned());
        }
        let (name, why) = match self.program.kind {
            AgentKind::Demo => ("demo", &self.program.why),
            AgentKind::Pi => ("pi", &self.program.why),
        };
        lines.push(format!("agent {name} ({why})"));
        lines.push(format!("journal {} ({})", self.journal.display(), self.durability));
        lines.push(recovered(self.recovery, self.stepped));
        lines
    }
}

/// One line about the lives before.
fn recovered(recovery: &Recovery, stepped: u64) -> String {
    if recovery.boot <= 1 {
        return "first start: nothing to recover".to_owned();
    }
    let mut parts = vec![
        plural(recovery.sessions, "session"),
        format!("{} with stored outcomes", plural(recovery.outcomes, "command")),
    ];
    if recovery.recoverable > 0 {
        parts.push(format!("{} run again", recovery.recoverable));
    }
    if recovery.failed > 0 {
        parts.push(format!("{} ended by the crash", recovery.failed));
    }
    if recovery.journal.torn_bytes > 0 {
        let bytes = recovery.journal.torn_bytes;
        parts.push(format!("{bytes} bytes of an unfinished write set aside"));
    }
    parts.push(format!("{} stepped through", plural(stepped, "input")));
    let how = if recovery.clean { "clean" } else { "sudden" };
    let records = plural(recovery.journal.records, "record");
    format!("recovered {records} after a {how} stop: {}", parts.join(", "))
}

fn plural(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
