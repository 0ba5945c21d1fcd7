use clap::CommandFactory as _;

use super::*;

#[test]
fn the_command_line_is_sound_and_teaches() {
    Cli::command().debug_assert();
    let mut command = Cli::command();
    let help = command.render_long_help().to_string();
    for status in 0..=8 {
        assert!(help.contains(&format!("\n  {status}  ")), "status {status} is not in the help");
    }
    let mut serve = command.find_subcommand("serve").expect("serve").clone();
    assert!(serve.render_long_help().to_string().contains("Examples:"));
}

#[test]
fn no_two_statuses_share_a_number() {
    let all = [
        Status::Ok,
        Status::Failed,
        Status::Usage,
        Status::JournalDamaged,
        Status::JournalLocked,
        Status::CannotConnect,
        Status::NotWritable,
        Status::DiskFull,
        Status::StorageFailed,
    ];
    for (code, status) in (0_u8..).zip(all) {
        assert_eq!(status.code(), code);
    }
}

#[test]
fn a_relative_data_directory_becomes_absolute() {
    let dir = DataDir { data_dir: Some("somewhere".into()) };
    assert!(dir.resolve().expect("resolved").is_absolute());
}
