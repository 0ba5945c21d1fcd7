use clap::Parser;

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    serve: Serve,
}

fn options(args: &[&str]) -> Result<Options, String> {
    let dir = ["pi-server", "--data-dir", "/tmp/data"];
    let line = Line::try_parse_from(dir.iter().chain(args)).map_err(|error| error.to_string())?;
    line.serve.options()
}

#[test]
fn nothing_said_is_safe() {
    let options = options(&[]).expect("options");
    assert_eq!(options.listen, Some(SocketAddr::from(([127, 0, 0, 1], 3141))));
    assert!(options.auth);
    assert_eq!(options.unix, None);
    assert_eq!(options.limits, Limits::default());
}

#[test]
fn addresses_are_taken_in_three_forms() {
    for (text, expected) in [
        ("4000", "127.0.0.1:4000"),
        ("localhost:4000", "127.0.0.1:4000"),
        ("[::1]:4000", "[::1]:4000"),
    ] {
        let options = options(&["--listen", text]).expect(text);
        assert_eq!(options.listen, Some(expected.parse().expect(expected)));
    }
    assert!(options(&["--listen", "example.org:80"]).is_err());
    assert!(options(&["--listen", "70000"]).is_err());
}

#[test]
fn a_socket_without_a_path_lies_in_the_data_directory() {
    let of = |args: &[&str]| options(args).expect("options").unix;
    assert_eq!(of(&["--unix"]), Some("/tmp/data/pi-server.sock".into()));
    assert_eq!(of(&["--unix", "/run/p.sock"]), Some("/run/p.sock".into()));
}

#[test]
fn an_open_door_to_the_network_is_refused() {
    let refused = options(&["--listen", "0.0.0.0:3141", "--auth", "none"]);
    assert!(refused.is_err_and(|text| text.contains("--auth none")));
    assert!(options(&["--listen", "0.0.0.0:3141"]).is_ok());
    assert!(options(&["--auth", "none"]).is_ok());
}

#[test]
fn a_daemon_without_a_way_in_is_refused() {
    assert!(options(&["--no-listen"]).is_err());
    assert!(options(&["--no-listen", "--stdio"]).is_ok());
}

#[test]
fn limits_are_set_by_name_and_only_within_their_range() {
    let set = |text: &str| options(&["--set", text]).map(|options| options.limits);
    let limits = set("limits.sessions_max=7").expect("set");
    assert_eq!(limits.sessions_max, 7);
    assert!(!set("limits.rate=off").expect("set").rate);
    assert!(set("limits.sessions_max=0").is_err_and(|text| text.contains("1 to 100000")));
    assert!(set("limits.sessions=7").is_err_and(|text| text.contains("pi-server limits")));
    assert!(set("sessions_max=7").is_err());
    assert!(set("limits.sessions_max=many").is_err());
    assert!(set("limits.rate=1").is_err());
}

#[test]
fn when_texts_are_erased_is_said_with_units_or_off() {
    let defaults = options(&[]).expect("options");
    assert_eq!(defaults.warm_after, Some(Duration::from_secs(7 * 86_400)));
    assert_eq!(defaults.cold_after, None);
    let set = options(&["--warm-after", "off", "--cold-after", "90m"]).expect("options");
    assert_eq!((set.warm_after, set.cold_after), (None, Some(Duration::from_secs(5_400))));
    let soon = options(&["--warm-after", "0s", "--cold-after", "36h"]).expect("options");
    assert_eq!(soon.warm_after, Some(Duration::ZERO));
    assert_eq!(soon.cold_after, Some(Duration::from_secs(36 * 3_600)));
    // A number alone might be meant as days, and 0 as never.
    for bad in ["7", "0", "never", "d", "-1d", "1w", "99999999999999999999d"] {
        assert!(options(&["--warm-after", bad]).is_err(), "{bad}");
    }
}

#[test]
fn what_is_kept_is_said_with_units() {
    let defaults = options(&[]).expect("options");
    assert!(defaults.compress);
    assert_eq!(defaults.retain_bytes, 4 << 30);
    assert_eq!(defaults.retain_age, Duration::from_secs(30 * 86_400));
    let kept = options(&["--retain-bytes", "512M", "--retain-age", "12h"]).expect("options");
    assert_eq!((kept.retain_bytes, kept.retain_age.as_secs()), (512 << 20, 43_200));
    let all = options(&["--retain-bytes", "0", "--retain-age", "0"]).expect("options");
    assert_eq!((all.retain_bytes, all.retain_age), (0, Duration::ZERO));
    for bad in
        [["--retain-bytes", "4X"], ["--retain-age", "30"], ["--retain-bytes", "99999999999G"]]
    {
        assert!(options(&bad).is_err(), "{bad:?}");
    }
}
