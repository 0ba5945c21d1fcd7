//! Many real clients over real sockets, in random bursts, against the real daemon. Then the journal
//! is held against the invariants and the reference model, and what each connection received against
//! the journal.
//!
//! `PI_SERVER_TEST_SEED=n` repeats the choices of a run (the interleaving is the machine's);
//! `PI_SERVER_TEST_ROUNDS=n` makes it longer, `PI_SERVER_TEST_KEEP=DIR` keeps the journal.

mod actor;
mod chaos;
mod check;
mod random;
mod slo;

use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use pi_server_tests::journal::segments;
use pi_server_tests::{Daemon, Setup};

use self::actor::{Actor, Shared};
use self::chaos::Chaos;
use self::check::Received;
use self::random::Random;

/// Clients at a time.
const ACTORS: u64 = 6;
/// Rounds of a run, unless more are asked for.
const ROUNDS: u64 = 4;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

fn seed() -> u64 {
    let seed = number("PI_SERVER_TEST_SEED").unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after the epoch");
        u64::from(now.subsec_nanos())
    });
    eprintln!("PI_SERVER_TEST_SEED={seed}");
    seed
}

fn busy_daemon() -> Daemon {
    // Small enough that outcomes are forgotten, lanes fill up and circuits open.
    Setup::new()
        .limit("outcomes_max", 60)
        .limit("lane_waiting_max", 12)
        .limit("bash_failures", 3)
        .limit("sessions_max", 8)
        .limit("drain_timeout_ms", 10_000)
        .arg("--segment-bytes")
        .arg("65536")
        .start()
}

/// Bursts of all actors while `chaos` plays with the daemon. Ends when all connections have.
fn round(
    daemon: &mut Daemon,
    actors: &mut [Actor],
    shared: &Arc<Shared>,
    chaos: Chaos,
) -> Vec<Received> {
    let (url, socket) = (daemon.url(), daemon.socket());
    shared.begin(ACTORS);
    std::thread::scope(|scope| {
        let bursts: Vec<_> = actors
            .iter_mut()
            .map(|actor| {
                let (url, socket) = (&url, &socket);
                scope.spawn(move || actor.bursts(url, socket))
            })
            .collect();
        chaos.play(daemon, shared);
        bursts
            .into_iter()
            .flat_map(|burst| burst.join().expect("a client that plays by the rules"))
            .collect()
    })
}

/// Keeps the journal of a run, as a fixture is kept: without the token, the socket and the lock.
fn keep(dir: &Path, out: &Path) {
    std::fs::create_dir_all(out.join("journal")).expect("a new folder");
    for (_, path) in segments(dir) {
        let name = path.file_name().expect("a name");
        std::fs::copy(&path, out.join("journal").join(name)).expect("copied");
    }
    for name in ["HEAD", "journal.key"] {
        std::fs::copy(dir.join(name), out.join(name)).expect("copied");
    }
}

fn run(kill: bool) {
    let seed = seed();
    let mut random = Random::new(seed);
    let mut daemon = busy_daemon();
    let shared = Arc::new(Shared::new());
    let mut actors: Vec<Actor> =
        (0..ACTORS).map(|number| Actor::new(number, random.fork(), shared.clone())).collect();
    actor::prepare(&daemon);
    let rounds = number("PI_SERVER_TEST_ROUNDS").unwrap_or(ROUNDS);
    let mut received = Vec::new();
    for number in 0..rounds {
        let chaos = if kill && number % 2 == 1 {
            Chaos::Kill { after: shared.sent() + 20 + random.below(200) }
        } else {
            Chaos::Pauses { pauses: random.below(4), every: 10 + random.below(60) }
        };
        received.extend(round(&mut daemon, &mut actors, &shared, chaos));
        if matches!(chaos, Chaos::Kill { .. }) {
            daemon.restart();
        } else if number % 4 == 2 {
            assert!(daemon.stop().success());
            daemon.restart();
        }
    }
    // A drain ends all that is under way, so that no event comes between two actors.
    assert!(daemon.stop().success());
    daemon.restart();
    for actor in &mut actors {
        received.push(actor.catch_up(&daemon));
    }
    assert!(daemon.stop().success());
    daemon.verify();
    if let Some(out) = std::env::var_os("PI_SERVER_TEST_KEEP") {
        keep(daemon.dir(), Path::new(&out));
    }
    let counts = check::everything(daemon.dir(), &received, &actors);
    eprintln!("{counts}");
    counts.hold();
}

#[test]
fn the_journal_and_the_model_agree_with_what_many_clients_saw() {
    run(false);
}

#[test]
fn they_agree_across_kills() {
    run(true);
}
