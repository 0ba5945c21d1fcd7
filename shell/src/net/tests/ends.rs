//! How the transports begin and end: addresses, socket files, standard input and output.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};

use mio::Poll;
use pi_server_core::Seq;

use super::{frame, world};
use crate::net::*;

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
    // All is said before the loop turns for the first time.
    typist.write_all(b"one\ntwo").expect("there is room");
    let link = world.net.attach(input, output).expect("a thread can be had");
    let opened = Happened::Opened { link, transport: Transport::Stdio, client: None };
    assert_eq!(world.next(), opened);
    world.net.admit(link);
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

#[test]
fn a_socket_that_takes_nobody_for_now_is_in_use_and_keeps_no_start_waiting() {
    let dir = tempfile::tempdir().expect("a directory can be made");
    let path = dir.path().join("socket");
    let poll = Poll::new().expect("an event queue can be had");
    // Listens, and never accepts: its backlog fills up.
    let listener = UnixListener::bind(&path).expect("the path is free");
    rustix::net::listen(&listener, 0).expect("a backlog can be short");
    let _waiting = UnixStream::connect(&path).expect("there is room for one");
    let config = Config { unix: Some(path), ..Config::default() };
    let refused = Net::bind(config, poll.registry(), Token(0));
    assert!(matches!(refused, Err(BindError::SocketInUse { .. })), "{refused:?}");
}

#[test]
fn one_path_has_one_daemon_even_if_its_socket_was_removed() {
    let dir = tempfile::tempdir().expect("a directory can be made");
    let path = dir.path().join("socket");
    let poll = Poll::new().expect("an event queue can be had");
    let config = Config { unix: Some(path.clone()), ..Config::default() };
    let net = Net::bind(config.clone(), poll.registry(), Token(0)).expect("the path is free");
    fs::remove_file(&path).expect("it is there");
    let second = Net::bind(config.clone(), poll.registry(), Token(0));
    assert!(matches!(second, Err(BindError::SocketInUse { .. })), "{second:?}");
    drop(net);
    let files = fs::read_dir(dir.path()).expect("it is there").count();
    assert_eq!(files, 0, "nothing is left behind");
    drop(Net::bind(config, poll.registry(), Token(0)).expect("the path is free again"));
}

#[test]
fn two_daemons_that_start_at_once_on_one_path_are_never_both_alive() {
    for _ in 0..50 {
        let dir = tempfile::tempdir().expect("a directory can be made");
        let path = dir.path().join("socket");
        // Stale: each of them finds it, and would remove it.
        drop(UnixListener::bind(&path).expect("the path is free"));
        let barrier = std::sync::Barrier::new(4);
        let start = || {
            let config = Config { unix: Some(path.clone()), ..Config::default() };
            let poll = Poll::new().expect("an event queue can be had");
            barrier.wait();
            let net = Net::bind(config, poll.registry(), Token(0));
            barrier.wait();
            net.is_ok()
        };
        let alive = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(start)).collect();
            threads.into_iter().map(|it| usize::from(it.join().expect("no panic"))).sum::<usize>()
        });
        assert_eq!(alive, 1);
    }
}

#[test]
fn a_path_may_be_as_long_as_the_system_allows_and_a_longer_one_is_named_with_its_length() {
    let dir = tempfile::tempdir().expect("a directory can be made");
    let poll = Poll::new().expect("an event queue can be had");
    let of_length = |length: usize| {
        let rest = length - dir.path().as_os_str().len() - 1;
        dir.path().join("s".repeat(rest))
    };
    let config = |path| Config { unix: Some(path), ..Config::default() };
    let path = of_length(107);
    let net = Net::bind(config(path.clone()), poll.registry(), Token(0)).expect("it fits");
    UnixStream::connect(path).expect("it can be reached");
    drop(net);
    let error = Net::bind(config(of_length(108)), poll.registry(), Token(0)).expect_err("too long");
    let text = error.to_string();
    assert!(text.contains("108 bytes") && text.contains("--unix"), "{text}");
}

#[test]
fn nobody_else_can_reach_a_socket_in_the_moment_of_its_making() {
    let dir = tempfile::tempdir().expect("a directory can be made");
    let path = dir.path().join("socket");
    let poll = Poll::new().expect("an event queue can be had");
    let done = std::sync::atomic::AtomicBool::new(false);
    let modes = std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut modes = std::collections::BTreeSet::new();
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                let entries = fs::read_dir(dir.path()).expect("it is there").flatten();
                modes.extend(entries.filter_map(|entry| {
                    fs::symlink_metadata(entry.path())
                        .ok()
                        .map(|it| it.permissions().mode() & 0o777)
                }));
            }
            modes
        });
        for _ in 0..300 {
            let config = Config { unix: Some(path.clone()), ..Config::default() };
            drop(Net::bind(config, poll.registry(), Token(0)).expect("the path is free"));
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        watch.join().expect("no panic")
    });
    assert!(modes.iter().all(|mode| *mode == 0o600), "{modes:?}");
}

#[test]
fn localhost_is_both_loopback_addresses_with_one_port() {
    std::net::TcpListener::bind(("::1", 0))
        .expect("this test needs IPv6 on the loopback interface");
    let poll = Poll::new().expect("an event queue can be had");
    let listen = Some(([127, 0, 0, 1], 0).into());
    let config = Config { listen, both_loopbacks: true, ..Config::default() };
    let mut net = Net::bind(config, poll.registry(), Token(0)).expect("the addresses are free");
    let port = net.local_addr().expect("it listens").port();
    assert_eq!(net.other_addr().map(|it| it.to_string()), Some(format!("[::1]:{port}")));
    let mut poll = poll;
    let mut events = mio::Events::with_capacity(8);
    for address in ["127.0.0.1", "::1"] {
        let mut client = std::net::TcpStream::connect((address, port)).expect("somebody listens");
        client.write_all(b"GET /healthz HTTP/1.0\r\n\r\n").expect("there is room");
        client.set_nonblocking(true).expect("a socket can be told");
        let mut text = Vec::new();
        let until = Instant::now() + Duration::from_secs(20);
        while !text.starts_with(b"HTTP/1.1 200 ") {
            assert!(Instant::now() < until, "no answer on {address}");
            poll.poll(&mut events, Some(Duration::from_millis(10))).expect("events");
            let mut happened = Vec::new();
            for event in &events {
                net.poll(event, Instant::now(), &mut happened);
            }
            net.tick(Instant::now(), &mut happened);
            net.flush();
            let mut bytes = [0; 1024];
            if let Ok(count) = client.read(&mut bytes) {
                text.extend(&bytes[..count]);
            }
        }
    }
}
