//! Which agent program sessions run on, and why.

use std::env;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use pi_server_core::input::AgentKind;

use super::error::Error;
use super::options::AgentChoice;

/// The choice, with the words for the person who starts the daemon.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Program {
    pub(super) kind: AgentKind,
    /// What to run for [`AgentKind::Pi`].
    pub(super) command: PathBuf,
    pub(super) why: String,
    /// Why there is no pi for sessions that are pi's, and what to do; empty where there is one.
    pub(super) no_pi: String,
}

/// Chooses the agent program.
///
/// # Errors
/// pi was asked for and cannot be found.
pub(super) fn choose(choice: AgentChoice, command: &str) -> Result<Program, Error> {
    let found = find(command, env::var_os("PATH").as_deref());
    match (choice, found) {
        (AgentChoice::Demo, _) => {
            let no_pi = "the daemon was started with --agent demo; start it with --agent pi";
            Ok(demo("as asked; scripted, needs nothing", no_pi.to_owned()))
        }
        (AgentChoice::Pi, Some(path)) => {
            let why = path.display().to_string();
            Ok(pi(path, why))
        }
        (AgentChoice::Pi, None) => Err(Error::NoPi { command: command.to_owned() }),
        (AgentChoice::Auto, Some(path)) => {
            let why = format!("found at {}", path.display());
            Ok(pi(path, why))
        }
        (AgentChoice::Auto, None) => {
            let why = format!("scripted, since there is no `{command}` on PATH");
            Ok(demo(&why, absent(command, env::var_os("PATH").as_deref())))
        }
    }
}

fn pi(command: PathBuf, why: String) -> Program {
    Program { kind: AgentKind::Pi, command, why, no_pi: String::new() }
}

fn demo(why: &str, no_pi: String) -> Program {
    Program { kind: AgentKind::Demo, command: PathBuf::new(), why: why.to_owned(), no_pi }
}

/// Where a program was looked for, and what to do.
fn absent(command: &str, path: Option<&std::ffi::OsStr>) -> String {
    let place = match path {
        _ if command.contains('/') => format!("`{command}` is no program that can be run"),
        Some(path) => format!("`{command}` is not on the daemon's PATH ({})", path.display()),
        None => format!("`{command}` is not on the daemon's PATH, which is empty"),
    };
    format!("{place}; install it, or start the daemon with --pi-command and the path of it")
}

/// The program that a shell would run for `command`.
fn find(command: &str, path: Option<&std::ffi::OsStr>) -> Option<PathBuf> {
    if command.contains('/') {
        let path = std::path::absolute(command).ok()?;
        return is_program(&path).then_some(path);
    }
    let mut candidates = env::split_paths(path?).map(|dir| dir.join(command));
    candidates.find(|path| path.is_absolute() && is_program(path))
}

fn is_program(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_on_the_path_only_if_it_can_be_run() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("pi");
        std::fs::write(&file, "#!/bin/sh\n").expect("written");
        let path = Some(dir.path().as_os_str());
        assert_eq!(find("pi", path), None);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("set");
        assert_eq!(find("pi", path), Some(file.clone()));
        assert_eq!(find(file.to_str().expect("UTF-8"), None), Some(file));
        assert_eq!(find("no-such-program", path), None);
    }

    #[test]
    fn auto_falls_back_to_the_demo_agent_and_says_why() {
        let program = choose(AgentChoice::Auto, "no-such-program-anywhere").expect("chosen");
        assert_eq!(program.kind, AgentKind::Demo);
        assert!(program.why.contains("no-such-program-anywhere"));
        let path = env::var("PATH").expect("a path");
        assert!(program.no_pi.contains(&path), "{}", program.no_pi);
        assert!(program.no_pi.contains("--pi-command"), "{}", program.no_pi);
        let refused = choose(AgentChoice::Pi, "no-such-program-anywhere");
        assert!(matches!(refused, Err(Error::NoPi { .. })));
    }
}
