use super::*;

const CONN: ConnId = ConnId(1);

fn session(name: &str) -> Text {
    name.into()
}

fn subscribed(after: Option<u64>, name: &str) -> Output {
    Output::Subscribe { conn: CONN, session: session(name), after: after.map(Seq) }
}

fn unsubscribed(name: &str) -> Output {
    Output::Unsubscribe { conn: CONN, session: session(name) }
}

/// Spans of one admitted connection, and what `lag` answers.
struct World {
    spans: Spans,
    lag: Option<u64>,
}

impl World {
    fn new() -> World {
        let mut world = World { spans: Spans::new(), lag: None };
        world.apply(1, &Output::Admit { conn: CONN });
        world
    }

    fn apply(&mut self, seq: u64, output: &Output) -> Option<u64> {
        let lag = self.lag.map(Seq);
        self.spans.apply(Seq(seq), output, |_| lag).map(|(_, from)| from.0)
    }

    fn wants(&self, name: &str, cursor: u64) -> bool {
        self.spans.wants(CONN, name, Seq(cursor))
    }
}

#[test]
fn a_subscription_without_a_cursor_begins_where_it_is_made() {
    let mut world = World::new();
    assert_eq!(world.apply(10, &subscribed(None, "a")), None);
    assert!(!world.wants("a", 10));
    assert!(world.wants("a", 11));
    assert!(!world.wants("b", 11));
}

#[test]
fn a_cursor_asks_for_what_came_after_it_and_for_nothing_twice() {
    let mut world = World::new();
    world.apply(10, &subscribed(None, "a"));
    assert_eq!(world.apply(50, &subscribed(Some(20), "b")), Some(20));
    assert!(!world.wants("b", 20));
    assert!(world.wants("b", 21));
    assert!(!world.wants("a", 21), "events of the other session were delivered already");
    assert!(world.wants("a", 51));
}

#[test]
fn a_cursor_of_the_future_is_no_cursor() {
    let mut world = World::new();
    assert_eq!(world.apply(10, &subscribed(Some(10), "a")), None);
    assert_eq!(world.apply(11, &subscribed(Some(99), "b")), None);
    assert!(world.wants("b", 12));
}

#[test]
fn a_second_cursor_during_catching_up_goes_back_without_repeating() {
    let mut world = World::new();
    world.apply(100, &subscribed(Some(20), "a"));
    world.spans.served(CONN, Seq(60));
    assert_eq!(world.apply(110, &subscribed(Some(30), "b")), Some(30));
    assert!(!world.wants("a", 60));
    assert!(world.wants("a", 61));
    assert!(world.wants("b", 31));
}

#[test]
fn what_was_missed_while_lagging_is_not_lost_by_a_new_subscription() {
    let mut world = World::new();
    world.apply(10, &subscribed(None, "a"));
    world.lag = Some(40);
    assert_eq!(world.apply(100, &subscribed(Some(90), "b")), Some(40));
    assert!(world.wants("a", 41));
    assert!(!world.wants("a", 40));
    assert!(!world.wants("b", 90));
    assert!(world.wants("b", 91));
}

#[test]
fn a_lagging_connection_gets_the_events_before_the_end_of_its_subscription() {
    let mut world = World::new();
    world.apply(10, &subscribed(None, "a"));
    world.lag = Some(20);
    world.apply(50, &unsubscribed("a"));
    assert!(world.wants("a", 50));
    assert!(!world.wants("a", 51));
    world.spans.caught_up(CONN);
    assert!(!world.wants("a", 50));
}

#[test]
fn a_connection_that_reads_along_keeps_nothing_of_an_ended_subscription() {
    let mut world = World::new();
    world.apply(10, &subscribed(None, "a"));
    world.apply(50, &unsubscribed("a"));
    assert!(!world.wants("a", 50));
    world.apply(60, &subscribed(None, "c"));
    world.apply(61, &Output::Unlist { session: session("c") });
    assert!(world.spans.readers[&CONN].sessions.is_empty());
}

#[test]
fn nothing_is_kept_of_a_connection_that_left() {
    let mut world = World::new();
    world.apply(10, &subscribed(Some(1), "a"));
    world.apply(11, &Output::Leave { conn: CONN });
    assert!(world.spans.readers.is_empty());
}
