//! The journal: segments on disk, one writer.
