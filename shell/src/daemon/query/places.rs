//! The directories that session files may be in. PROTOCOL.md section 5.3, `load_session`.

use std::path::{Path, PathBuf};

use crate::agent::{session_folders, user_folder};

/// Where sessions work and where their files may be.
#[derive(Clone, Debug)]
pub(in crate::daemon) struct Places {
    default_cwd: String,
    session_dirs: Vec<PathBuf>,
}

impl Places {
    /// The places of this process: pi's own session folders, the one in the data directory,
    /// `.pi/sessions` of the default directory and its ancestors (up to the home directory, if it
    /// is below that), and where the settings of the user and of the default directory say.
    pub(in crate::daemon) fn of_process(default_cwd: &str, data_dir: &Path) -> Places {
        let variable = |name: &str| {
            std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute())
        };
        let home = variable("HOME");
        let pi = variable("PI_CODING_AGENT_DIR").map(|dir| dir.join("sessions"));
        let pi_sessions = variable("PI_CODING_AGENT_SESSION_DIR");
        let users = home.as_ref().map(|home| home.join(".pi/agent/sessions"));
        let mut session_dirs: Vec<PathBuf> =
            [pi_sessions, pi, users].into_iter().flatten().collect();
        session_dirs.push(data_dir.join("sessions"));
        session_dirs.extend(project_dirs(Path::new(default_cwd), home.as_deref()));
        if let Some(user) = user_folder() {
            session_dirs.extend(session_folders(&user, Path::new(default_cwd)));
        }
        Places { default_cwd: default_cwd.to_owned(), session_dirs }
    }

    /// These places.
    pub(in crate::daemon) fn new(default_cwd: &str, session_dirs: Vec<PathBuf>) -> Places {
        Places { default_cwd: default_cwd.to_owned(), session_dirs }
    }

    /// Where sessions work that name no directory.
    pub(in crate::daemon) fn default_cwd(&self) -> &str {
        &self.default_cwd
    }

    /// The directories that session files may be in.
    pub(super) fn session_dirs(&self) -> &[PathBuf] {
        &self.session_dirs
    }
}

fn project_dirs(cwd: &Path, home: Option<&Path>) -> Vec<PathBuf> {
    let below_home = home.is_some_and(|home| cwd.starts_with(home));
    cwd.ancestors()
        .take_while(|dir| !below_home || home.is_some_and(|home| dir.starts_with(home)))
        .map(|dir| dir.join(".pi/sessions"))
        .collect()
}
