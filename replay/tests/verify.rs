//! `pi-replay verify`, on journals written by the daemon's own writer and on altered ones.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its journal has failed")]

mod common;

use std::path::Path;
use std::process::{Command, Output};

use common::{forge, secret, tree, two_lives};
use pi_server_core::input::InputKind;
use pi_server_core::record::{RecordKind, decode_kind, encode_kind};
use pi_server_core::{Digest, Micros};
use serde_json::Value;

fn run(arguments: &[&str], dir: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pi-replay"));
    command.arg(arguments[0]).arg(dir).args(&arguments[1..]).output().unwrap()
}

fn verify(dir: &Path) -> (i32, Value) {
    let output = run(&["verify", "--json"], dir);
    let json = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output.status.code().unwrap(), json)
}

#[test]
fn a_journal_replays_bit_for_bit_and_is_not_touched() {
    let dir = tempfile::tempdir().unwrap();
    two_lives(dir.path());
    let before = tree(dir.path());
    let (code, json) = verify(dir.path());
    assert_eq!((code, &json["verdict"]), (0, &Value::from("identical")), "{json:#}");
    assert_eq!(json["boots"], 2);
    assert_eq!(json["frames"], 11, "{json:#}");
    assert_eq!(json["framesSkipped"], 0);
    assert_eq!((&json["bodiesErased"], &json["bodiesUnchecked"]), (&0.into(), &0.into()));
    assert_eq!((&json["divergence"], &json["damage"]), (&Value::Null, &Value::Null));
    assert_eq!((&json["tail"], &json["key"]), (&"clean".into(), &"read".into()));
    let text = run(&["verify"], &dir.path().join("journal"));
    assert!(String::from_utf8(text.stdout).unwrap().starts_with("identical: "));
    assert_eq!(tree(dir.path()), before, "reading writes nothing");
}
