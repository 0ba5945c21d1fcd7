//! The transports on real sockets.

mod ends;
mod slow;
mod world;

use std::time::Duration;

use pi_server_core::Seq;

use super::*;
use world::{Client, World};

fn world() -> World {
    World::new(Config::default())
}

fn frame(link: Link, text: &str) -> Happened {
    Happened::Frame { link, bytes: text.into() }
}

/// The next `count` frames that a client receives.
fn receive(world: &mut World, client: &mut Client, count: usize) -> Vec<String> {
    let mut frames = Vec::with_capacity(count);
    world.until(|_| {
        frames.extend(client.frame());
        (frames.len() == count).then_some(())
    });
    frames
}

#[test]
fn a_frame_comes_and_an_answer_goes_on_each_transport() {
    for open in [World::web, World::unix] {
        let mut world = world();
        let (link, mut client) = open(&mut world);
        client.send("{\"id\":1}");
        assert_eq!(world.next(), frame(link, "{\"id\":1}"));
        world.net.send(link, Seq(1), b"{\"answer\":1}");
        assert_eq!(world.received(&mut client), "{\"answer\":1}");
        let long = "x".repeat(70_000);
        world.net.send(link, Seq(1), long.as_bytes());
        assert_eq!(world.received(&mut client), long);
    }
}

#[test]
fn binary_messages_and_bad_text_on_a_line_are_passed_on_as_they_came() {
    let mut world = world();
    let (web, mut client) = world.web();
    client.write(&client.frame_of(0x82, &[0xff, 0xfe]));
    assert_eq!(world.next(), Happened::Frame { link: web, bytes: vec![0xff, 0xfe] });
    let (unix, mut client) = world.unix();
    client.write(b"\xff\xfe\r\n\n");
    assert_eq!(world.next(), Happened::Frame { link: unix, bytes: vec![0xff, 0xfe] });
    assert_eq!(world.next(), frame(unix, ""));
}

#[test]
fn who_has_no_token_is_told_and_not_let_in() {
    let auth = Auth::Token(Secret::new("right"));
    let mut world = World::new(Config { auth, ..Config::default() });
    let mut client = world.web_stranger("/?token=wrong", "");
    let head = world.until(|_| client.http());
    assert!(head.starts_with("HTTP/1.1 401 "), "{head}");
    world.until(|_| client.is_ended().then_some(()));
    assert_eq!(world.happened, []);
    let mut client = world.web_stranger("/?token=right&client=me", "");
    assert!(world.until(|_| client.http()).starts_with("HTTP/1.1 101 "));
    assert!(matches!(world.next(), Happened::Opened { client: Some(name), .. } if name == "me"));
    let (_, mut client) = world.unix();
    client.send("a Unix client needs none");
    assert!(matches!(world.next(), Happened::Frame { .. }));
}

#[test]
fn frames_right_behind_the_request_are_not_lost() {
    let mut world = world();
    let mut client = world.tcp_stranger();
    client.is_web = true;
    let message = client.frame_of(0x81, b"early");
    let request = "GET / HTTP/1.1\r\nHost: [::1]\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    for byte in request.as_bytes() {
        client.write(&[*byte]);
        world.turn();
    }
    client.write(&message);
    let link = world.opened();
    assert_eq!(world.next(), frame(link, "early"));
}

#[test]
fn a_request_that_never_ends_is_given_up() {
    let handshake_within = Duration::from_millis(20);
    let mut world = World::new(Config { handshake_within, ..Config::default() });
    let mut client = world.tcp_stranger();
    client.write(b"GET / HTTP/1.1\r\n");
    world.ended(&mut client);
    assert!(world.net.is_empty());
    assert_eq!(world.happened, []);
}

#[test]
fn one_connection_too_many_is_told_so_and_closed() {
    let mut world = World::new(Config { connections_max: 2, ..Config::default() });
    let (_, _first) = world.web();
    let (second, mut leaving) = world.unix();
    let mut client = world.web_stranger("/", "");
    assert!(world.until(|_| client.http()).starts_with("HTTP/1.1 101 "));
    let told = world.received(&mut client);
    assert_eq!(told, "close 1013 Connection limit reached (2 connections)");
    world.ended(&mut client);
    let mut client = world.unix_stranger();
    let told = world.received(&mut client);
    assert!(told.contains("Connection limit reached (2 connections)"), "{told}");
    assert!(told.contains(r#""errorCode":"limit_reached""#), "{told}");
    world.ended(&mut client);
    assert_eq!(world.happened, []);
    leaving.send("still here");
    assert_eq!(world.next(), frame(second, "still here"));
    drop(leaving);
    assert_eq!(world.next(), Happened::Closed { link: second });
    world.web();
}

#[test]
fn a_unix_client_may_say_its_name_first() {
    let mut world = world();
    let mut client = world.unix_stranger();
    client.write(b"{\"type\":\"hello\",\"client\":\"editor\"}\n{\"id\":1}\n");
    let Happened::Opened { link, transport: Transport::Unix, client: Some(name) } = world.next()
    else {
        panic!("it said its name");
    };
    assert_eq!(name, "editor");
    assert_eq!(world.next(), frame(link, "{\"id\":1}"));
    let mut client = world.unix_stranger();
    client.send("{\"id\":2}");
    assert!(matches!(world.next(), Happened::Opened { client: None, .. }));
    assert!(matches!(world.next(), Happened::Frame { .. }));
    client.send("{\"type\":\"hello\",\"client\":\"late\"}");
    assert!(matches!(world.next(), Happened::Frame { .. }), "later it is a frame");
    let mut client = world.unix_stranger();
    client.send("{\"type\":\"hello\",\"client\":\"\"}");
    assert!(world.received(&mut client).contains("A client name has 1 to 256 characters"));
    world.ended(&mut client);
}

#[test]
fn a_client_that_answers_pings_stays_and_one_that_does_not_goes() {
    let ping_every = Duration::from_millis(30);
    let pong_within = Duration::from_millis(30);
    let mut world = World::new(Config { ping_every, pong_within, ..Config::default() });
    let (_, mut polite) = world.web();
    let (_, mut busy) = world.web();
    let (silent, mut mute) = world.web();
    let mut pings = 0;
    world.until(|world| {
        if polite.frame().is_some_and(|frame| frame == "ping") {
            polite.write(&polite.frame_of(0x8a, b""));
            pings += 1;
        }
        if busy.frame().is_some_and(|frame| frame == "ping") {
            busy.send("no pong, but a sign of life");
        }
        world.happened.retain(|what| !matches!(what, Happened::Frame { .. }));
        (pings >= 4).then_some(())
    });
    assert_eq!(world.happened, [Happened::Closed { link: silent }]);
    assert_eq!(world.received(&mut mute), "ping");
    assert_eq!(world.received(&mut mute), "close 1001 Heartbeat timeout");
    world.ended(&mut mute);
}

#[test]
fn ten_thousand_pings_of_a_client_that_does_not_read_are_all_answered_in_the_end() {
    let mut world = world();
    let (link, mut client) = world.web();
    let pings: Vec<u8> = (0..10_000)
        .flat_map(|number| client.frame_of(0x89, format!("{number}{:0120}", 0).as_bytes()))
        .collect();
    client.write_all(&mut world, &pings);
    client.send("done");
    for number in 0..10_000 {
        assert_eq!(world.received(&mut client), format!("pong {number}{:0120}", 0));
    }
    assert_eq!(world.next(), frame(link, "done"));
}

#[test]
fn a_frame_that_is_too_large_is_reported_and_the_next_one_is_heard() {
    let config = Config { frame_bytes_max: 100_000, ..Config::default() };
    for open in [World::web, World::unix] {
        let mut world = World::new(config.clone());
        let (link, mut client) = open(&mut world);
        for size in [100_001, 400_000] {
            let large = client.frame_of(0x81, &vec![b'x'; size]);
            client.write_all(&mut world, &large);
            client.send("next");
            let head = vec![b'x'; HEAD_BYTES_MAX];
            assert_eq!(world.next(), Happened::TooLarge { link, size: size as u64, head });
            assert_eq!(world.next(), frame(link, "next"));
        }
        let most = client.frame_of(0x81, &vec![b'x'; 100_000]);
        client.write_all(&mut world, &most);
        assert_eq!(world.next(), frame(link, &"x".repeat(100_000)));
    }
    let mut world = World::new(config);
    let (link, mut client) = world.web();
    let huge = client.frame_of(0x81, &vec![b'x'; 400_001]);
    client.try_write(&huge);
    assert_eq!(world.received(&mut client), "close 1009 ");
    assert_eq!(world.next(), Happened::Closed { link });
}

#[test]
fn a_close_is_answered_and_said_once() {
    let mut world = world();
    let (link, mut client) = world.web();
    client.send("question");
    client.write(&client.frame_of(0x88, b"\x03\xe8bye"));
    assert_eq!(world.next(), frame(link, "question"));
    assert_eq!(world.next(), Happened::Closed { link });
    assert_eq!(world.received(&mut client), "close 1000 bye");
    world.ended(&mut client);
    drop(client);
    world.until(|world| world.net.is_empty().then_some(()));
    assert_eq!(world.happened, []);
}

#[test]
fn the_daemon_closes_after_what_it_sent_and_the_socket_does_not_linger() {
    let linger = Duration::from_millis(20);
    for open in [World::web, World::unix] {
        let mut world = World::new(Config { linger, ..Config::default() });
        let (link, mut client) = open(&mut world);
        world.net.broadcast(Seq(1), b"for all");
        world.net.send(link, Seq(1), b"answer");
        world.net.close(link, 1001, &"\u{e9}".repeat(100));
        world.net.close(link, 1000, "twice");
        world.net.send(link, Seq(2), b"too late");
        world.net.broadcast(Seq(2), b"too late");
        assert!(!world.net.is_open(link));
        assert_eq!(world.next(), Happened::Closed { link });
        assert_eq!(receive(&mut world, &mut client, 2), ["for all", "answer"]);
        if client.is_web {
            let reason = "\u{e9}".repeat(61);
            assert_eq!(world.received(&mut client), format!("close 1001 {reason}"));
        }
        world.ended(&mut client);
        world.until(|world| world.net.is_empty().then_some(()));
        assert_eq!(world.happened, [], "the client never closed, and was dropped");
    }
}

#[test]
fn a_link_never_means_another_client() {
    let mut world = world();
    let (old, client) = world.web();
    drop(client);
    assert_eq!(world.next(), Happened::Closed { link: old });
    let (new, mut client) = world.web();
    assert_ne!(old, new);
    assert!(!world.net.is_open(old));
    world.net.send(old, Seq(1), b"not for you");
    world.net.close(old, 1000, "");
    world.net.send(new, Seq(1), b"for you");
    assert_eq!(world.received(&mut client), "for you");
}

#[test]
fn a_unix_client_that_ends_its_half_still_hears_its_answers() {
    let mut world = world();
    let (link, mut client) = world.unix();
    client.write(b"question");
    client.finish();
    assert_eq!(world.next(), frame(link, "question"));
    assert_eq!(world.next(), Happened::Closed { link });
    assert!(world.net.is_open(link));
    world.net.send(link, Seq(1), b"answer");
    assert_eq!(world.received(&mut client), "answer");
    drop(client);
    world.until(|world| world.net.is_empty().then_some(()));
    assert!(!world.net.is_open(link));
    assert_eq!(world.happened, []);
}

#[test]
fn what_a_client_said_before_it_vanished_is_heard() {
    let mut world = world();
    let (link, mut client) = world.unix();
    let lines = "fire and forget\n".repeat(10_000);
    client.write(lines.as_bytes());
    drop(client);
    world.net.send(link, Seq(1), b"nobody hears this");
    for _ in 0..10_000 {
        assert_eq!(world.next(), frame(link, "fire and forget"));
    }
    assert_eq!(world.next(), Happened::Closed { link });
    world.until(|world| world.net.is_empty().then_some(()));
}

#[test]
fn a_client_that_floods_has_a_share_of_each_turn_and_delays_nobody() {
    for open in [World::web, World::unix] {
        let mut world = world();
        let (flooding, mut flooder) = open(&mut world);
        let (polite, mut client) = world.unix();
        let flood: Vec<u8> = (0..3_000).flat_map(|_| flooder.frame_of(0x81, b"x")).collect();
        flooder.write_all(&mut world, &flood);
        let mut heard = std::mem::take(&mut world.happened).len();
        let mut turns = 0;
        while heard < 3_000 {
            if turns % 10 == 0 {
                client.send("a polite question");
            }
            world.turn();
            turns += 1;
            let of_turn = std::mem::take(&mut world.happened);
            let by = |link| of_turn.iter().filter(|what| **what == frame(link, "x")).count();
            // Nobody else has spoken before the first turn; from then on another does.
            let share = if turns == 1 { held::FRAMES_PER_TURN } else { held::FRAMES_BESIDE_OTHERS };
            assert!(by(flooding) <= share, "{} in turn {turns}", by(flooding));
            heard += by(flooding);
            if turns % 10 == 1 {
                let asked = frame(polite, "a polite question");
                assert_eq!(of_turn.iter().filter(|what| **what == asked).count(), 1);
            }
            assert!(turns < 10_000, "{heard} heard");
        }
        let enough = 2 * 3_000 / held::FRAMES_BESIDE_OTHERS;
        assert!(turns <= enough, "it is not held up either: {turns}");
    }
}

#[test]
fn a_flood_of_strangers_keeps_nobody_out_and_the_oldest_of_them_goes_first() {
    let config = Config { strangers_max: 8, connections_max: 4, ..Config::default() };
    let mut world = World::new(config);
    let (inside, mut client) = world.web();
    let mut strangers: Vec<Client> = Vec::new();
    for _ in 0..40 {
        strangers.push(world.tcp_stranger());
        world.turn();
    }
    // More than there are places for, and a client that comes in the midst of them.
    let mut late = world.web_stranger("/", "");
    strangers.extend((0..4).map(|_| world.tcp_stranger()));
    assert!(world.until(|_| late.http()).starts_with("HTTP/1.1 101 "));
    world.opened();
    assert!(world.until(|_| strangers[0].http()).starts_with("HTTP/1.1 503 "));
    world.until(|_| strangers[0].is_ended().then_some(()));
    // Behind the answer is the end.
    let ended = strangers.iter_mut().map(|client| client.is_ended() || client.is_ended());
    let open = ended.filter(|ended| !ended).count();
    assert_eq!(open, 7, "the late one had a place, too");
    assert!(!strangers.last_mut().expect("there are some").is_ended(), "the newest among them");
    // Those who are in notice nothing, and neither does the other gate.
    client.send("still here");
    assert_eq!(world.next(), frame(inside, "still here"));
    world.unix();
}

#[test]
fn a_wrong_token_waits_for_its_answer_and_a_right_one_does_not() {
    let auth = Auth::Token(Secret::new("right"));
    let mut world = World::new(Config { auth, ..Config::default() });
    for _ in 0..3 {
        let mut client = world.web_stranger("/?token=wrong", "");
        assert!(world.until(|_| client.http()).starts_with("HTTP/1.1 401 "));
    }
    let begun = std::time::Instant::now();
    let mut slow = world.web_stranger("/?token=wrong", "");
    let mut right = world.web_stranger("/?token=right", "");
    assert!(world.until(|_| right.http()).starts_with("HTTP/1.1 101 "));
    assert_eq!(slow.http(), None, "the wrong one came first, and waits");
    assert!(world.until(|_| slow.http()).starts_with("HTTP/1.1 401 "));
    assert!(begun.elapsed() >= Duration::from_millis(100));
    assert_eq!(world.net.wrong_tokens(), 4);
}

#[test]
fn trouble_is_told_to_whoever_asks_for_health() {
    let mut world = world();
    for (trouble, status) in [(Some("no room"), "503"), (None, "200")] {
        world.net.set_trouble(trouble);
        let mut client = world.tcp_stranger();
        client.write(b"GET /healthz HTTP/1.1\r\n\r\n");
        let head = world.until(|_| client.http());
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
    }
}
