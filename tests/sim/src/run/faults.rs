//! What goes wrong, and when.

use std::time::Duration;

use pi_server::world::Time as _;
use pi_server_core::AgentNo;
use pi_server_core::input::Transport;

use super::{Run, STRANGERS_MAX};
use crate::matrix::{Fault, Situation};
use crate::pipe::pipe;

impl Run {
    /// Perhaps something goes wrong now.
    pub(super) fn fault(&mut self) {
        if self.stall > 0 {
            self.stall -= 1;
            self.stage.borrow_mut().stalled = self.stall > 0;
        }
        self.hung = self.hung.saturating_sub(1);
        if self.entropy.once_in(40) {
            self.strangers.clear();
        }
        if self.is_full() && self.entropy.once_in(12) {
            self.disk.faults(|faults| faults.full = false);
            self.say(|| "the disk has room again".into());
        }
        if !self.entropy.once_in(self.taste.fault) {
            return;
        }
        let fault = Fault::ALL[self.entropy.weighted(&self.taste.weights)];
        let situations = self.situations();
        if self.daemon.is_none() || !self.happens(fault) {
            return;
        }
        self.say(|| {
            let names: Vec<_> = situations.iter().map(|situation| situation.name()).collect();
            format!("fault: {} while {}", fault.name(), names.join(" "))
        });
        self.matrix.hit(fault, &situations);
    }

    /// Lets it happen. Whether it did.
    fn happens(&mut self, fault: Fault) -> bool {
        match fault {
            Fault::Kill => self.crash(false),
            Fault::PowerCut => self.crash(true),
            Fault::TornKill | Fault::TornPower => {
                let fuel = self.entropy.below(12);
                self.disk.faults(|faults| faults.fuel = Some(fuel));
                self.armed = Some(fault);
            }
            Fault::SyncFails => self.disk.faults(|faults| faults.fail_sync = true),
            Fault::PutFails => self.disk.faults(|faults| faults.fail_put = true),
            Fault::BuildFails => self.disk.faults(|faults| faults.fail_build = true),
            Fault::NoDescriptors => self.disk.faults(|faults| faults.fail_open = true),
            Fault::Moved => self.disk.faults(|faults| faults.moved = true),
            Fault::LookUpsHang => self.hung = 1 + self.entropy.below(60),
            Fault::Strangers => self.strangers_come(),
            Fault::DiskFull => self.disk.faults(|faults| faults.full = true),
            // Tried at the next start.
            Fault::BitFlip => return false,
            Fault::Disconnect
            | Fault::HalfClose
            | Fault::SlowReader
            | Fault::Resend
            | Fault::Garbage => return self.client_fault(fault),
            Fault::AgentStalls => {
                self.stall = 1 + self.entropy.below(30);
                self.stage.borrow_mut().stalled = true;
            }
            Fault::AgentDies
            | Fault::AgentRepeats
            | Fault::AgentLies
            | Fault::AgentFloods
            | Fault::AgentBabbles => return self.agent_fault(fault),
            Fault::ClockForward | Fault::ClockBack => {
                // The largest lies before 1970.
                let seconds = *self.entropy.pick(&[1, 60, 43_200, 3_456_000, 4_000_000_000]);
                self.clocks.jump(Duration::from_secs(seconds), fault == Fault::ClockBack);
            }
            Fault::Suspend => {
                let seconds = *self.entropy.pick(&[2, 600, 30_000, 900_000]);
                self.clocks.sleep(Duration::from_secs(seconds));
            }
            Fault::Stop => {
                if let Some(daemon) = &mut self.daemon {
                    daemon.signal();
                    self.draining = true;
                }
            }
        }
        true
    }

    /// Connections that say nothing, and stay.
    fn strangers_come(&mut self) {
        let Some(daemon) = &mut self.daemon else { return };
        for _ in 0..=self.entropy.below(2 * STRANGERS_MAX) {
            let (ours, theirs) = pipe(self.taste.capacity, self.disk.switch());
            let transport = *self.entropy.pick(&[Transport::WebSocket, Transport::Unix]);
            // A stream that says nothing on a Unix socket is a client without a name, after a moment.
            if transport == Transport::WebSocket
                && daemon.connect(Box::new(theirs), transport).is_some()
            {
                self.strangers.push(ours);
            }
        }
    }

    fn client_fault(&mut self, fault: Fault) -> bool {
        let at = usize::try_from(self.entropy.below(self.clients.len() as u64)).unwrap_or(0);
        let Some(daemon) = &mut self.daemon else { return false };
        let client = &mut self.clients[at];
        match fault {
            Fault::Resend => return client.again(&mut self.entropy),
            Fault::Garbage => {
                client.garbage(&mut self.entropy);
                return client.line.is_some();
            }
            _ => {}
        }
        let Some(line) = &mut client.line else { return false };
        match fault {
            Fault::SlowReader => line.is_slow = !line.is_slow,
            Fault::HalfClose => {
                let rest = line.end.deliver(line.outgoing.drain(..));
                daemon.ready(line.link, rest);
                let ready = line.end.half_close();
                line.half_closed = true;
                daemon.ready(line.link, ready);
            }
            _ => {
                let ready = line.end.cut();
                daemon.ready(line.link, ready);
                self.disconnected(at);
            }
        }
        true
    }

    fn agent_fault(&mut self, fault: Fault) -> bool {
        if self.taste.demo {
            // It is the daemon's own, and does this when prompts say so.
            return false;
        }
        let now = self.clocks.now();
        let mut stage = self.stage.borrow_mut();
        let newest = stage.newest();
        let some = newest.map(|newest| AgentNo(1 + self.entropy.below(newest.0)));
        match (fault, some) {
            (Fault::AgentLies, _) => stage.lie(now),
            (Fault::AgentRepeats, _) => stage.repeat(now),
            (Fault::AgentBabbles, _) => stage.spontaneous(now),
            (Fault::AgentDies, Some(agent)) => stage.die(agent, now),
            (Fault::AgentFloods, Some(agent)) => {
                let count = 1 + self.entropy.below(60);
                stage.flood(agent, count, now)
            }
            _ => false,
        }
    }

    /// A crash is armed for the middle of a start.
    pub(super) fn arm_start(&mut self) {
        if self.peace || !self.entropy.once_in(6) {
            return;
        }
        let fault = *self.entropy.pick(&[Fault::TornKill, Fault::TornPower, Fault::SyncFails]);
        if fault == Fault::SyncFails {
            self.disk.faults(|faults| faults.fail_sync = true);
        } else {
            let fuel = self.entropy.below(10);
            self.disk.faults(|faults| faults.fuel = Some(fuel));
            self.armed = Some(fault);
        }
        self.say(|| format!("fault: {} while starting", fault.name()));
        self.matrix.hit(fault, &[Situation::Recovery]);
    }
}
