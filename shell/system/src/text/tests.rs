use super::{escape, is_control};

#[test]
fn no_text_can_move_a_cursor_begin_a_line_or_turn_letters_around() {
    let hostile = "a\u{1b}[2Jb\r\nc\u{9b}31md\u{202e}e\u{2066}f\u{7f}\u{2028}\u{200f}\u{61c}\t";
    let plain = escape(hostile);
    assert_eq!(
        plain,
        r"a\u{1b}[2Jb\r\nc\u{9b}31md\u{202e}e\u{2066}f\u{7f}\u{2028}\u{200f}\u{61c}\t"
    );
    assert!(!plain.chars().any(is_control));
}

#[test]
fn what_is_harmless_stays_as_it_is() {
    let plain = "naïve 名前 👩\u{200d}👩 \\n";
    assert_eq!(escape(plain), plain);
}
