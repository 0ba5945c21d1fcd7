use super::*;
use crate::net::config::Secret;

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

fn request(target: &str, headers: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nHost: 127.0.0.1:3141\r\nUpgrade: websocket\r\n\
         Connection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: {KEY}\r\n{headers}\r\n"
    )
}

fn with_token() -> Config {
    Config { auth: Auth::Token(Secret::new("s3cret")), ..Config::default() }
}

/// The status of the answer, and the client's name if it is let in.
fn outcome(request: &str, config: &Config) -> (u16, Option<String>) {
    let (answer, client) = match judge(request.as_bytes(), config, None) {
        Verdict::Incomplete => return (0, None),
        Verdict::Answer(answer) | Verdict::Refuse { answer, .. } => (answer, None),
        Verdict::Upgrade { answer, client, used } => {
            assert_eq!(used, request.len());
            (answer, client)
        }
    };
    let text = String::from_utf8(answer).expect("answers are text");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head has an end");
    if let Some(len) = head.split("Content-Length: ").nth(1) {
        assert_eq!(len.split("\r\n").next(), Some(&*body.len().to_string()));
        assert_eq!(body.matches('\n').count(), 1, "one line: {body}");
    }
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.expect("a head has a status"), client)
}

fn status(request: &str, config: &Config) -> u16 {
    outcome(request, config).0
}

#[test]
fn the_upgrade_is_answered_with_the_accept_key() {
    let Verdict::Upgrade { answer, client: None, .. } =
        judge(request("/any/path", "").as_bytes(), &Config::default(), None)
    else {
        panic!("the request is fine");
    };
    let answer = String::from_utf8(answer).expect("answers are text");
    assert!(answer.starts_with("HTTP/1.1 101 "));
    assert!(answer.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    assert!(!answer.contains("Protocol:"));
}

#[test]
fn a_request_is_judged_the_same_wherever_it_is_cut() {
    let request = request("/", "X-Pi-Client: me\r\n");
    for cut in 0..request.len() {
        assert_eq!(
            judge(&request.as_bytes()[..cut], &Config::default(), None),
            Verdict::Incomplete
        );
    }
    assert_eq!(outcome(&request, &Config::default()), (101, Some("me".into())));
}

#[test]
fn the_token_is_taken_from_each_place_that_a_client_can_put_it() {
    let config = with_token();
    for (target, headers, expected) in [
        ("/", "", 401),
        ("/", "Authorization: Bearer s3cret\r\n", 101),
        ("/", "authorization: bearer s3cret\r\n", 101),
        ("/", "Authorization: s3cret\r\n", 401),
        ("/", "Authorization: Basic s3cret\r\n", 401),
        ("/", "Authorization: Bearer s3cre\r\n", 401),
        ("/", "Authorization: Bearer s3cret2\r\n", 401),
        ("/", "Authorization: Bearer \r\n", 401),
        ("/", "Sec-WebSocket-Protocol: pi-server, token.s3cret\r\n", 101),
        ("/", "Sec-WebSocket-Protocol: pi-server\r\nSec-WebSocket-Protocol: token.s3cret\r\n", 101),
        ("/", "Sec-WebSocket-Protocol: pi-server, token.wrong\r\n", 401),
        ("/?token=s3cret", "", 101),
        ("/?client=a&token=s3%63ret", "", 101),
        ("/?token=", "", 401),
        ("/?Token=s3cret", "", 401),
        ("/?token=wrong", "Authorization: Bearer s3cret\r\n", 101),
    ] {
        assert_eq!(status(&request(target, headers), &config), expected, "{target} {headers}");
    }
}

#[test]
fn the_subprotocol_is_chosen_if_it_is_offered_and_the_token_is_never_repeated() {
    let headers = "Sec-WebSocket-Protocol: token.s3cret, pi-server\r\n";
    let Verdict::Upgrade { answer, .. } =
        judge(request("/", headers).as_bytes(), &with_token(), None)
    else {
        panic!("the token is right");
    };
    let answer = String::from_utf8(answer).expect("answers are text");
    assert!(answer.contains("\r\nSec-WebSocket-Protocol: pi-server\r\n"));
    assert!(!answer.contains("s3cret"));
}

#[test]
fn web_pages_are_let_in_only_if_their_origin_is_listed() {
    let config = Config { allowed_origins: vec!["https://ui.example".into()], ..Config::default() };
    for (headers, expected) in [
        ("", 101),
        ("Origin: https://ui.example\r\n", 101),
        ("Origin: HTTPS://UI.example\r\n", 101),
        ("Origin: https://ui.example.evil.example\r\n", 403),
        ("Origin: http://localhost\r\n", 403),
        ("Origin: null\r\n", 403),
        ("Origin: https://ui.example\r\nOrigin: https://evil.example\r\n", 403),
    ] {
        assert_eq!(status(&request("/", headers), &config), expected, "{headers}");
    }
}

#[test]
fn a_name_that_somebody_had_point_here_is_no_host() {
    let config = Config { allowed_hosts: vec!["dev.example".into()], ..Config::default() };
    for (host, expected) in [
        ("127.0.0.1", 101),
        ("[::1]:3141", 101),
        ("localhost:3141", 101),
        ("LOCALHOST", 101),
        ("dev.example:80", 101),
        ("evil.example:3141", 421),
        ("localhost.evil.example", 421),
        ("", 421),
        ("127.0.0.1\r\nHost: evil.example", 400),
    ] {
        let request = request("/", "").replace("127.0.0.1:3141", host);
        assert_eq!(status(&request, &config), expected, "{host}");
    }
    assert_eq!(status(&request("/", "").replace("Host: 127.0.0.1:3141\r\n", ""), &config), 400);
}

#[test]
fn a_client_name_is_decoded_and_checked() {
    let long = "x".repeat(257);
    let most = "x".repeat(256);
    for (target, headers, expected) in [
        ("/?client=my%20editor", "", (101, Some("my editor".into()))),
        ("/?client=a%2", "", (101, Some("a%2".into()))),
        ("/?client=a+b", "", (101, Some("a+b".into()))),
        ("/", "X-Pi-Client: %F0%9F%A6%80\r\n", (101, Some("\u{1f980}".into()))),
        ("/?client=query", "X-Pi-Client: header\r\n", (101, Some("header".into()))),
        ("/?client=", "", (400, None)),
        ("/?client=%ff", "", (400, None)),
        ("/", "X-Pi-Client: \r\n", (400, None)),
        (&*format!("/?client={most}"), "", (101, Some(most.clone()))),
        (&*format!("/?client={long}"), "", (400, None)),
    ] {
        assert_eq!(outcome(&request(target, headers), &Config::default()), expected, "{target}");
    }
}

#[test]
fn what_is_no_upgrade_gets_a_helpful_answer() {
    let config = with_token();
    let plain = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    assert_eq!(status(plain, &config), 426);
    assert_eq!(status("GET /healthz HTTP/1.1\r\n\r\n", &config), 200);
    assert_eq!(status("GET /healthz?x HTTP/1.0\r\n\r\n", &config), 200);
    assert_eq!(status("GET http://localhost:3141/healthz HTTP/1.1\r\n\r\n", &config), 200);
    for path in ["/healthz/", "/health", "//", "/healthz%2f"] {
        let plain = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(status(&plain, &config), 404, "{path}");
    }
    assert_eq!(status("POST / HTTP/1.1\r\nHost: localhost\r\n\r\n", &config), 405);
    assert_eq!(status("{\"type\":\"get_state\"}\r\n\r\n", &config), 400);
    assert_eq!(status("\u{16}\u{3}\u{1}", &config), 400, "TLS");
    let old = request("/", "").replace("Version: 13", "Version: 8");
    assert_eq!(status(&old, &config), 426);
    assert_eq!(status(&request("/", "").replace(KEY, "short"), &config), 400);
    assert_eq!(status(&request("/", &format!("Sec-WebSocket-Key: {KEY}\r\n")), &config), 400);
    let many = "X: y\r\n".repeat(100);
    assert_eq!(status(&request("/", &many), &config), 431);
    let long = format!("X: {}\r\n", "y".repeat(REQUEST_BYTES_MAX));
    assert_eq!(status(&request("/", &long), &config), 431);
    assert_eq!(status(&request("/", &long)[..REQUEST_BYTES_MAX], &config), 431);
}

/// The answer to a request, as text.
fn answer_to(request: &str, config: &Config, trouble: Option<&str>) -> String {
    match judge(request.as_bytes(), config, trouble) {
        Verdict::Answer(answer) | Verdict::Refuse { answer, .. } => {
            String::from_utf8(answer).expect("answers are text")
        }
        other => panic!("{other:?} is no plain answer"),
    }
}

#[test]
fn health_is_told_without_a_body_if_that_is_asked_and_trouble_is_named() {
    let config = with_token();
    for (trouble, status, body) in [
        (None, "200 OK", "ok\n"),
        (Some("the disk is full"), "503 Service Unavailable", "the disk is full\n"),
    ] {
        let get = answer_to("GET /healthz HTTP/1.1\r\n\r\n", &config, trouble);
        let head = answer_to("HEAD /healthz HTTP/1.1\r\n\r\n", &config, trouble);
        assert!(get.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{get}");
        assert_eq!(get.strip_prefix(&head), Some(body), "the same, with a body");
    }
    let head = answer_to("HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n", &config, None);
    assert!(head.starts_with("HTTP/1.1 405 ") && head.ends_with("\r\n\r\n"), "{head}");
}

#[test]
fn a_target_in_absolute_form_names_the_host_in_the_place_of_the_header() {
    let config = Config { allowed_hosts: vec!["box".into()], ..Config::default() };
    for (target, expected) in [
        ("http://localhost:3141/", 101),
        ("ws://box", 101),
        ("HTTP://BOX./any/path?client=a", 101),
        ("http://evil.example/", 421),
        ("http:///", 421),
    ] {
        assert_eq!(status(&request(target, ""), &config), expected, "{target}");
    }
}

#[test]
fn a_right_authorization_header_is_no_web_page_whatever_its_origin() {
    let config = with_token();
    let origin = "Origin: http://127.0.0.1:3141\r\n";
    let bearer = |token: &str| format!("Authorization: Bearer {token}\r\n{origin}");
    assert_eq!(status(&request("/", &bearer("s3cret")), &config), 101);
    assert_eq!(status(&request("/", &bearer("wrong")), &config), 403);
    // What a page can send does not count.
    assert_eq!(status(&request("/?token=s3cret", origin), &config), 403);
    let protocol = format!("Sec-WebSocket-Protocol: pi-server, token.s3cret\r\n{origin}");
    assert_eq!(status(&request("/", &protocol), &config), 403);
    // Without a token there is nothing to show.
    assert_eq!(status(&request("/", &bearer("s3cret")), &Config::default()), 403);
}

#[test]
fn a_refusal_names_the_header_its_value_and_the_flag_and_never_the_token() {
    let config = with_token();
    let evil = request("/", "").replace("127.0.0.1:3141", "evil\u{9b}31m.example");
    for (request, parts) in [
        (
            request("/", "Origin: https://a.example\r\n"),
            ["Origin", "`https://a.example`", "--allow-origin"],
        ),
        (evil, ["Host", "`evil\\\\u{9b}31m.example`", "--allow-host"]),
        (request("/", ""), ["Authorization: Bearer", "?token=", "--auth none"]),
        (request("/?token=gu3ss", ""), ["the query parameter `token`", "wrong", "pi-server token"]),
        (
            request("/", "Authorization: Bearer gu3ss\r\n"),
            ["the Authorization header", "wrong", ""],
        ),
    ] {
        let Verdict::Refuse { answer, words, .. } = judge(request.as_bytes(), &config, None) else {
            panic!("it is refused");
        };
        let answer = String::from_utf8(answer).expect("answers are text");
        for part in parts {
            assert!(answer.contains(part), "{part}: {answer}");
        }
        assert!(!answer.contains("gu3ss") && !words.contains("gu3ss"), "{answer}");
        assert!(!words.contains('\u{9b}'), "{words}");
    }
}
