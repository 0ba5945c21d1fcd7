//! Clients that read slowly or not at all, and many of them.

#![allow(clippy::cast_possible_truncation, reason = "the numbers of a test are small")]

use pi_server_core::Seq;

use super::world::{Client, World};
use super::{frame, world};
use crate::net::*;

#[test]
fn a_client_that_leaves_answers_unread_is_not_read_from() {
    let mut world = world();
    let (link, mut client) = world.unix();
    let answer = "x".repeat(10_000);
    let mut answered = 0;
    let mut answer_all = |world: &mut World| {
        for what in std::mem::take(&mut world.happened) {
            assert_eq!(what, frame(link, "question"));
            world.net.send(link, Seq(1), answer.as_bytes());
            answered += 1;
        }
        answered
    };
    client.write("question\n".repeat(2_000).as_bytes());
    world.until(|world| (answer_all(world) >= 100).then_some(()));
    // The answers to what came in one read are queued; what comes later stays in the socket.
    for _ in 0..100 {
        world.turn();
        answer_all(&mut world);
    }
    let queued = answer_all(&mut world);
    assert!(queued < 1_000, "{queued} answers of 10 kB are queued");
    for _ in 0..10 {
        world.turn();
        assert_eq!(answer_all(&mut world), queued);
    }
    let mut received = 0;
    world.until(|world| {
        received += client.frame().map_or(0, |frame| {
            assert_eq!(frame.len(), answer.len());
            1
        });
        answer_all(world);
        (received == 2_000).then_some(())
    });
}

#[test]
fn a_slow_reader_costs_bounded_memory_and_is_told_exactly_what_it_missed() {
    let log_bytes_max = 1 << 20;
    let mut world = World::new(Config { log_bytes_max, ..Config::default() });
    let (_, mut slow) = world.web();
    let (_, mut fast) = world.web();
    let text = "x".repeat(1_000);
    let total = 40_000_u64;
    let mut heard_by_fast = 0;
    for seq in 1..=total {
        world.net.broadcast(Seq(seq), format!("{seq} {text}").as_bytes());
        if seq % 100 == 0 {
            world.turn();
            while let Some(frame) = fast.frame() {
                heard_by_fast += 1;
                assert!(frame.starts_with(&format!("{heard_by_fast} ")), "{frame}");
            }
            assert!(world.net.kept_bytes() < 2 * log_bytes_max as usize);
        }
    }
    world.until(|_| {
        while fast.frame().is_some() {
            heard_by_fast += 1;
        }
        (heard_by_fast == total).then_some(())
    });
    let mut next = 1;
    let mut gaps = 0;
    world.until(|_| {
        while let Some(frame) = slow.frame() {
            if let Some(gap) =
                frame.strip_prefix(r#"{"type":"gap","data":{"kind":"lifecycle","missed":"#)
            {
                let numbers: Vec<u64> = gap
                    .split(|char: char| !char.is_ascii_digit())
                    .filter_map(|number| number.parse().ok())
                    .collect();
                assert_eq!(numbers[1..], [next, next + numbers[0] - 1], "{frame}");
                next += numbers[0];
                gaps += 1;
            } else {
                assert!(frame.starts_with(&format!("{next} ")), "{next}: {frame}");
                next += 1;
            }
        }
        (next == total + 1).then_some(())
    });
    assert!(gaps >= 1, "the sockets cannot hold 40 MB");
    world.turn();
    assert_eq!(world.net.kept_bytes(), 0, "nobody is behind");
}

#[test]
fn a_slow_reader_gets_every_event_from_the_journal_in_order() {
    let mut world = world();
    let (slow, mut client) = world.web();
    let (other, mut fast) = world.unix();
    let text = "x".repeat(5_000);
    let event = |seq: u64| format!("event {seq} {text}");
    let total = 4_000;
    let mut was_lagging = false;
    let feed = |world: &mut World, until: u64| {
        for (link, after) in world.net.lagging() {
            let mut seq = after.0;
            loop {
                // Events are the even inputs.
                seq += 2 - seq % 2;
                if seq > until {
                    world.net.caught_up(link);
                    break;
                }
                if !world.net.feed(link, Seq(seq), event(seq).as_bytes()) {
                    break;
                }
            }
        }
    };
    let mut heard = 0;
    for seq in 1..=total {
        if seq % 2 == 0 {
            world.net.event(&[slow, other], Seq(seq), event(seq).as_bytes());
        } else if seq % 10 == 5 {
            world.net.send(slow, Seq(seq), format!("answer {seq}").as_bytes());
        } else {
            world.net.broadcast(Seq(seq), format!("all {seq}").as_bytes());
        }
        feed(&mut world, seq);
        world.turn();
        was_lagging |= !world.net.lagging.is_empty();
        while fast.frame().is_some() {
            heard += 1;
        }
        assert!(world.net.kept_bytes() < 1 << 20);
    }
    assert!(was_lagging, "the sockets cannot hold 10 MB");
    world.until(|world| {
        feed(world, total);
        while fast.frame().is_some() {
            heard += 1;
        }
        (heard >= total - total / 10).then_some(())
    });
    for seq in 1..=total {
        let frame = world.until(|world| {
            feed(world, total);
            client.frame()
        });
        let kind = if seq % 2 == 0 {
            "event"
        } else if seq % 10 == 5 {
            "answer"
        } else {
            "all"
        };
        assert!(frame.starts_with(&format!("{kind} {seq}")), "{seq}: {frame:.40}");
    }
    feed(&mut world, total);
    assert!(world.net.lagging.is_empty());
    assert_eq!(world.net.kept_bytes(), 0);
}

#[test]
fn a_thousand_clients_hear_a_broadcast_and_each_is_heard() {
    let mut world = world();
    let mut strangers: Vec<Client> = Vec::new();
    for _ in 0..1_000 {
        strangers.push(world.web_stranger("/", ""));
        world.turn();
    }
    for client in &mut strangers {
        world.until(|_| client.http());
    }
    let mut links = Vec::new();
    while links.len() < 1_000 {
        links.push(world.opened());
    }
    for link in &links {
        world.net.admit(*link);
    }
    world.net.broadcast(Seq(1), b"to all");
    for client in &mut strangers {
        client.send("from one");
    }
    for client in &mut strangers {
        assert_eq!(world.received(client), "to all");
    }
    let mut heard = Vec::new();
    while heard.len() < 1_000 {
        match world.next() {
            Happened::Frame { link, bytes } if bytes == b"from one" => heard.push(link),
            other => panic!("unexpected {other:?}"),
        }
    }
    heard.sort_unstable();
    links.sort_unstable();
    assert_eq!(heard, links);
    world.net.shut(1001, "Server shutting down");
    for client in &mut strangers {
        assert_eq!(world.received(client), "close 1001 Server shutting down");
    }
    drop(strangers);
    world.until(|world| world.net.is_empty().then_some(()));
    assert_eq!(world.happened.len(), 1_000, "each is closed once");
}

#[test]
fn clients_that_get_nothing_cost_nothing_and_others_a_step_per_turn() {
    let mut world = world();
    let (all, mut hears_all) = world.web();
    let (some, mut hears_some) = world.web();
    world.net.dismiss(some);
    let mut idle = Vec::new();
    for _ in 0..100 {
        let (link, client) = world.unix();
        world.net.dismiss(link);
        idle.push(client);
    }
    world.turn();
    world.net.served = 0;
    let turns = 50;
    for turn in 0..turns {
        for seq in 1..=30 {
            let entry = world.net.broadcast(Seq(turn * 30 + seq), format!("{seq}").as_bytes());
            if seq == 7 {
                world.net.give(some, &[entry]);
                world.net.own(some, entry);
            }
            world.net.own(all, entry);
        }
        world.net.flush();
        assert_eq!(world.net.served as u64, 2 * (turn + 1), "a step for each that gets something");
    }
    for _ in 0..turns {
        assert_eq!(world.received(&mut hears_some), "7");
        for seq in 1..=30 {
            assert_eq!(world.received(&mut hears_all), format!("{seq}"));
        }
    }
    assert_eq!(world.net.kept_bytes(), 0);
    for client in &mut idle {
        assert_eq!(client.frame(), None);
    }
}
