use super::*;

#[test]
fn the_first_start_makes_a_token_that_only_the_owner_can_read() {
    let dir = tempfile::tempdir().expect("a directory");
    assert!(matches!(read(dir.path()), Err(TokenError::Missing { .. })));
    let (token, made) = read_or_make(dir.path()).expect("made");
    assert!(made);
    assert_eq!(token.as_str().len(), TOKEN_CHARS);
    assert!(!is_exposed(dir.path()));
    let (again, made) = read_or_make(dir.path()).expect("found");
    assert!(!made);
    assert_eq!(token, again);
}

#[test]
fn two_tokens_differ_and_none_shows_in_debug_output() {
    let (one, two) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("two"));
    let (one, _) = read_or_make(one.path()).expect("made");
    let (two, _) = read_or_make(two.path()).expect("made");
    assert_ne!(one, two);
    assert!(!format!("{one:?}").contains(one.as_str()));
}

#[test]
fn a_file_that_holds_something_else_is_refused_and_kept() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("token"), "short\n").expect("written");
    assert!(matches!(read_or_make(dir.path()), Err(TokenError::Malformed { .. })));
    assert_eq!(fs::read_to_string(dir.path().join("token")).expect("read"), "short\n");
}

#[test]
fn the_url_names_an_address_that_can_be_connected_to() {
    let token = Token("T".to_owned());
    let url = |address: &str| token.url(address.parse().expect("an address"));
    assert_eq!(url("127.0.0.1:3141"), "ws://127.0.0.1:3141/?token=T");
    assert_eq!(url("0.0.0.0:80"), "ws://127.0.0.1:80/?token=T");
    assert_eq!(url("[::]:80"), "ws://[::1]:80/?token=T");
}

#[test]
fn the_address_is_remembered_until_there_is_none() {
    let dir = tempfile::tempdir().expect("a directory");
    assert_eq!(last_address(dir.path()), None);
    let address = "127.0.0.1:4000".parse().expect("an address");
    remember_address(dir.path(), Some(address)).expect("written");
    assert_eq!(last_address(dir.path()), Some(address));
    remember_address(dir.path(), None).expect("removed");
    assert_eq!(last_address(dir.path()), None);
}
