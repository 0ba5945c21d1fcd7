//! What pi does to those who drive it, each seen with the real program, and the tests that show that
//! the daemon does not pass it on to a client. They run with every version of pi that is installed
//! (`.ci/run`, "the real agent"); where pi cannot be made to show it, a small program stands in.

use std::path::Path;

struct Pitfall {
    what: &'static str,
    tests: &'static [&'static str],
}

/// All of them, by number from 1.
const TABLE: [Pitfall; 14] = [
    Pitfall {
        what: "of two prompts close together the second is dropped; an abort there stops nothing",
        tests: &[
            "tests/tests/e2e/real_pi.rs::a_burst_behind_a_prompt_loses_nothing",
            "tests/tests/e2e/real_pi.rs::an_abort_right_behind_a_prompt_stops_it",
        ],
    },
    Pitfall {
        what: "the line null ends pi",
        tests: &["tests/tests/e2e/real_pitfalls.rs::pitfall_02_null_ends_nobody"],
    },
    Pitfall {
        what: "agent_end is not the end",
        tests: &[
            "tests/tests/e2e/real_pitfalls.rs::pitfall_03_the_answer_comes_after_the_last_try_and_nothing_after_it",
            "shell/src/agent/pi/tests/session.rs::the_old_dialect_is_made_to_say_that_it_tries_again",
        ],
    },
    Pitfall {
        what: "a prompt during a compaction is lost (0.73)",
        tests: &[
            "tests/tests/e2e/real_pitfalls.rs::pitfall_04_a_prompt_behind_a_compaction_is_not_lost",
        ],
    },
    Pitfall {
        what: "a run is ended without agent_end by compact, new_session, switch_session (0.73)",
        tests: &[
            "tests/tests/e2e/real_pitfalls.rs::pitfall_05_a_new_session_waits_for_the_run",
            "shell/src/agent/pi/tests/session.rs::a_run_that_the_old_dialect_leaves_open_is_ended",
        ],
    },
    Pitfall {
        what: "abort leaves the queue alone (0.73 cannot clear it; PROTOCOL.md 5.5 says so)",
        tests: &[
            "shell/src/agent/pi/tests/real.rs::an_abort_ends_the_run_and_what_was_queued",
            "shell/src/agent/pi/tests/session.rs::an_abort_empties_the_queue_and_dismisses_dialogs_old_and_new",
        ],
    },
    Pitfall {
        what: "abort waits for an open dialog",
        tests: &[
            "tests/tests/e2e/real_pitfalls.rs::pitfall_07_an_abort_ends_a_run_that_asks",
            "shell/src/agent/pi/tests/real.rs::an_abort_dismisses_the_dialog_that_would_keep_the_run_from_ending",
        ],
    },
    Pitfall {
        what: "a file that is no session is overwritten (0.73); one that is missing is begun",
        tests: &[
            "tests/tests/e2e/real_pitfalls.rs::pitfall_08_a_file_that_is_no_session_is_refused_and_stays",
            "shell/src/agent/pi/tests/real.rs::a_file_that_is_no_session_is_not_touched",
        ],
    },
    Pitfall {
        what: "nothing is on disk before the first answer",
        tests: &[
            "tests/tests/e2e/real_pitfalls.rs::pitfall_09_a_session_without_a_file_outlives_its_agent",
            "tests/tests/e2e/real_pi.rs::a_session_is_the_same_after_its_idle_agent_was_ended",
        ],
    },
    Pitfall {
        what: "output grows with the square of the answer (before 0.84)",
        tests: &["tests/tests/e2e/real_pitfalls.rs::pitfall_10_updates_carry_the_new_part_only"],
    },
    Pitfall {
        what: "setters write the settings of all sessions",
        tests: &[
            "tests/tests/e2e/real_pitfalls.rs::pitfall_11_settings_stay_with_their_session",
            "shell/src/agent/pi/tests/supervision.rs::the_users_settings_arrive_and_the_sessions_own_stay",
        ],
    },
    Pitfall {
        what: "get_tree nests one level an entry",
        tests: &["tests/tests/e2e/real_pitfalls.rs::pitfall_12_a_deep_tree_is_flat"],
    },
    Pitfall {
        what: "a pi that is killed leaves the commands that it runs",
        tests: &[
            "tests/tests/e2e/real_pi.rs::a_daemon_that_is_killed_leaves_no_agents_and_its_sessions_go_on",
            "shell/src/agent/pi/tests/real.rs::a_pi_that_is_killed_is_reported_and_its_session_goes_on",
            "shell/src/agent/pi/tests/supervision.rs::leftovers_with_the_mark_are_cleared_away",
        ],
    },
    Pitfall {
        what: "ids are echoed, not checked",
        tests: &["tests/tests/e2e/real_pitfalls.rs::pitfall_14_ids_of_clients_do_not_meet"],
    },
];

#[test]
fn every_pitfall_has_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (index, Pitfall { what, tests }) in TABLE.iter().enumerate() {
        let number = index + 1;
        assert!(!tests.is_empty(), "pitfall {number}, {what}: no test");
        for test in *tests {
            let (file, name) = test.split_once("::").expect("a file and a name");
            let text = std::fs::read_to_string(root.join(file)).unwrap_or_default();
            let exists = text.contains(&format!("#[test]\nfn {name}() {{"));
            assert!(exists, "pitfall {number}, {what}: no such test: {test}");
        }
    }
}
