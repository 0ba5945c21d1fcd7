//! What can be chosen about a journal.

use core::fmt;
use core::str::FromStr;
use std::path::PathBuf;
use std::sync::Arc;

use pi_server_core::record::SEGMENT_BYTES_MIN;

/// Called from background threads when [`super::Journal::poll`] has something to do.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

/// What can be chosen about a journal.
#[derive(Clone)]
pub struct Options {
    /// The data directory; made if it is not there.
    pub dir: PathBuf,
    /// What accepted data survives.
    pub durability: Durability,
    /// How segments are written.
    pub backend: Backend,
    /// Size of a segment in bytes, at least [`SEGMENT_BYTES_MIN`].
    pub segment_bytes: u32,
    /// Wakes the loop that owns the journal.
    pub waker: Waker,
}

impl Options {
    /// Default size of a segment.
    pub const SEGMENT_BYTES: u32 = 32 << 20;

    /// The defaults, for this data directory.
    pub fn new(dir: impl Into<PathBuf>) -> Options {
        Options {
            dir: dir.into(),
            durability: Durability::default(),
            backend: Backend::default(),
            segment_bytes: Options::SEGMENT_BYTES,
            waker: Arc::new(|| {}),
        }
    }

    pub(super) fn settings(&self) -> Settings {
        Settings {
            durability: self.durability,
            segment_bytes: self.segment_bytes.max(SEGMENT_BYTES_MIN),
            background: true,
            waker: self.waker.clone(),
        }
    }
}

/// What of [`Options`] does not depend on where the journal is.
#[derive(Clone)]
pub struct Settings {
    /// What accepted data survives.
    pub durability: Durability,
    /// Size of a segment in bytes.
    pub segment_bytes: u32,
    /// Sync and build segments on threads of their own. Without, a simulation decides when a sync
    /// happens ([`super::Journal::sync`]), and segments are built when they are needed.
    pub background: bool,
    /// Wakes the loop that owns the journal.
    pub waker: Waker,
}

/// What accepted data survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The end of the process, `kill -9` included; a sync follows within a second.
    #[default]
    Process,
    /// A loss of power: outputs wait for the sync.
    Power,
    /// The end of the process, and no sync ever follows. For benchmarks.
    None,
}

impl Durability {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Durability::Process => "process",
            Durability::Power => "power",
            Durability::None => "none",
        }
    }
}

/// How segments are written. The bytes are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backend {
    /// The map, except on file systems where a map can kill the process; there `pwrite`.
    #[default]
    Auto,
    /// A shared memory map; refused on file systems where it can kill the process.
    Map,
    /// A shared memory map on any file system.
    MapAnywhere,
    /// A system call for each record.
    Pwrite,
}

impl Backend {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Backend::Auto => "auto",
            Backend::Map => "map",
            Backend::MapAnywhere => "map-anywhere",
            Backend::Pwrite => "pwrite",
        }
    }
}

/// A name that is none of those that can be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownName {
    /// Those that can be chosen.
    pub known: &'static str,
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "must be one of: {}", self.known)
    }
}

impl std::error::Error for UnknownName {}

impl FromStr for Durability {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Durability, UnknownName> {
        [Durability::Process, Durability::Power, Durability::None]
            .into_iter()
            .find(|durability| durability.name() == name)
            .ok_or(UnknownName { known: "process, power, none" })
    }
}

impl FromStr for Backend {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Backend, UnknownName> {
        [Backend::Auto, Backend::Map, Backend::MapAnywhere, Backend::Pwrite]
            .into_iter()
            .find(|backend| backend.name() == name)
            .ok_or(UnknownName { known: "auto, map, map-anywhere, pwrite" })
    }
}
