//! Where the evidence for each defect is, and a test that it is there.

use std::path::Path;

/// One defect of the peer.
struct Defect {
    /// Its number in the catalogue.
    number: u8,
    /// Tests: a name alone is in this folder, `FILE::NAME` is elsewhere in the repository, and
    /// `FILE` alone is a script of the notation.
    tests: &'static [&'static str],
    /// What a test does not show, or why there is none.
    note: &'static str,
}

const fn shown(number: u8, tests: &'static [&'static str]) -> Defect {
    Defect { number, tests, note: "" }
}

const fn partly(number: u8, tests: &'static [&'static str], note: &'static str) -> Defect {
    Defect { number, tests, note }
}

const fn untested(number: u8, note: &'static str) -> Defect {
    Defect { number, tests: &[], note }
}

const TABLE: [Defect; 87] = [
    // Severe.
    shown(
        1,
        &[
            "w01_a_running_prompt_can_be_watched_read_steered_and_aborted",
            "w01_a_session_can_be_deleted_while_its_prompt_runs",
            "tests/tests/e2e/turns.rs::a_dialog_is_answered_while_its_turn_runs",
        ],
    ),
    shown(2, &["w02_a_chain_of_dependencies_in_one_lane_sent_in_one_burst_runs_in_order"]),
    shown(3, &["w03_a_null_behind_a_hundred_pending_commands_kills_nobody"]),
    shown(
        4,
        &[
            "w04_time_in_the_queue_is_not_counted_and_what_timed_out_waiting_never_runs",
            "core/tests/scripts/05-timeouts.txt",
        ],
    ),
    shown(5, &["w05_an_agent_that_ignores_its_abort_delays_no_answer_and_blocks_no_lane"]),
    shown(
        6,
        &[
            "w06_a_second_creation_leaves_the_living_session_alone",
            "core/tests/scripts/18-duplicate-create.txt",
        ],
    ),
    shown(
        7,
        &[
            "w07_a_refusal_never_takes_the_place_of_an_outcome_not_even_over_a_crash",
            "core/tests/scripts/14-rate.txt",
        ],
    ),
    shown(
        8,
        &[
            "w08_circuits_count_errors_of_the_provider_and_nothing_else",
            "core/tests/scripts/16-circuits.txt",
        ],
    ),
    untested(
        9,
        "packaging, which no client meets: every test of this folder starts the program that \
         cargo built from a checkout, and .ci/run builds the release; there are no other packages",
    ),
    untested(
        10,
        "a property of the peer's test runner: cargo's counts what it ran and fails when a test \
         binary ends early",
    ),
    // Ordering, identity, replay.
    shown(11, &["w11_a_command_finishes_before_the_next_of_its_lane_starts"]),
    shown(12, &["w12_a_replay_is_one_response_and_repeats_no_effect"]),
    partly(
        13,
        &[
            "w13_a_named_client_cannot_fetch_the_answer_of_another",
            "tests/tests/e2e/identity.rs::two_clients_that_both_count_from_one_do_not_collide",
        ],
        "clients without a name share one namespace, as protocol 1.0 has it",
    ),
    shown(14, &["w14_a_conflict_says_what_differs"]),
    shown(
        15,
        &[
            "w15_an_id_that_is_not_stored_any_more_has_its_answer_and_does_not_run_again",
            "core/tests/scripts/45-parked-ids.txt",
        ],
    ),
    shown(16, &["w16_outcomes_are_forgotten_in_the_order_in_which_commands_ended"]),
    partly(
        17,
        &["w17_an_id_that_was_answered_through_a_key_is_not_taken"],
        "the id is as free as with the peer, but that is the rule and stands in the protocol",
    ),
    shown(
        18,
        &["w18_commands_without_id_and_keys_are_counted", "core/tests/scripts/13-limits.txt"],
    ),
    shown(19, &["w19_no_choice_of_names_lets_two_scopes_meet"]),
    shown(
        20,
        &[
            "w20_a_command_is_the_same_whatever_the_order_of_its_keys_and_deep_input_is_refused",
            "core/src/wire/canonical/tests.rs::spelling_and_order_of_keys_do_not_count",
        ],
    ),
    shown(21, &["w21_commands_cannot_wait_for_each_other_in_a_circle"]),
    shown(22, &["w22_a_dependency_timeout_names_the_command_and_the_time"]),
    shown(23, &["w23_a_stray_session_on_a_server_command_changes_nothing"]),
    partly(
        24,
        &[
            "w24_a_version_counts_successes_and_survives_a_restart",
            "core/tests/scripts/17-versions.txt",
        ],
        "a version counts successful commands; what the agent changes by itself shows in events",
    ),
    shown(25, &["w25_a_subscription_can_be_guarded_by_a_version_and_ended"]),
    shown(26, &["w26_a_timeout_stops_its_own_command_and_not_what_the_session_is_at"]),
    shown(27, &["w27_only_timeouts_are_called_timeouts"]),
    shown(28, &["w28_requests_that_wait_for_another_are_bounded_and_all_answered"]),
    // Durability.
    shown(
        29,
        &[
            "w29_a_torn_tail_is_set_aside_and_eats_nothing_that_comes_after_it",
            "core/src/record/tests.rs::\
             every_place_where_writing_stopped_is_a_torn_tail_and_keeps_what_was_durable",
        ],
    ),
    shown(
        30,
        &[
            "w30_what_was_accepted_is_on_disk_soon_without_being_asked_for",
            "shell/src/journal/tests.rs::in_power_outputs_wait_for_the_sync",
            "shell/src/journal/tests/crash.rs::\
             nothing_promised_is_lost_without_a_word_and_nothing_torn_is_refused",
        ],
    ),
    shown(31, &["w31_inputs_that_come_together_share_a_turn_and_its_commit"]),
    shown(
        32,
        &[
            "w32_a_flipped_bit_in_what_was_accepted_is_refused_by_name",
            "core/src/record/tests.rs::a_flipped_bit_in_a_durable_record_is_always_refused",
        ],
    ),
    shown(
        33,
        &[
            "w33_an_answer_is_not_written_again_when_it_is_replayed",
            "tests/tests/e2e/privacy.rs::planted_secrets_are_nowhere_under_the_data_directory",
            "tests/tests/e2e/retention.rs::\
             old_segments_go_and_stored_answers_verification_and_gaps_stay",
        ],
    ),
    shown(
        34,
        &[
            "w34_lane_sequences_go_on_after_a_restart",
            "tests/tests/e2e/retention.rs::\
             old_segments_go_and_stored_answers_verification_and_gaps_stay",
        ],
    ),
    shown(
        35,
        &["shell/src/daemon/keeper/tests/large.rs::\
             a_start_feeds_what_follows_the_newest_snapshot_and_no_more"],
    ),
    shown(
        36,
        &[
            "w36_the_whole_history_can_be_walked_page_by_page",
            "shell/src/daemon/history/tests.rs::pages_follow_each_other_without_gap_or_overlap",
        ],
    ),
    shown(37, &["w37_the_lock_is_held_by_the_living_and_gone_with_the_dead"]),
    shown(
        38,
        &[
            "w38_a_full_disk_refuses_new_work_before_it_is_taken_and_passes_by_itself",
            "core/tests/scripts/20-storage-full.txt",
            "shell/src/journal/tests.rs::\
             a_spare_that_cannot_be_built_closes_the_journal_for_new_work_until_it_can",
            "shell/src/journal/tests.rs::a_failed_sync_is_the_last_thing_that_happens",
        ],
    ),
    shown(39, &["w39_keys_versions_and_sessions_are_recovered_and_what_had_no_effect_runs"]),
    shown(40, &["w40_the_history_answers_right_after_a_crash"]),
    shown(41, &["tests/tests/malformed.rs::every_malformed_frame_is_in_the_journal"]),
    shown(42, &["w42_nothing_of_a_stopped_daemon_keeps_the_next_one_out"]),
    shown(43, &["w43_a_session_is_listed_as_it_is_and_not_as_a_file_remembers_it"]),
    shown(
        44,
        &[
            "core/src/record/tests.rs::a_newer_format_is_told_apart_from_damage",
            "tests/tests/e2e/formats.rs::a_journal_of_an_older_format_is_gone_on_with",
            "tests/tests/e2e/formats.rs::\
             migrate_writes_the_same_journal_in_the_current_format",
        ],
    ),
    // Resources.
    shown(
        45,
        &[
            "w45_a_frame_that_is_too_large_is_noticed_while_it_is_read",
            "shell/src/net/lines/tests.rs::a_line_that_is_too_large_is_counted_but_not_kept",
        ],
    ),
    shown(46, &["w46_stored_outcomes_do_not_live_in_memory"]),
    untested(
        47,
        "a matter of speed, and so of core/benches/step.rs, which steps with all stores full",
    ),
    shown(48, &["w48_a_connection_hears_of_the_commands_that_it_cares_about"]),
    shown(
        49,
        &[
            "w49_streaming_costs_what_is_new_and_not_all_that_was_said",
            "tests/tests/e2e/many.rs::\
             a_client_that_does_not_read_costs_little_and_gets_every_event_in_the_end",
        ],
    ),
    shown(50, &["w50_sessions_that_do_not_exist_and_odd_names_have_no_say_in_other_buckets"]),
    shown(51, &["w51_deleting_a_session_fills_no_bucket"]),
    partly(
        52,
        &["w52_a_client_that_floods_does_not_shut_the_others_out"],
        "five connections that flood together can empty the common bucket",
    ),
    shown(53, &["w53_creations_do_not_wait_for_each_other"]),
    shown(
        54,
        &[
            "w54_a_listing_of_many_files_holds_up_neither_its_lane_nor_the_daemon",
            "shell/src/daemon/query/tests.rs::\
             stored_sessions_come_newest_first_and_a_changed_file_is_read_again",
        ],
    ),
    shown(55, &["w55_nothing_ever_happens_to_an_idle_session_by_itself"]),
    shown(56, &["w56_idle_is_not_ill"]),
    shown(
        57,
        &[
            "w57_a_stop_ends_stalled_work_in_time_and_says_so_before_it_closes",
            "tests/tests/e2e/operator.rs::a_signal_lets_what_is_in_flight_end",
        ],
    ),
    shown(58, &["w58_a_probe_that_says_nothing_gives_its_place_back"]),
    shown(
        59,
        &["shell/src/net/tests/slow.rs::a_client_that_leaves_answers_unread_is_not_read_from"],
    ),
    shown(
        60,
        &["shell/src/net/tests.rs::a_client_that_answers_pings_stays_and_one_that_does_not_goes"],
    ),
    shown(
        61,
        &[
            "w61_frames_that_are_sent_before_the_greeting_are_handled_in_order",
            "shell/src/net/tests.rs::frames_right_behind_the_request_are_not_lost",
        ],
    ),
    untested(
        62,
        "`get_tree` is passed on whole, which is how it is never cut without a word; \
         `get_messages` is not paged yet",
    ),
    // Security.
    shown(
        63,
        &[
            "w63_the_door_is_closed_to_web_pages_other_hosts_and_whoever_has_no_token",
            "w63_only_this_machine_is_listened_to_unless_there_is_a_token",
        ],
    ),
    untested(64, "the same on purpose: one level of trust, PROTOCOL.md section 14.3"),
    untested(65, "the same on purpose: agents run as the daemon's user, PROTOCOL.md section 14.3"),
    shown(66, &["shell/src/agent/pi/tests/session.rs::credentials_in_models_are_left_out"]),
    shown(67, &["w67_a_token_is_taken_whole_and_in_its_place_or_not_at_all"]),
    untested(
        68,
        "the ids of dialogs are the agent's, and any connection may answer on purpose: who was \
         let in is trusted, PROTOCOL.md section 14.3",
    ),
    shown(
        69,
        &[
            "w69_a_path_is_judged_by_what_it_leads_to",
            "shell/src/daemon/query/tests.rs::\
             the_path_rules_are_applied_in_order_with_links_resolved",
        ],
    ),
    // Rough edges.
    shown(70, &["w70_every_thinking_level_that_a_session_may_show_can_be_set"]),
    shown(71, &["w71_a_dialog_of_a_session_with_an_odd_or_long_name_can_be_answered"]),
    shown(72, &["w72_fields_that_make_no_sense_never_reach_an_agent"]),
    shown(
        73,
        &["tests/tests/malformed.rs::every_malformed_frame_gets_its_answer_on_every_transport"],
    ),
    shown(74, &["w74_a_shell_command_that_was_killed_has_no_exit_code"]),
    shown(75, &["w75_everybody_hears_of_a_session_that_is_loaded_and_of_one_that_is_deleted"]),
    untested(
        76,
        "the same on purpose: the session goes on under its id, and SessionInfo shows the file",
    ),
    shown(77, &["w77_a_file_has_one_writer", "core/tests/scripts/18-duplicate-create.txt"]),
    untested(78, "not better yet: operations that protocol 1.0 lacks are not offered"),
    shown(79, &["w79_every_failure_has_a_code_that_the_protocol_lists"]),
    shown(
        80,
        &[
            "w80_a_client_chooses_how_long_it_waits_and_can_take_a_command_back",
            "core/tests/scripts/12-cancel.txt",
        ],
    ),
    shown(81, &["w81_every_bound_and_every_choice_is_on_the_command_line"]),
    partly(
        82,
        &[
            "w82_nothing_but_protocol_is_on_standard_output_whatever_an_agent_prints",
            "tests/tests/determinism/main.rs::\
             the_same_inputs_give_the_same_outputs_in_every_environment",
        ],
        "of its own list, order across lanes is not promised here either, but by dependencies",
    ),
    untested(83, "dead code: the compiler's lints refuse it, and .ci/run makes them errors"),
    shown(84, &["w84_a_daemon_with_an_open_circuit_does_not_call_itself_healthy"]),
    untested(85, "a property of the peer's test scripts: here `cargo test` runs everything"),
    untested(86, "a property of the peer's tests: random tests here print the seed they ran with"),
    shown(
        87,
        &[
            "w02_a_chain_of_dependencies_in_one_lane_sent_in_one_burst_runs_in_order",
            "tests/tests/e2e/dependencies.rs::\
             an_earlier_command_of_the_same_lane_is_a_fine_dependency",
        ],
    ),
];

/// The tests of this folder.
const HERE: [&str; 7] = [
    include_str!("severe.rs"),
    include_str!("ordering_identity.rs"),
    include_str!("durability.rs"),
    include_str!("full_disk.rs"),
    include_str!("resources.rs"),
    include_str!("security.rs"),
    include_str!("rough_edges.rs"),
];

#[test]
fn every_defect_stands_in_the_table_once_and_says_something() {
    let numbers: Vec<u8> = TABLE.iter().map(|defect| defect.number).collect();
    assert_eq!(numbers, (1..=87).collect::<Vec<u8>>());
    for Defect { number, tests, note } in &TABLE {
        assert!(!tests.is_empty() || !note.is_empty(), "W{number} has neither a test nor a reason");
    }
}

#[test]
fn every_test_that_the_table_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut missing = Vec::new();
    for Defect { number, tests, .. } in &TABLE {
        for test in *tests {
            let exists = match test.split_once("::") {
                Some((file, name)) => {
                    let text = std::fs::read_to_string(root.join(file)).unwrap_or_default();
                    is_test(&text, name)
                }
                None if Path::new(test).extension().is_some() => root.join(test).is_file(),
                None => HERE.iter().any(|text| is_test(text, test)),
            };
            if !exists {
                missing.push(format!("W{number}: {test}"));
            }
        }
    }
    assert!(missing.is_empty(), "no such tests:\n{}", missing.join("\n"));
}

#[test]
fn every_test_of_this_folder_stands_in_the_table_under_its_number() {
    let names = HERE
        .iter()
        .flat_map(|text| text.lines())
        .filter_map(|line| line.strip_prefix("fn ").and_then(|rest| rest.strip_suffix("() {")));
    for name in names {
        let number: u8 = name
            .strip_prefix('w')
            .and_then(|rest| rest.split('_').next())
            .and_then(|digits| digits.parse().ok())
            .unwrap_or_else(|| panic!("{name} does not begin with the number of a defect"));
        let listed = TABLE.iter().any(|row| row.number == number && row.tests.contains(&name));
        assert!(listed, "{name} is not in the row of W{number}");
    }
}

/// Whether a text has a test of that name.
fn is_test(text: &str, name: &str) -> bool {
    text.contains(&format!("#[test]\nfn {name}() {{"))
}
