//! For each defect of the peer that a client can meet, a test that shows ours does better. The
//! numbers are those of the catalogue of the peer's defects that PROTOCOL.md section 14 refers to.
//! [`TABLE`] says for each of them where the evidence is, and what is not better yet.

mod durability;
#[cfg(feature = "mounts")]
mod full_disk;
mod ordering_identity;
mod resources;
mod rough_edges;
mod security;
mod severe;
mod table;
