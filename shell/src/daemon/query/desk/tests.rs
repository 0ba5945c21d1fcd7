use std::sync::{Condvar, Mutex};

use pi_server_core::Seq;

use super::*;

/// Looks that hang until they are let go.
#[derive(Default)]
struct Clerk {
    is_open: Mutex<bool>,
    changed: Condvar,
}

impl LookUp for Arc<Clerk> {
    /// Whether it hangs.
    type Job = bool;

    fn look_up(&self, hangs: bool) -> (Answer, Vec<u8>) {
        let mut is_open = self.is_open.lock().expect("no panic");
        while hangs && !*is_open {
            is_open = self.changed.wait(is_open).expect("no panic");
        }
        (Answer::Data, Vec::new())
    }
}

struct World {
    clerk: Arc<Clerk>,
    desk: Desk<Arc<Clerk>>,
    woken: Receiver<()>,
    now: Instant,
    last: u64,
}

impl World {
    fn new() -> World {
        let clerk = Arc::new(Clerk::default());
        let (waker, woken) = mpsc::channel();
        let wake = move || {
            let _ = waker.send(());
        };
        let desk = Desk::new(clerk.clone(), Some(Arc::new(wake)));
        World { clerk, desk, woken, now: Instant::now(), last: 0 }
    }

    fn ask(&mut self, subject: Subject, hangs: bool) -> CommandNo {
        self.last += 1;
        let query = CommandNo(Seq(self.last).0);
        self.desk.ask(query, subject, hangs, self.now);
        query
    }

    /// Waits until so many answers are there.
    fn answers(&mut self, count: usize) -> Vec<(CommandNo, bool)> {
        let mut found = Vec::new();
        loop {
            let good = |answer: &Answer| !matches!(answer, Answer::Failed(_));
            found.extend(self.desk.drain().into_iter().map(|(query, it, _)| (query, good(&it))));
            if found.len() >= count {
                return found;
            }
            self.woken.recv_timeout(Duration::from_secs(20)).expect("an answer comes");
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.desk.tick(self.now);
    }
}

fn path(name: &str) -> Subject {
    Subject::Path(name.to_owned())
}

#[test]
fn a_look_up_that_hangs_ends_with_an_error_and_keeps_nobody_waiting() {
    let mut world = World::new();
    let hung: Vec<_> = (0..20).map(|_| world.ask(path("/dead"), true)).collect();
    let (stored, history) = (world.ask(Subject::Stored, true), world.ask(Subject::History, true));
    // Others are looked up meanwhile, also of the same kind.
    for subject in [path("/alive"), Subject::History] {
        let query = world.ask(subject, false);
        assert_eq!(world.answers(1), [(query, true)]);
    }
    let nearly = LOOK_UP_WITHIN / 2;
    world.pass(nearly);
    assert!(!world.desk.has_backlog());
    world.pass(LOOK_UP_WITHIN.saturating_sub(nearly));
    let mut expected: Vec<_> = hung.into_iter().chain([stored, history]).collect();
    expected.sort();
    let ended = world.answers(22);
    assert_eq!(ended, expected.into_iter().map(|query| (query, false)).collect::<Vec<_>>());
    assert_eq!(world.desk.deadline(), None);
    // As long as it hangs, nobody waits for the same thing again.
    let again = world.ask(path("/dead"), true);
    assert_eq!(world.answers(1), [(again, false)]);
    // It returns after all: that is no second answer, and the thing can be looked at again.
    *world.clerk.is_open.lock().expect("no panic") = true;
    world.clerk.changed.notify_all();
    while !world.desk.stuck.is_empty() {
        world.woken.recv_timeout(Duration::from_secs(20)).expect("they return");
        assert!(world.desk.drain().is_empty());
    }
    let query = world.ask(path("/dead"), true);
    assert_eq!(world.answers(1), [(query, true)]);
}

#[test]
fn threads_that_hang_are_bounded() {
    let mut world = World::new();
    for round in 0..20 {
        for number in 0..RUNNING_MAX {
            world.ask(path(&format!("/dead/{round}/{number}")), true);
        }
        world.pass(LOOK_UP_WITHIN);
        assert_eq!(world.answers(RUNNING_MAX).len(), RUNNING_MAX);
    }
    assert_eq!(world.desk.stuck.len(), STUCK_MAX);
    *world.clerk.is_open.lock().expect("no panic") = true;
    world.clerk.changed.notify_all();
}

#[test]
fn without_threads_a_look_up_happens_when_it_is_stepped_or_is_given_up() {
    let mut desk = Desk::new(Arc::new(Clerk::default()), None);
    let now = Instant::now();
    desk.ask(CommandNo(1), path("/a"), false, now);
    desk.ask(CommandNo(2), path("/b"), false, now);
    assert!(desk.drain().is_empty());
    assert!(desk.step());
    assert_eq!(desk.drain().len(), 1);
    desk.tick(now + LOOK_UP_WITHIN);
    let answers = desk.drain();
    assert!(matches!(&answers[..], [(CommandNo(2), Answer::Failed(_), _)]), "{answers:?}");
    assert!(!desk.step(), "nothing is left");
}
