//! The page that `export` writes, in a real browser. Needs the feature `browser`.

use std::path::Path;
use std::process::Command;

use pi_server_tests::Daemon;
use serde_json::{Value, json};

use crate::incident::{incident, prompt};
use crate::{arg, replay_ends, replay_json};

/// What the page's test script found out, which it leaves as one attribute of the body.
fn in_chromium(page: &Path, script: &str, wait: &str) -> Value {
    let html = std::fs::read_to_string(page).expect("the page");
    let driven = page.with_extension("driven.html");
    let test = format!(
        "<script>{{ const found = {{}}; const fail = e => found.error = String(e);\
         onerror = fail; try {{ {script} }} catch (e) {{ fail(e); }}\
         const tell = () => {{ const pre = document.createElement('pre'); pre.id = 'found';\
         pre.textContent = '@@' + JSON.stringify(found) + '@@'; document.body.append(pre); }};\
         {wait} }}</script></body>"
    );
    std::fs::write(&driven, html.replace("</body>", &test)).expect("written");
    let profile = tempfile::tempdir().expect("a directory");
    let output = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1400,800"])
        .args(["--virtual-time-budget=10000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("file://{}", driven.display()))
        .output()
        .expect("chromium runs");
    let dom = String::from_utf8_lossy(&output.stdout);
    let found = dom.split("@@").find_map(|part| serde_json::from_str(part).ok());
    let error = String::from_utf8_lossy(&output.stderr);
    found.unwrap_or_else(|| panic!("the page's test did not end: {error}\n{dom}"))
}

const DRIVE: &str = r"
  const one = id => document.getElementById(id);
  const drawn = () => { paint(); return [Number(document.body.dataset.drawn),
    Number(document.body.dataset.span)]; };
  found.first = drawn();
  const box = canvas.getBoundingClientRect();
  const at = (px, py) => ({ clientX: box.left + px, clientY: box.top + py, bubbles: true,
    cancelable: true, pointerId: 1 });
  canvas.dispatchEvent(new WheelEvent('wheel', { deltaY: -600, ...at(400, 60) }));
  found.zoomed = drawn();
  one('all').click(); found.all = drawn();
  one('search').value = WANTED; one('search').dispatchEvent(new Event('input'));
  found.count = one('count').textContent;
  one('next').click(); found.details = one('details').innerText; found.hit = drawn();
  const bar = hits[0]; choose(null); drawn();
  canvas.setPointerCapture = () => {};
  const px = (x(bar.accepted) + x(bar.until)) / 2, py = yOf(bar) + 6;
  canvas.dispatchEvent(new PointerEvent('pointerdown', at(px, py)));
  canvas.dispatchEvent(new PointerEvent('pointerup', at(px, py)));
  found.clicked = one('details').innerText;
  const ink = pen.getImageData(LABEL * devicePixelRatio, AXIS * devicePixelRatio, 400, 300).data;
  found.ink = ink.some((value, index) => index % 4 === 3 && value > 0);
  found.outside = performance.getEntriesByType('resource').length;";

#[test]
fn the_page_draws_zooms_searches_and_shows_details_in_a_browser() {
    let daemon = incident();
    let out = tempfile::tempdir().expect("a directory");
    let page = out.path().join("incident.html");
    let args = ["export", arg(daemon.dir()), "--format", "html", "--json", "-o", arg(&page)];
    let summary = replay_json(0, &args);
    assert!(summary["commands"].as_u64() > Some(10), "{summary}");
    let html = std::fs::read_to_string(&page).expect("written");
    assert!(!html.contains("http://") && !html.contains("https://"), "it needs no network");
    let script = DRIVE.replace("WANTED", "'after-p1'");
    let found = in_chromium(&page, &script, "tell();");
    assert_eq!(found["error"], Value::Null, "{found:#}");
    assert!(found["first"][0].as_u64() > Some(5), "{found:#}");
    assert!(found["zoomed"][1].as_u64() < found["first"][1].as_u64(), "{found:#}");
    assert_eq!(found["all"][1], found["first"][1], "{found:#}");
    assert_eq!(found["count"], "1 hit", "{found:#}");
    for details in [&found["details"], &found["clicked"]] {
        let text = details.as_str().expect("text");
        assert!(text.contains("prompt after-p1") && text.contains("depends on"), "{text}");
        assert!(text.contains("session:beta") && text.contains("succeeded"), "{text}");
    }
    assert_eq!((&found["ink"], &found["outside"]), (&true.into(), &0.into()), "{found:#}");
    if let Some(place) = std::env::var_os("PI_REPLAY_SCREENSHOT_PAGE") {
        std::fs::copy(&page, place).expect("copied");
    }
}

#[test]
fn a_client_s_text_does_not_leave_its_place_in_the_page() {
    let mut daemon = Daemon::start();
    let mut client = daemon.websocket();
    client.ok(json!({ "type": "create_session", "sessionId": "s" }));
    let evil = "</script><script>document.title='taken'</script><!--";
    client.send(&prompt(evil, "s", &format!("[say:x] [delay:0] {evil}")));
    client.response(evil);
    daemon.stop();
    let out = tempfile::tempdir().expect("a directory");
    let page = out.path().join("evil.html");
    replay_ends(0, &["export", arg(daemon.dir()), "--format", "html", "-o", arg(&page)]);
    let script = "found.title = document.title; found.scripts = document.scripts.length;";
    let found = in_chromium(&page, script, "tell();");
    assert!(found["title"].as_str().expect("a title").ends_with("pi-replay"), "{found}");
    assert_eq!(found["scripts"], 3, "data, code and this test: {found}");
}

#[test]
fn ten_thousand_commands_are_drawn_in_a_moment() {
    let mut daemon = Daemon::start();
    let mut client = daemon.websocket();
    client.ok(json!({ "type": "create_session", "sessionId": "s" }));
    for round in 0..200 {
        for number in 0..50 {
            let id = format!("c{round}-{number}");
            client.send(&json!({ "id": id, "type": "get_state", "sessionId": "s" }));
        }
        client.response(&format!("c{round}-49"));
    }
    daemon.stop();
    let out = tempfile::tempdir().expect("a directory");
    let page = out.path().join("many.html");
    replay_ends(0, &["export", arg(daemon.dir()), "--format", "html", "-o", arg(&page)]);
    let script = r"
      const begin = performance.now(); for (let n = 0; n < 10; n++) paint();
      found.ms = (performance.now() - begin) / 10;
      found.commands = data.commands.length; found.drawn = Number(document.body.dataset.drawn);
      search('c199-49'); nextHit(); paint();
      found.details = document.getElementById('details').innerText;";
    let found = in_chromium(&page, script, "tell();");
    assert_eq!(found["commands"], 10_001, "{found}");
    assert!(found["drawn"].as_u64() > Some(100), "{found}");
    assert!(found["details"].as_str().expect("text").contains("get_state c199-49"), "{found}");
    eprintln!("painting ten thousand commands takes {} ms", found["ms"]);
}
