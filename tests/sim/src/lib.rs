//! The simulator: the daemon's own logic (start, turns, connections, journal, keeper, look-ups, the
//! demo agent) in a faulty world, in virtual time, on one thread, from one seed.
//!
//! A run lives through crashes, disks that tear, forget, fail and fill up, clients that vanish and
//! come back, agents that stall, die and lie, and clocks that jump. Then the faults end, everything
//! must come to rest, and the journal that is left must account for every frame that any client was
//! ever sent ([`oracle`]), must satisfy the reference model and its invariants step by step, and
//! must be verified by the offline tool.

pub mod client;
pub mod disk;
pub mod faulty;
pub mod matrix;
pub mod oracle;
pub mod pipe;
pub mod run;
pub mod taste;
pub mod time;
pub mod troupe;
