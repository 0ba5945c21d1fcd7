//! Tests of the command line's own rules.

use clap::CommandFactory as _;

use super::*;

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
    assert_eq!(at("#12"), Ok(Place::Input(Seq(12))));
    assert_eq!(conn("7"), Ok(ConnId(7)));
    assert!(conn("0").is_err() && at("c1").is_err() && at("0").is_err());
}
