use super::*;

fn feed(splitter: &mut Splitter, bytes: &[u8]) -> Vec<Said> {
    let mut said = Vec::new();
    splitter.feed(bytes, |what| said.push(what));
    said
}

fn frame(text: &str) -> Said {
    Said::Frame(text.into())
}

#[test]
fn lines_are_the_same_wherever_the_stream_is_cut() {
    let stream = b"{\"a\":1}\r\n\n\r\nb\rc\n\xff\xfe\n0123456789\r\n01234567890\nlast\n";
    let whole = feed(&mut Splitter::new(10), stream);
    let large = Said::TooLarge { size: 11, head: b"01234567890".to_vec() };
    let bad = Said::Frame(vec![0xff, 0xfe]);
    let expected = [
        frame("{\"a\":1}"),
        frame(""),
        frame(""),
        frame("b\rc"),
        bad,
        frame("0123456789"),
        large,
        frame("last"),
    ];
    assert_eq!(whole, expected);
    for cut in 0..=stream.len() {
        let mut splitter = Splitter::new(10);
        let mut said = feed(&mut splitter, &stream[..cut]);
        said.extend(feed(&mut splitter, &stream[cut..]));
        assert_eq!(said, expected, "cut at {cut}");
    }
    let mut splitter = Splitter::new(10);
    let bytes = stream.iter().flat_map(|byte| feed(&mut splitter, &[*byte]));
    assert_eq!(bytes.collect::<Vec<_>>(), expected);
}

#[test]
fn a_line_that_is_too_large_is_counted_but_not_kept() {
    let mut splitter = Splitter::new(4_000);
    for _ in 0..1_000 {
        assert_eq!(feed(&mut splitter, &[b'x'; 10_000]), []);
        assert!(splitter.line.capacity() <= 16_384);
    }
    assert_eq!(
        feed(&mut splitter, b"\r\nnext\n"),
        [Said::TooLarge { size: 10_000_000, head: vec![b'x'; HEAD_BYTES_MAX] }, frame("next")]
    );
}

#[test]
fn the_end_of_the_stream_ends_the_last_line() {
    let mut splitter = Splitter::new(4);
    let mut said = feed(&mut splitter, b"one\ntwo");
    splitter.finish(|what| said.push(what));
    splitter.finish(|what| said.push(what));
    assert_eq!(said, [frame("one"), frame("two")]);
    feed(&mut splitter, b"too long");
    splitter.finish(|what| said.push(what));
    assert_eq!(said[2..], [Said::TooLarge { size: 8, head: b"too long".to_vec() }]);
}

#[test]
fn only_a_line_of_exactly_that_shape_is_a_hello() {
    assert_eq!(hello(br#"{"type":"hello","client":"editor"}"#), Some("editor".into()));
    assert_eq!(hello(br#" { "client" : "\u00e9" , "type" : "hello" } "#), Some("\u{e9}".into()));
    for other in [
        &br#"{"type":"hello"}"#[..],
        br#"{"type":"hello","client":"a","more":1}"#,
        br#"{"type":"Hello","client":"a"}"#,
        br#"{"type":"get_state","client":"a"}"#,
        br#"{"type":"hello","client":7}"#,
        br#"["hello","a"]"#,
        b"",
        b"\xff",
    ] {
        assert_eq!(hello(other), None, "{}", String::from_utf8_lossy(other));
    }
}
