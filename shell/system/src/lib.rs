//! What both programs ask of the operating system, in the forms that cannot hurt: files that may
//! turn out to be anything ([`mod@file`]), standard streams that may be gone or full ([`console`]), and
//! texts that may hold a terminal's commands ([`text`]).

pub mod console;
pub mod file;
pub mod text;
