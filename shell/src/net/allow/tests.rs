use super::*;

#[test]
fn hosts_and_origins_that_are_the_same_are_equal() {
    for (one, other) in [
        ("https://Box.Example", "HTTPS://box.example.:443"),
        ("http://localhost", "http://LOCALHOST:80"),
        ("http://[0:0::1]:5173", "http://[::1]:5173"),
        ("vscode-webview://abc", "vscode-webview://ABC"),
        ("null", "NULL"),
    ] {
        let (one, other) = (origin(one).expect("one"), origin(other).expect("the other"));
        assert_eq!(one, other);
    }
    for (one, other) in [
        ("https://box", "http://box"),
        ("https://box", "https://box:8443"),
        ("https://box", "https://box.evil"),
    ] {
        assert_ne!(origin(one), origin(other));
    }
    for (one, other) in [("Box.", "box:99"), ("[0:0::1]", "[::1]:1"), ("localhost", "LOCALHOST.:")]
    {
        let host = |text| Host::with_port(text).expect("a host").0;
        assert_eq!(host(one), host(other));
    }
}

#[test]
fn a_value_that_could_never_match_is_refused() {
    for text in [
        "https://box/",
        "*",
        "",
        "box",
        "https://",
        "https://*",
        "https://a b",
        "https://käse.example",
        "https://user@box",
        "https://box:",
        "https://box:x",
        "https://box?x",
        "//box",
        "https:box",
    ] {
        // An empty port is dropped by browsers, so that one matches.
        assert_eq!(allowed_origin(text).is_err(), text != "https://box:", "{text}");
    }
    for text in
        ["box:8099", "https://box", "*", "", "*.box", "box/", "a b", "käse.example", ".", "[::1"]
    {
        assert!(allowed_host(text).is_err(), "{text}");
    }
    assert_eq!(allowed_host("Box.Example.").as_deref(), Ok("box.example"));
    assert_eq!(allowed_origin("HTTP://LocalHost:5173").as_deref(), Ok("http://localhost:5173"));
}
