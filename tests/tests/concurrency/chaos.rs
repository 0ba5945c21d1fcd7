//! What happens to the daemon while its clients talk.

use pi_server_tests::Daemon;

use crate::actor::Shared;

/// Plans for one round, in frames that all clients together have sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Chaos {
    /// The process is stopped and goes on again, so often, after so many frames each time.
    Pauses { pauses: u64, every: u64 },
    /// It is killed when so many frames have been sent.
    Kill { after: u64 },
}

impl Chaos {
    /// Plays it out. Returns early if the clients are done before.
    pub(crate) fn play(self, daemon: &mut Daemon, shared: &Shared) {
        match self {
            Chaos::Pauses { pauses, every } => {
                for _ in 0..pauses {
                    if !shared.wait_until(shared.sent() + every) {
                        return;
                    }
                    daemon.signal("STOP");
                    // Frames pile up in its sockets, until everybody waits for an answer.
                    shared.wait_a_moment(shared.sent() + every);
                    daemon.signal("CONT");
                }
            }
            Chaos::Kill { after } => {
                shared.wait_until(after);
                daemon.kill9();
            }
        }
    }
}
