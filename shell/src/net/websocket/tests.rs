use super::*;

const MASK: [u8; 4] = [0x12, 0x34, 0x56, 0x78];
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const PING: u8 = 9;

/// A frame as a client sends it.
fn client_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let frame = Frame { first, mask: Some(MASK), len: payload.len() as u64, done: 0 };
    let head = frame.head(first, payload.len());
    let masked = payload.iter().zip(MASK.iter().cycle()).map(|(byte, key)| byte ^ key);
    head.as_slice().iter().copied().chain(masked).collect()
}

fn message(opcode: u8, payload: &[u8]) -> Vec<u8> {
    client_frame(FIN | opcode, payload)
}

fn intake(max: u64) -> Intake {
    Intake::new(&Config { frame_bytes_max: max, ..Config::default() })
}

/// What comes of a stream that arrives in pieces of a size.
#[derive(Debug, Default, PartialEq, Eq)]
struct Heard {
    said: Vec<Said>,
    control: Vec<u8>,
    end: Option<Vec<u8>>,
}

fn hear(intake: &mut Intake, stream: &[u8], piece: usize) -> Heard {
    let mut heard = Heard::default();
    for bytes in stream.chunks(piece) {
        let Heard { said, control, end } = &mut heard;
        if let Err(Farewell(last)) = intake.feed(bytes, control, |what| said.push(what)) {
            *end = Some(last);
            break;
        }
    }
    heard
}

/// The same, and that it is the same in pieces of any size.
fn hear_all(max: u64, stream: &[u8]) -> Heard {
    let whole = hear(&mut intake(max), stream, stream.len());
    for piece in 1..stream.len().min(200) {
        assert_eq!(hear(&mut intake(max), stream, piece), whole, "in pieces of {piece}");
    }
    whole
}

fn frame(text: &str) -> Said {
    Said::Frame(text.into())
}

#[test]
fn messages_are_the_same_wherever_the_stream_is_cut() {
    let stream = [
        message(TEXT, b"one"),
        message(BINARY, &[0xff, 0, 1]),
        message(TEXT, b""),
        client_frame(TEXT, "frag\u{e9}".as_bytes()),
        message(PING, b"in between"),
        client_frame(0, b" ment"),
        client_frame(FIN, b"ed"),
        message(TEXT, &[b'x'; 126]),
        message(PING, b""),
        message(TEXT, "\u{1f980}".repeat(50).as_bytes()),
    ]
    .concat();
    let heard = hear_all(1_000, &stream);
    let expected = [
        frame("one"),
        Said::Frame(vec![0xff, 0, 1]),
        frame(""),
        frame("frag\u{e9} mented"),
        frame(&"x".repeat(126)),
        frame(&"\u{1f980}".repeat(50)),
    ];
    assert_eq!(heard.said, expected);
    assert_eq!(heard.control, b"\x8a\x0ain between\x8a\x00");
    assert_eq!(heard.end, None);
}

#[test]
fn a_message_that_is_too_large_is_passed_over_and_the_connection_lives_on() {
    let stream = [
        message(TEXT, &[b'a'; 100]),
        message(TEXT, &[b'b'; 101]),
        message(TEXT, b"next"),
        client_frame(TEXT, &[b'c'; 60]),
        message(PING, b"?"),
        client_frame(0, &[b'd'; 60]),
        client_frame(FIN, &[b'e'; 10]),
        message(BINARY, b"last"),
    ]
    .concat();
    let heard = hear_all(100, &stream);
    let fragmented = [[b'c'; 60], [b'd'; 60]].concat().into_iter().chain([b'e'; 10]).collect();
    assert_eq!(
        heard.said,
        [
            Said::Frame(vec![b'a'; 100]),
            Said::TooLarge { size: 101, head: vec![b'b'; 101] },
            frame("next"),
            Said::TooLarge { size: 130, head: fragmented },
            frame("last"),
        ]
    );
    assert_eq!(heard.control, b"\x8a\x01?");
    assert_eq!(heard.end, None);
}

#[test]
fn what_is_passed_over_is_not_kept() {
    let mut intake = intake(1 << 20);
    let stream = message(BINARY, &vec![b'x'; 4 << 20]);
    let heard = hear(&mut intake, &stream, 64 << 10);
    assert_eq!(heard.said, [Said::TooLarge { size: 4 << 20, head: vec![b'x'; HEAD_BYTES_MAX] }]);
    assert!(intake.socket.get_ref().input.capacity() <= PIPE_BYTES_KEPT);
}

#[test]
fn a_message_of_more_than_four_times_the_limit_ends_the_connection() {
    let stream = [message(TEXT, b"before"), message(TEXT, &[b'x'; 401])].concat();
    let heard = hear_all(100, &stream);
    assert_eq!(heard.said, [frame("before")]);
    assert_eq!(heard.end, Some(close_frame(1009, "")));
    let endless = [client_frame(TEXT, &[b'x'; 99]), client_frame(0, &[b'x'; 99]).repeat(4)];
    assert_eq!(hear_all(100, &endless.concat()).end, heard.end);
    let liar = [0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4];
    assert_eq!(hear_all(100, &liar).end, heard.end);
}

#[test]
fn broken_frames_end_the_connection_after_what_came_before() {
    let max = 1_000;
    let first = message(TEXT, b"first");
    let unmasked = [&[0x81, 1][..], b"x"].concat();
    for (broken, code) in [
        (message(TEXT, b"\xff"), 1007),
        (client_frame(TEXT, b"\xc3"), 0),
        ([client_frame(TEXT, b"\xc3"), client_frame(FIN, b"x")].concat(), 1007),
        (unmasked, 1002),
        (message(3, b"reserved"), 1002),
        (message(11, b"reserved"), 1002),
        (message(0, b"continues nothing"), 1002),
        ([client_frame(TEXT, b"a"), message(TEXT, b"b")].concat(), 1002),
        (client_frame(PING, b"cut"), 1002),
        (message(PING, &[b'x'; 126]), 1002),
        (client_frame(FIN | TEXT | 0x40, b"compressed"), 1002),
        (message(8, &[3]), 1002),
        (message(8, &[0x03, 0xe8, 0xff]), 1007),
        ([client_frame(TEXT, &[b'x'; 1_001]), message(TEXT, b"b")].concat(), 1002),
    ] {
        let heard = hear_all(max, &[first.clone(), broken.clone()].concat());
        assert_eq!(heard.said, [frame("first")], "{broken:x?}");
        let end = heard.end.map_or(0, |end| u16::from_be_bytes([end[2], end[3]]));
        assert_eq!(end, code, "{broken:x?}");
    }
}

#[test]
fn bad_text_is_noticed_before_its_frame_is_complete() {
    let stream = message(TEXT, &[b'x', b'y', 0xff, b'z', b'z', b'z']);
    let heard = hear(&mut intake(100), &stream[..stream.len() - 3], 100);
    assert_eq!(heard.end, Some(close_frame(1007, "Invalid UTF-8")));
}

#[test]
fn a_close_is_answered_after_the_pongs() {
    let stream = [
        message(TEXT, b"last words"),
        message(PING, b"!"),
        message(8, b"\x03\xe8bye"),
        message(TEXT, b"not heard"),
    ]
    .concat();
    let heard = hear_all(100, &stream);
    assert_eq!(heard.said, [frame("last words")]);
    assert_eq!(heard.control, b"\x8a\x01!");
    assert_eq!(heard.end, Some(b"\x88\x05\x03\xe8bye".to_vec()));
}

#[test]
fn ten_thousand_pings_are_ten_thousand_pongs() {
    let stream = message(PING, b"abc").repeat(10_000);
    let heard = hear(&mut intake(100), &stream, 64 << 10);
    assert_eq!(heard.control, b"\x8a\x03abc".repeat(10_000));
    assert_eq!(heard.said, []);
}

#[test]
fn an_idle_connection_needs_little_memory() {
    let mut intake = intake(10 << 20);
    hear(&mut intake, &message(TEXT, &vec![b'x'; 5 << 20]), 64 << 10);
    assert!(intake.socket.get_ref().input.capacity() <= PIPE_BYTES_KEPT);
    assert!(intake.message.is_none() && intake.head.capacity() <= 16);
}
