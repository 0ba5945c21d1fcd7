//! Frames to inputs and back: pure functions over bytes.
