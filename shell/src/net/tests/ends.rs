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
