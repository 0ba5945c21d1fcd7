//! The page that `export` writes, in a real browser. Needs the feature `browser`.

use std::path::Path;
use std::process::Command;

use pi_server_tests::Daemon;
use serde_json::{Value, json};

use crate::incident::{incident, prompt};
use crate::{arg, replay_ends, replay_json};

/// What the page's test script found out, which it leaves as one attribute of the body.
fn in_chromium(page: &Path, script: &str) -> Value {
    let html = std::fs::read_to_string(page).expect("the page");
    let driven = page.with_extension("driven.html");
    let test = format!(
        "<script>{{ const found = {{}}; const fail = e => found.error = String(e);\
         onerror = fail; try {{ {script} }} catch (e) {{ fail(e); }}\
         const tell = () => {{ const pre = document.createElement('pre'); pre.id = 'found';\
         pre.textContent = '@@' + JSON.stringify(found) + '@@'; document.body.append(pre); }};\
         tell(); }}</script></body>"
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
    leave(&page, "few.html");
    let script = DRIVE.replace("WANTED", "'after-p1'");
    let found = in_chromium(&page, &script);
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
    let found = in_chromium(&page, script);
    assert!(found["title"].as_str().expect("a title").ends_with("pi-replay"), "{found}");
    assert_eq!(found["scripts"], 3, "data, code and this test: {found}");
}

/// A day of ten thousand commands in eight sessions, with one prompt that fails among them.
fn long_day() -> Daemon {
    let mut daemon = Daemon::start();
    let mut client = daemon.websocket();
    for session in 0..8 {
        client.ok(json!({ "type": "create_session", "sessionId": format!("s{session}") }));
    }
    for round in 0..125 {
        for number in 0..80 {
            let (id, session) = (format!("c{round}-{number}"), format!("s{}", number % 8));
            client.send(&json!({ "id": id, "type": "get_state", "sessionId": session }));
        }
        (72..80).for_each(|number| drop(client.response(&format!("c{round}-{number}"))));
        if round == 60 {
            client.send(&prompt("needle", "s3", "[words:9] [delay:1] [fail:no luck]"));
            client.response("needle");
        }
    }
    daemon.stop();
    daemon
}

/// A busy morning of two thousand commands in forty sessions: failures, refusals, chains across lanes,
/// agents that die, a crash and a stop.
fn busy_morning() -> Daemon {
    let mut daemon = Daemon::start();
    for life in 0..3 {
        let mut client = daemon.websocket();
        if life == 0 {
            for session in 0..40 {
                client.ok(
                    json!({ "type": "create_session", "sessionId": format!("project-{session}") }),
                );
            }
        }
        for round in 0..16 {
            let id = |session: usize| format!("r{life}-{round}-{session}");
            for session in 0..40 {
                let name = format!("project-{}", session * (1 + session % 2));
                let message = match (session + round) % 17 {
                    0 => "[words:3] [delay:2] [fail:overloaded]",
                    1 => "[words:40] [delay:3]",
                    _ => "[words:5] [delay:1]",
                };
                let mut frame = prompt(&id(session), &name, message);
                if session % 5 == 4 {
                    frame["dependsOn"] = json!([id(session - 1), id(session - 3)]);
                }
                client.send(&frame);
            }
            (0..40).for_each(|session| drop(client.response(&id(session))));
        }
        if life == 0 {
            client.send(&prompt("dies", "project-3", "[stall]"));
            client.lifecycle("dies", "started");
            daemon.kill9();
            daemon.restart();
        } else {
            drop(client);
            daemon.stop();
            if life == 1 {
                daemon.restart();
            }
        }
    }
    daemon
}

/// Leaves a page where `PI_REPLAY_PAGES` says, to be looked at.
fn leave(page: &Path, name: &str) {
    if let Some(folder) = std::env::var_os("PI_REPLAY_PAGES") {
        std::fs::copy(page, Path::new(&folder).join(name)).expect("copied");
    }
}

/// Uses the page as a person would, and notes how long everything takes and what is written on it.
const USE_LONG: &str = r"
  found.loaded = performance.now(); found.took = {};
  const timed = (name, act) => { const begin = performance.now(); act(); paint();
    found.took[name] = performance.now() - begin; };
  let written = []; const fill = pen.fillText.bind(pen);
  pen.fillText = (text, px, py) => { fill(text, px, py);
    written.push({ text, px: Math.round(px), py: Math.round(py),
      right: Math.round(px + pen.measureText(text).width), below: Math.round(py + 11) }); };
  const read = () => { written = []; paint();
    /* The date and clock stand left of the axis, above the names of the lanes. */
    return { axis: written.filter(it => it.py === AXIS / 2 && it.px > NAME),
      lanes: written.filter(it => it.px === NAME && it.py !== AXIS / 2),
      all: written.map(it => it.text), drawn: Number(document.body.dataset.drawn) }; };
  const one = id => document.getElementById(id);
  timed('everything', showAll); found.everything = read();
  const box = canvas.getBoundingClientRect();
  timed('zoom', () => canvas.dispatchEvent(new WheelEvent('wheel', { deltaY: -600, bubbles: true,
    cancelable: true, clientX: box.left + 500, clientY: box.top + 60 })));
  found.zoomed = read();
  timed('search', () => { one('search').value = 'needle';
    one('search').dispatchEvent(new Event('input')); });
  found.count = one('count').textContent;
  timed('details', () => one('next').click());
  found.details = one('details').innerText; found.hit = read();
  timed('search for all', () => search('get_state'));
  found.many = one('count').textContent; search('');
  for (let n = 0; n < 30; n++) zoom(.5);
  found.closest = read();
  timed('choose', () => { showAll(); paint(); choose(find(x(data.commands[5000].accepted) + 1,
    yOf(data.commands[5000]) + 6)); });
  found.chosen = one('details').innerText;";

/// The longest that anything may take on a page of ten thousand commands, in milliseconds: what a
/// person takes for no wait, twice, because test machines are busy.
const MOMENT_MS: f64 = 500.0;

/// And the page itself, in milliseconds.
const LOADED_MS: f64 = 10_000.0;

/// Whether each label ends before the next begins, and all are different.
fn is_legible(labels: &Value) -> bool {
    let labels = labels.as_array().expect("labels");
    let number = |label: &Value, name: &str| label[name].as_i64().expect("a number");
    let apart = labels.windows(2).all(|pair| {
        number(&pair[0], "right") < number(&pair[1], "px")
            || number(&pair[0], "below") < number(&pair[1], "py")
    });
    let texts: std::collections::BTreeSet<_> =
        labels.iter().map(|it| it["text"].as_str()).collect();
    apart && labels.len() > 1 && texts.len() == labels.len()
}

#[test]
fn ten_thousand_commands_stay_readable_and_everything_is_done_in_a_moment() {
    let daemon = long_day();
    let out = tempfile::tempdir().expect("a directory");
    let page = out.path().join("many.html");
    replay_ends(0, &["export", arg(daemon.dir()), "--format", "html", "-o", arg(&page)]);
    leave(&page, "many.html");
    let script = format!("{USE_LONG} found.commands = data.commands.length;");
    let found = in_chromium(&page, &script);
    assert_eq!((&found["error"], &found["commands"]), (&Value::Null, &10_009.into()), "{found:#}");
    eprintln!("the page is there after {} ms; {}", found["loaded"], found["took"]);
    assert!(found["loaded"].as_f64() < Some(LOADED_MS), "{found:#}");
    for (what, took) in found["took"].as_object().expect("times") {
        assert!(took.as_f64() < Some(MOMENT_MS), "{what} takes {took} ms");
    }
    // From afar: all lanes by name, and of bars that lie on one place only one.
    let everything = &found["everything"];
    assert!(is_legible(&everything["axis"]) && is_legible(&everything["lanes"]), "{everything:#}");
    let lanes = everything["lanes"].to_string();
    assert!(lanes.contains("s:s0") && lanes.contains("s:s7"), "{lanes}");
    let drawn = everything["drawn"].as_u64();
    assert!(drawn > Some(100) && drawn < Some(10_000), "{drawn:?}");
    assert!(found["zoomed"]["drawn"].as_u64() < drawn && is_legible(&found["zoomed"]["axis"]));
    // Searched for: found, in view, with its name on it, and its story beside it.
    assert_eq!((&found["count"], &found["many"]), (&"1 hit".into(), &"10000 hits".into()));
    let hit = &found["hit"];
    let texts = hit["all"].as_array().expect("texts");
    assert!(texts.contains(&"prompt needle".into()) && is_legible(&hit["axis"]), "{hit:#}");
    let details = found["details"].as_str().expect("text");
    assert!(details.contains("prompt needle") && details.contains("agent_error"), "{details}");
    assert!(found["chosen"].as_str().expect("text").contains("get_state c"), "{found:#}");
    // From as near as one can get, times still differ.
    assert!(is_legible(&found["closest"]["axis"]), "{:#}", found["closest"]["axis"]);
}

/// What a person does to find a place, and to show it to somebody else.
const HANDS: &str = r"
  const one = id => document.getElementById(id);
  canvas.setPointerCapture = map.setPointerCapture = () => {};
  const on = (element, name, px, py, more) => {
    const box = element.getBoundingClientRect();
    element.dispatchEvent(new PointerEvent(name, { clientX: box.left + px, clientY: box.top + py,
      bubbles: true, cancelable: true, pointerId: 1, pointerType: 'mouse', ...more }));
  };
  const span = () => { paint(); return [view.from, view.to]; };
  let written = []; const fill = pen.fillText.bind(pen);
  pen.fillText = (text, px, py) => { written.push(text); fill(text, px, py); };
  const press = key => document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
  found.lanes = Number(document.body.dataset.lanes);
  /* The strip: a part is chosen, and moved. */
  showAll(); paint(); const wide = map.clientWidth;
  on(map, 'pointerdown', wide * .25, 20); on(map, 'pointermove', wide * .5, 20);
  on(map, 'pointerup', wide * .5, 20); found.brushed = span().map(at => at / end);
  on(map, 'pointerdown', wide * .375, 20); on(map, 'pointermove', wide * .475, 20);
  on(map, 'pointerup', wide * .475, 20); found.moved = span().map(at => at / end);
  /* The crosshair says the time, a drag measures, z goes there. */
  const failed = data.commands.find(c => c.outcome === 'failed' && c.started !== null);
  choose(failed); reveal(failed); paint();
  written = []; on(canvas, 'pointermove', x(failed.until) - 1, yOf(failed) + 5); paint();
  found.tip = one('tip').hidden ? '' : one('tip').innerText;
  found.crosshair = written.includes(clock(time(Math.round((x(failed.until) - 1)))).slice(11))
    || written.filter(text => /^[0-9:]{8}[.][0-9]{6}Z$/.test(text)).length === 1;
  const [a, b] = [x(failed.accepted), x(failed.until)];
  written = []; on(canvas, 'pointerdown', a, 300, { button: 0 }); on(canvas, 'pointermove', b, 300);
  paint(); found.measured = [written.includes(words(measure.to - measure.from)),
    (measure.to - measure.from) / (failed.until - failed.accepted)];
  on(canvas, 'pointerup', b, 300); press('z'); found.toMeasure = (span()[1] - span()[0])
    / (failed.until - failed.accepted);
  /* Lanes: by a part of the name, folded by their names, all at once. */
  one('filter').value = 'project-1'; one('filter').dispatchEvent(new Event('input')); paint();
  found.filtered = shown.map(lane => lane.name);
  const before = shown[0].folded;
  on(canvas, 'pointerdown', 20, AXIS + 5, { button: 0 }); on(canvas, 'pointerup', 20, AXIS + 5); paint();
  found.folds = [before, shown[0].folded];
  one('filter').value = ''; one('filter').dispatchEvent(new Event('input')); paint();
  const tall = height; compact(true); paint(); found.compact = [tall, height];
  compact(false); paint(); found.unfolded = height; const y = view.y;
  canvas.dispatchEvent(new WheelEvent('wheel', { deltaY: 300, shiftKey: true, bubbles: true }));
  paint(); found.scrolled = view.y - y;
  /* Problems: a chip filters, n goes from one to the next. */
  const chips = [...one('chips').children]; found.chips = chips.map(it => it.textContent);
  chips.find(it => it.dataset.kind === 'failed').click();
  found.rows = [...one('list').querySelectorAll('b')].map(it => it.textContent);
  choose(null); press('n'); found.next = chosen?.outcome; const first = chosen;
  press('n'); found.another = chosen !== first; press('p'); found.back = chosen === first;
  press('Escape'); found.nothing = chosen === null;
  /* Arrows are those of the chosen chain, and of nothing else. */
  const linked = data.commands.find(c => c.dependsOn?.length === 2);
  let curves = 0; const bend = pen.bezierCurveTo.bind(pen);
  pen.bezierCurveTo = (...all) => { curves++; bend(...all); };
  showAll(); paint(); found.curves = [curves]; choose(linked); paint(); found.curves.push(curves);
  found.gaps = gaps.map(gap => [gap.kind, gap.since < gap.at]);
  /* The address has it all, and brings it back. */
  one('filter').value = 'project-'; search('r1-'); one('search').value = 'r1-';
  view.from = end * .4; view.to = end * .5; paint();
  const place = [chosen.command, hits.length, shown.length];
  /* At once, and not after the pause in which a person moves on: the browser of the test has no time. */
  writePlace(); found.hash = location.hash;
  showAll(); choose(null); one('filter').value = ''; search(''); wanted.clear(); listProblems();
  takePlace(); paint();
  found.again = [[chosen.command, hits.length, shown.length], place, [...wanted],
    span().map(at => Math.round(at / end * 100))];";

#[test]
fn a_place_is_found_measured_filtered_and_kept_in_the_address() {
    let daemon = busy_morning();
    let out = tempfile::tempdir().expect("a directory");
    let page = out.path().join("busy.html");
    replay_ends(0, &["export", arg(daemon.dir()), "--format", "html", "-o", arg(&page)]);
    leave(&page, "busy.html");
    let found = in_chromium(&page, HANDS);
    assert_eq!(found["error"], Value::Null, "{found:#}");
    let near =
        |value: &Value, wanted: f64| (value.as_f64().expect("a number") - wanted).abs() < 0.02;
    assert!(near(&found["brushed"][0], 0.25) && near(&found["brushed"][1], 0.5), "{found:#}");
    assert!(near(&found["moved"][0], 0.35) && near(&found["moved"][1], 0.6), "{found:#}");
    let tip = found["tip"].as_str().expect("text");
    assert!(tip.starts_with("prompt r") && tip.contains("failed agent_error"), "{found:#}");
    assert_eq!(found["crosshair"], true, "{found:#}");
    assert!(found["measured"][0] == true && near(&found["measured"][1], 1.0), "{found:#}");
    assert!(near(&found["toMeasure"], 1.16), "{found:#}");
    let filtered = found["filtered"].as_array().expect("names");
    assert!(filtered.len() > 5 && filtered.len() < 20, "{found:#}");
    assert_ne!(found["folds"][0], found["folds"][1], "{found:#}");
    assert!(found["compact"][1].as_u64() < found["unfolded"].as_u64(), "{found:#}");
    assert_eq!(found["scrolled"], 300, "{found:#}");
    let chips = found["chips"].to_string();
    for chip in ["1 crash", "1 downtime", " failed"] {
        assert!(chips.contains(chip), "{chips}");
    }
    let rows = found["rows"].as_array().expect("rows");
    assert!(rows.len() > 10 && rows.iter().all(|row| row == "failed"), "{found:#}");
    assert_eq!(found["next"], "failed");
    assert_eq!([&found["another"], &found["back"], &found["nothing"]], [true; 3], "{found:#}");
    assert!(found["curves"][0] == 0 && found["curves"][1].as_u64() >= Some(2), "{found:#}");
    assert_eq!(found["gaps"], json!([["crash", true], ["downtime", true]]));
    assert!(found["hash"].as_str().expect("text").contains("search=r1-"), "{found:#}");
    let again = &found["again"];
    assert_eq!(again[0], again[1], "{found:#}");
    assert_eq!((&again[2], &again[3]), (&json!(["failed"]), &json!([40, 50])), "{found:#}");
}
