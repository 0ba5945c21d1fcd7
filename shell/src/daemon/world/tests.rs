//! A daemon on a disk in memory, with clients of its own: ids and what is known of them for how long.

mod ids;
mod rig;
