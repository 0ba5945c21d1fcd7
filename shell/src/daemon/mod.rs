//! The daemon: one event loop that journals every input, steps the core and performs outputs.
