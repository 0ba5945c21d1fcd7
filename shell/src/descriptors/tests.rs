use super::*;

#[test]
fn clients_never_get_what_the_daemon_and_its_agents_need() {
    for limit in 1..5_000 {
        for agents in [0, 1, 32, 1_000] {
            let Share { connections, strangers } = divide(limit, 1_000, agents);
            assert!(connections >= 1 && strangers >= 1);
            let taken = connections + 2 * strangers;
            if limit >= 64 {
                assert!(limit - taken >= OWN.min(limit * 3 / 4), "{limit} {agents}: {taken}");
            }
            if limit >= wanted(1_000, agents) {
                assert_eq!(connections, 1_000, "{limit} {agents}");
                assert!(limit - taken >= reserve(agents));
            }
        }
    }
}

#[test]
fn the_usual_limits_are_divided_as_the_documentation_says() {
    let share = |limit| divide(limit, 1_000, 32);
    assert_eq!(share(1_024), Share { connections: 618, strangers: 103 });
    assert_eq!(share(256), Share { connections: 96, strangers: 16 });
    assert_eq!(share(64), Share { connections: 8, strangers: 4 });
    assert_eq!(share(20_000), Share { connections: 1_000, strangers: 256 });
}
