//! The transports on real sockets.

#![allow(clippy::cast_possible_truncation, reason = "the numbers of a test are small")]

mod world;

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use mio::Poll;
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
    assert_eq!(world.received(&mut client), "close 1009 Message too big");
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
    client.write("question\n".repeat(1_000).as_bytes());
    world.until(|world| (answer_all(world) == 1_000).then_some(()));
    // The answers to what came in one read are queued; what comes later stays in the socket.
    client.write("question\n".repeat(1_000).as_bytes());
    for _ in 0..100 {
        world.turn();
    }
    assert_eq!(answer_all(&mut world), 1_000);
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
fn a_stale_socket_is_replaced_and_anything_else_is_left_alone() {
    let dir = tempfile::tempdir().expect("a directory can be made");
    let path = dir.path().join("socket");
    let poll = Poll::new().expect("an event queue can be had");
    let bind = || {
        let config = Config { unix: Some(path.clone()), ..Config::default() };
        Net::bind(config, poll.registry(), Token(0))
    };
    drop(UnixListener::bind(&path).expect("the path is free"));
    let net = bind().expect("nobody answers on it");
    let mode = fs::symlink_metadata(&path).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(matches!(bind(), Err(BindError::SocketInUse { .. })));
    UnixStream::connect(&path).expect("the first one still listens");
    drop(net);
    assert!(!path.exists(), "it cleans up behind itself");
    fs::write(&path, "precious").expect("the path is free");
    assert!(matches!(bind(), Err(BindError::NotASocket { .. })));
    assert_eq!(fs::read(&path).expect("it is there"), b"precious");
    fs::remove_file(&path).expect("it is there");
    let net = bind().expect("the path is free");
    fs::remove_file(&path).expect("it is there");
    let other = UnixListener::bind(&path).expect("the path is free");
    drop(net);
    assert!(path.exists(), "the socket of another program stays");
    drop(other);
    let missing = Config { unix: Some(dir.path().join("no/socket")), ..Config::default() };
    let error = Net::bind(missing, poll.registry(), Token(0)).expect_err("there is no directory");
    assert!(error.to_string().contains("no/socket"), "{error}");
}

#[test]
fn an_address_that_is_taken_or_open_to_all_is_refused() {
    let world = world();
    let poll = Poll::new().expect("an event queue can be had");
    let listen = world.net.local_addr();
    let taken = Net::bind(Config { listen, ..Config::default() }, poll.registry(), Token(0));
    assert!(matches!(taken, Err(BindError::AddressInUse { .. })));
    for open in ["0.0.0.0:0", "[::]:0", "[::ffff:192.0.2.1]:0"] {
        let listen = Some(open.parse().expect("an address"));
        let open = Net::bind(Config { listen, ..Config::default() }, poll.registry(), Token(0));
        assert!(matches!(open, Err(BindError::OpenToAll { .. })));
    }
}

#[test]
fn stdio_is_a_client_whose_answers_are_all_written_before_the_end() {
    let mut world = world();
    let (input, mut typist) = UnixStream::pair().expect("a pair can be had");
    let (output, mut screen) = UnixStream::pair().expect("a pair can be had");
    let link = world.net.attach(input, output).expect("a thread can be had");
    let opened = Happened::Opened { link, transport: Transport::Stdio, client: None };
    assert_eq!(world.next(), opened);
    world.net.admit(link);
    typist.write_all(b"one\ntwo").expect("somebody reads");
    drop(typist);
    assert_eq!(world.next(), frame(link, "one"));
    assert_eq!(world.next(), frame(link, "two"));
    assert_eq!(world.next(), Happened::Closed { link });
    assert!(world.net.is_open(link), "its output still works");
    world.net.send(link, Seq(1), b"answer one");
    world.net.flush();
    world.net.send(link, Seq(1), b"answer two");
    world.net.shut(1001, "");
    world.net.flush();
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        screen.read_to_string(&mut text).map(|_| text)
    });
    drop(world);
    let text = reader.join().expect("the reader does not panic").expect("the pair works");
    assert_eq!(text, "answer one\nanswer two\n");
}

#[test]
fn a_closed_standard_output_closes_the_client() {
    let mut world = world();
    let (input, typist) = UnixStream::pair().expect("a pair can be had");
    let (output, screen) = UnixStream::pair().expect("a pair can be had");
    let link = world.net.attach(input, output).expect("a thread can be had");
    assert_eq!(world.opened(), link);
    drop(screen);
    world.until(|world| {
        world.net.send(link, Seq(1), b"is anybody there?");
        (world.happened == [Happened::Closed { link }]).then_some(())
    });
    drop(typist);
}
