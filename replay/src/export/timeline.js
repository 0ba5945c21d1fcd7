'use strict';
/* ---- what there is ---- */
const data = JSON.parse(document.getElementById('data').textContent);
const get = id => document.getElementById(id);
const canvas = get('canvas'), pen = canvas.getContext('2d');
const map = get('minimap'), mapPen = map.getContext('2d');
const COLORS = { queued: '#8a95a3', starting: '#60a5fa', succeeded: '#3f9d5c', failed: '#d64545',
  refused: '#b4549c', repeated: '#b08900', open: '#3b82f6', event: '#8b95a1' };
const LABELS = { queued: 'waited in its lane', starting: 'the agent had not taken it yet',
  succeeded: 'ran, and ended well', failed: 'failed (cross at the end)',
  refused: 'refused: it never was in a lane', repeated: 'answered from an earlier execution',
  open: 'not over where this ends', event: 'event of an agent' };
const AXIS = 26, ROW = 14, BAR = 10, HEAD = 5, FOLDED = 12, NAME = 15;
let LABEL = 150;
const byNumber = new Map(data.commands.map(c => [c.command, c]));
const dark = matchMedia('(prefers-color-scheme: dark)');
const narrow = matchMedia('(max-width: 700px)');

/* Times of the data are microseconds from `begin`. */
function clock(us) {
  const all = data.begin + us, micros = String(Math.round(all) % 1e6).padStart(6, '0');
  return new Date(Math.floor(all / 1e6) * 1000).toISOString().slice(0, 19) + '.' + micros + 'Z';
}
function words(us) {
  us = Math.round(us);
  if (us >= 3600e6) return (us / 3600e6).toFixed(2) + ' h';
  if (us >= 60e6) return (us / 60e6).toFixed(2) + ' min';
  if (us >= 1e6) return (us / 1e6).toFixed(3) + ' s';
  return us >= 1e3 ? (us / 1e3).toFixed(3) + ' ms' : us + ' µs';
}
const named = c => c.commandType + ' ' + (c.id ?? '#' + c.command);

let end = Math.max(1, data.end);
const lanes = data.lanes.map(name => ({ name, rows: [], commands: [], events: [], marks: [],
  folded: false, busy: null }));
for (const c of data.commands) {
  c.end = Math.max(c.accepted, c.started ?? 0, c.acknowledged ?? 0, c.finished ?? 0);
  end = Math.max(end, c.end);
}
for (const [at, lane] of data.events) { end = Math.max(end, at); lanes[lane]?.events.push(at); }
for (const n of data.notes) end = Math.max(end, n.at);
for (const p of data.problems) end = Math.max(end, p.at);
/* What was left out: how many commands and events of each lane began in each equal part. */
for (const [lane, bins] of Object.entries(data.density?.lanes ?? {})) {
  lanes[lane].busy = bins;
  end = Math.max(end, (bins.at(-1)?.[0] ?? 0) * data.density.width);
}
/* Each lane is as many rows high as commands overlap in it, and at most 12: a queue of thousands is
   drawn on top of itself, not a mile high. */
const ROWS_MAX = 12;
for (const c of data.commands) {
  const lane = lanes[c.laneIndex ?? 0];
  const until = c.outcome === 'open' ? end : c.end;
  let row = lane.rows.findIndex(free => free <= c.accepted);
  if (row < 0) row = lane.rows.length < ROWS_MAX ? lane.rows.length : (c.command % ROWS_MAX);
  lane.rows[row] = Math.max(lane.rows[row] ?? 0, until + 1);
  c.row = row; c.until = until; lane.commands.push(c);
}
const dependents = new Map();
for (const c of data.commands) {
  for (const number of c.dependsOn ?? []) {
    if (!dependents.has(number)) dependents.set(number, []);
    dependents.get(number).push(c);
  }
}
for (const p of data.problems) {
  const lane = data.lanes.indexOf('session:' + p.session);
  p.lane = byNumber.get(p.command)?.laneIndex ?? (lane < 0 ? 0 : lane);
  if (p.since === undefined && !byNumber.has(p.command)) lanes[p.lane].marks.push(p);
}
for (const lane of lanes) {
  lane.longest = lane.commands.reduce((most, c) => Math.max(most, c.until - c.accepted), 0);
}
const gaps = data.problems.filter(p => p.since !== undefined);

/* ---- where we are ---- */
const view = { from: 0, to: end, y: 0 };
let shown = [], height = 0, hits = [], hitSet = new Set(), hit = -1, chosen = null, drawn = 0;
let mouse = null, measure = null, listed = [], at = -1;
const kinds = new Map(), wanted = new Set();
const width = () => canvas.clientWidth - LABEL;
const x = at => LABEL + (at - view.from) / (view.to - view.from) * width();
const time = px => view.from + (px - LABEL) / width() * (view.to - view.from);
const yOf = c => {
  const lane = lanes[c.laneIndex ?? 0];
  return lane.top - view.y + (lane.folded ? 1 : HEAD + c.row * ROW);
};
/* Which lanes are shown, and where. */
function layout() {
  LABEL = canvas.clientWidth < 600 ? 84 : 150;
  const part = get('filter').value.trim().toLowerCase();
  shown = lanes.filter(lane => lane.name.toLowerCase().includes(part)
    && (lane.commands.length || lane.events.length || lane.marks.length || lane.busy));
  height = AXIS;
  for (const lane of lanes) lane.top = -1e9;
  for (const lane of shown) {
    lane.top = height;
    lane.height = lane.folded ? FOLDED : HEAD + Math.max(1, lane.rows.length) * ROW + 3;
    height += lane.height;
  }
  document.body.dataset.lanes = shown.length;
}
function clamp() {
  const least = 20, most = end * 1.05 + 1;
  const span = Math.min(most, Math.max(least, view.to - view.from));
  const middle = (view.from + view.to) / 2;
  view.from = middle - span / 2; view.to = middle + span / 2;
  if (view.from < -most * .05) { view.from = -most * .05; view.to = view.from + span; }
  if (view.to > end + most * .05) { view.to = end + most * .05; view.from = view.to - span; }
  view.y = Math.max(0, Math.min(view.y, height - canvas.clientHeight + 8));
}
let asked = false;
function draw() { if (!asked) { asked = true; requestAnimationFrame(paint); } }

/* ---- painting ---- */
let theme = {};
function colors() {
  const css = getComputedStyle(document.documentElement);
  for (const name of ['bg', 'fg', 'soft', 'line', 'panel', 'accent', 'mark']) {
    theme[name] = css.getPropertyValue('--' + name).trim();
  }
}
function sized(canvas, pen) {
  const scale = devicePixelRatio || 1, w = canvas.clientWidth, h = canvas.clientHeight;
  if (canvas.width !== Math.round(w * scale) || canvas.height !== Math.round(h * scale)) {
    canvas.width = Math.round(w * scale); canvas.height = Math.round(h * scale);
  }
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, w, h);
  return [w, h];
}
function paint() {
  asked = false; layout(); clamp();
  const [w, h] = sized(canvas, pen);
  pen.font = '11px system-ui, sans-serif'; pen.textBaseline = 'middle';
  drawn = 0;
  pen.save(); pen.beginPath(); pen.rect(LABEL, AXIS, w - LABEL, h - AXIS); pen.clip();
  paintGaps(h);
  const visible = shown.filter(lane => lane.top - view.y < h
    && lane.top - view.y + lane.height > AXIS);
  for (const lane of visible) {
    const top = lane.top - view.y;
    pen.strokeStyle = theme.line; pen.beginPath();
    pen.moveTo(LABEL, top + .5); pen.lineTo(w, top + .5); pen.stroke();
    paintBusy(lane, top);
    paintEvents(lane, top);
    paintLane(lane);
    for (const p of lane.marks) paintMark(p, top + (lane.folded ? 6 : HEAD + BAR / 2));
  }
  paintNotes(h);
  paintArrows();
  paintMeasure(h);
  paintCross(h);
  pen.restore();
  for (const lane of visible) paintName(lane, w);
  paintAxis(w);
  if (height - AXIS > h) {
    /* How far down this is. */
    const room = h - AXIS, size = Math.max(20, room * room / height);
    pen.fillStyle = theme.soft; pen.globalAlpha = .5;
    pen.fillRect(w - 5, AXIS + (room - size) * view.y / Math.max(1, height - h + 8), 4, size);
    pen.globalAlpha = 1;
  }
  paintMap();
  document.body.dataset.drawn = drawn;
  document.body.dataset.span = Math.round(view.to - view.from);
  keepPlace();
}
function hatch(pen, left, top, right, bottom, color) {
  pen.save(); pen.beginPath(); pen.rect(left, top, right - left, bottom - top); pen.clip();
  pen.globalAlpha = .13; pen.fillStyle = color; pen.fillRect(left, top, right - left, bottom - top);
  pen.globalAlpha = .4; pen.strokeStyle = color; pen.lineWidth = 1; pen.beginPath();
  const step = 8, tall = bottom - top;
  for (let px = left - tall - (left - tall) % step; px < right; px += step) {
    pen.moveTo(px, bottom); pen.lineTo(px + tall, top);
  }
  pen.stroke(); pen.restore();
}
/* While the daemon was away. */
function paintGaps(h) {
  for (const gap of gaps) {
    const left = Math.max(LABEL, x(gap.since)), right = Math.min(canvas.clientWidth, x(gap.at));
    if (right < LABEL || left > canvas.clientWidth) continue;
    const color = gap.kind === 'crash' ? COLORS.failed : theme.soft;
    hatch(pen, left, AXIS, Math.max(right, left + 2), h, color);
    if (right - left > 60) { pen.fillStyle = color; pen.fillText(gap.kind, left + 4, h - 8); }
  }
}
function paintBusy(lane, top) {
  if (!lane.busy) return;
  const step = data.density.width, tall = Math.min(lane.height - 2, 10);
  const most = lane.busy.reduce((most, bin) => Math.max(most, bin[1] + bin[2]), 1);
  pen.fillStyle = COLORS.succeeded;
  for (const [bin, commands, events] of lane.busy) {
    const left = x(bin * step), right = x((bin + 1) * step);
    if (right < LABEL || left > canvas.clientWidth) continue;
    pen.globalAlpha = .15 + .45 * (commands + events) / most;
    pen.fillRect(left, top + lane.height - tall - 1, Math.max(1, right - left), tall);
  }
  pen.globalAlpha = 1;
}
/* The first of a sorted list that is not before a time. */
function lower(list, value, of) {
  let low = 0, high = list.length;
  while (low < high) {
    const mid = (low + high) >> 1;
    if (of(list[mid]) < value) low = mid + 1; else high = mid;
  }
  return low;
}
function paintEvents(lane, top) {
  pen.fillStyle = COLORS.event;
  let last = -9;
  for (let i = lower(lane.events, view.from, at => at); i < lane.events.length; i++) {
    if (lane.events[i] > view.to) break;
    const px = Math.round(x(lane.events[i]));
    if (px - last < 2) continue;
    last = px; pen.fillRect(px, top + lane.height - 4, 1, 3);
  }
}
/* The first command that can reach into the view: commands are in the order of their arrival. */
function firstIn(lane) { return lower(lane.commands, view.from - lane.longest, c => c.accepted); }
function paintLane(lane) {
  const painted = new Set();
  for (let i = firstIn(lane); i < lane.commands.length; i++) {
    const c = lane.commands[i];
    if (c.accepted > view.to) break;
    if (c.until < view.from) continue;
    const left = x(c.accepted), right = Math.max(left + 2, x(c.until)), y = yOf(c);
    const special = hitSet.has(c) || c === chosen;
    /* Bars thinner than a pixel on one place are one bar. */
    const place = Math.round(left) * 64 + (lane.folded ? 0 : c.row);
    const bad = c.outcome === 'failed' || c.outcome === 'refused';
    if (right - left < 3 && painted.has(place + (bad ? .5 : 0)) && !special) continue;
    painted.add(place + (bad ? .5 : 0)); drawn++;
    pen.globalAlpha = hits.length && !special ? .25 : 1;
    paintBar(c, left, right, y, !lane.folded);
    if (special) {
      pen.lineWidth = c === chosen ? 2.5 : 1.5; pen.strokeStyle = theme.mark;
      pen.strokeRect(left - 2, y - 1.5, right - left + 4, BAR + 3); pen.lineWidth = 1;
    }
    pen.globalAlpha = 1;
  }
}
/* Every outcome has a shape besides its colour. */
function paintBar(c, left, right, y, named_) {
  const mid = y + BAR / 2, color = COLORS[c.outcome];
  if (c.outcome === 'refused') {
    pen.fillStyle = color; pen.beginPath(); pen.moveTo(left, y - 1); pen.lineTo(left + 6, mid);
    pen.lineTo(left, y + BAR + 1); pen.lineTo(left - 6, mid); pen.fill(); return;
  }
  if (c.outcome === 'repeated') {
    pen.strokeStyle = color; pen.lineWidth = 2; pen.beginPath(); pen.arc(left, mid, 4, 0, 7);
    pen.stroke(); pen.lineWidth = 1; return;
  }
  const start = c.started === null ? right : Math.max(left, x(c.started));
  pen.fillStyle = COLORS.queued; pen.fillRect(left, mid - 1.5, Math.max(1, start - left), 3);
  if (c.started !== null) {
    const on = c.acknowledged === null ? start : x(c.acknowledged);
    if (on > start) {
      pen.strokeStyle = COLORS.starting;
      pen.strokeRect(start + .5, y + .5, Math.max(1, on - start - 1), BAR - 1);
    }
    pen.fillStyle = color; pen.fillRect(on, y, Math.max(1.5, right - on), BAR);
  }
  if (c.outcome === 'failed') {
    /* A cross, also where it ended without ever starting. */
    pen.strokeStyle = theme.bg; pen.lineWidth = 4; cross(right, mid);
    pen.strokeStyle = color; pen.lineWidth = 2; cross(right, mid); pen.lineWidth = 1;
  } else if (c.outcome === 'open') {
    const tip = Math.min(right, canvas.clientWidth - 8);
    pen.fillStyle = color; pen.beginPath(); pen.moveTo(tip - 1, y - 2); pen.lineTo(tip + 7, mid);
    pen.lineTo(tip - 1, y + BAR + 2); pen.fill();
  }
  if (named_ && right - left > 60) {
    /* On the solid part if there is room, else on the hollow one. */
    const on = Math.max(LABEL, c.started === null || c.acknowledged === null ? start : x(c.acknowledged));
    const to = Math.min(right - 6, canvas.clientWidth);
    const [from, until, ink] = to - on > 40 ? [on, to, '#fff'] : [Math.max(LABEL, start), on, theme.fg];
    if (until - from > 40) {
      pen.save(); pen.beginPath(); pen.rect(from, y, until - from - 3, BAR); pen.clip();
      pen.fillStyle = ink; pen.fillText(named(c), from + 4, mid + .5); pen.restore();
    }
  }
}
function cross(px, py) {
  pen.beginPath(); pen.moveTo(px - 4, py - 4); pen.lineTo(px + 4, py + 4);
  pen.moveTo(px - 4, py + 4); pen.lineTo(px + 4, py - 4); pen.stroke();
}
/* A problem that is no command's: a triangle. */
function paintMark(p, py) {
  const px = x(p.at);
  if (px < LABEL - 6 || px > canvas.clientWidth + 6) return;
  if (wanted.size && !wanted.has(p.kind)) return;
  pen.fillStyle = COLORS.failed; pen.strokeStyle = theme.bg; pen.beginPath();
  pen.moveTo(px, py - 6); pen.lineTo(px + 6, py + 5); pen.lineTo(px - 6, py + 5); pen.closePath();
  pen.fill(); pen.stroke();
  pen.fillStyle = '#fff'; pen.fillRect(px - .75, py - 2, 1.5, 4); pen.fillRect(px - .75, py + 2.7, 1.5, 1.3);
}
function paintNotes(h) {
  pen.setLineDash([3, 4]); pen.strokeStyle = pen.fillStyle = theme.soft;
  let last = -99;
  for (const n of data.notes) {
    if (n.what !== 'boot' && n.what !== 'stop' && n.what !== 'drain') continue;
    const px = Math.round(x(n.at)) + .5;
    if (px < LABEL || px > canvas.clientWidth) continue;
    pen.beginPath(); pen.moveTo(px, AXIS); pen.lineTo(px, h); pen.stroke();
    if (px - last > 34) {
      const wide = pen.measureText(n.what).width;
      const left = px + 4 + wide > canvas.clientWidth ? px - wide - 4 : px + 4;
      pen.fillStyle = theme.bg; pen.fillRect(left - 2, h - 28, wide + 4, 15);
      pen.fillStyle = theme.soft; pen.fillText(n.what, left, h - 20); last = px;
    }
  }
  pen.setLineDash([]);
}
/* What the chosen command depends on and what depends on it, at any remove. */
function chain() {
  const all = new Set();
  if (!chosen) return all;
  const needs = c => (c.dependsOn ?? []).map(number => byNumber.get(number)).filter(Boolean);
  const grow = (start, next) => {
    const open = [start];
    while (open.length) {
      const c = open.pop();
      for (const other of next(c)) if (!all.has(other)) { all.add(other); open.push(other); }
    }
  };
  grow(chosen, needs);
  grow(chosen, c => dependents.get(c.command) ?? []);
  all.add(chosen);
  return all;
}
function paintArrows() {
  let left = 3000;
  const linked = chain(), color = dark.matches ? '#a78bfa' : '#7c3aed';
  pen.strokeStyle = pen.fillStyle = color; pen.lineWidth = 1.5;
  for (const c of linked) {
    for (const number of c.dependsOn ?? []) {
      const from = byNumber.get(number);
      if (!from || !linked.has(from) || from.until > c.until + end || --left < 0) continue;
      if (lanes[c.laneIndex].top < 0 || lanes[from.laneIndex].top < 0) continue;
      const x1 = x(from.until), y1 = yOf(from) + BAR / 2;
      const x2 = x(c.started ?? c.until), y2 = yOf(c) + BAR / 2;
      const bend = Math.max(12, Math.min(60, Math.abs(x2 - x1) / 2));
      pen.beginPath(); pen.moveTo(x1, y1);
      pen.bezierCurveTo(x1 + bend, y1, x2 - bend, y2, x2, y2); pen.stroke();
      pen.beginPath(); pen.moveTo(x2, y2); pen.lineTo(x2 - 7, y2 - 4); pen.lineTo(x2 - 7, y2 + 4);
      pen.fill();
    }
  }
  pen.lineWidth = 1;
}
function tag(text, px, py) {
  const wide = pen.measureText(text).width + 10;
  const left = Math.max(LABEL, Math.min(px - wide / 2, canvas.clientWidth - wide));
  pen.fillStyle = theme.fg; pen.fillRect(left, py - 8, wide, 16);
  pen.fillStyle = theme.bg; pen.fillText(text, left + 5, py);
}
function paintMeasure(h) {
  if (!measure) return;
  const [from, to] = [measure.from, measure.to].sort((a, b) => a - b);
  const left = x(from), right = x(to);
  pen.globalAlpha = .18; pen.fillStyle = theme.accent; pen.fillRect(left, AXIS, right - left, h);
  pen.globalAlpha = 1; pen.strokeStyle = theme.accent;
  for (const px of [left, right]) { pen.beginPath(); pen.moveTo(px, AXIS); pen.lineTo(px, h); pen.stroke(); }
  tag(words(to - from), (left + right) / 2, AXIS + 12);
}
function paintCross(h) {
  if (!mouse || mouse.x < LABEL) return;
  pen.strokeStyle = theme.soft; pen.beginPath();
  pen.moveTo(mouse.x + .5, AXIS); pen.lineTo(mouse.x + .5, h); pen.stroke();
}
function paintName(lane, w) {
  const top = lane.top - view.y, from = Math.max(top + 1, AXIS);
  pen.fillStyle = theme.bg; pen.fillRect(0, from, LABEL, top + lane.height - from);
  pen.strokeStyle = theme.line; pen.beginPath();
  pen.moveTo(0, top + .5); pen.lineTo(w, top + .5);
  pen.moveTo(LABEL - .5, from); pen.lineTo(LABEL - .5, top + lane.height); pen.stroke();
  const py = lane.folded ? top + 6.5 : top + HEAD + BAR / 2 + .5;
  if (py < AXIS + 6) return;
  pen.save(); pen.beginPath(); pen.rect(0, AXIS, LABEL - 4, 1e5); pen.clip();
  pen.fillStyle = theme.soft;
  pen.beginPath();
  if (lane.folded) { pen.moveTo(5, py - 4); pen.lineTo(10, py); pen.lineTo(5, py + 4); }
  else { pen.moveTo(4, py - 2); pen.lineTo(11, py - 2); pen.lineTo(7.5, py + 3); }
  pen.fill();
  pen.fillStyle = theme.fg;
  if (lane.folded) pen.font = '10px system-ui, sans-serif';
  pen.fillText(lane.name.replace(/^session:/, 's:'), NAME, py);
  pen.restore();
}
/* A time on the axis: the clock on the wall, as exact as its neighbours are near. */
function tick(us, step) {
  const text = clock(us);
  if (step >= 60e6) return text.slice(11, 16);
  if (step >= 1e6) return text.slice(11, 19);
  return text.slice(11, 20 + Math.min(6, Math.ceil(6 - Math.log10(step))));
}
const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500].flatMap(n => [n, n * 1e3])
  .concat([1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400,
    172800, 604800, 2592000].map(n => n * 1e6)).sort((a, b) => a - b);
function paintAxis(w) {
  pen.fillStyle = theme.bg; pen.fillRect(0, 0, w, AXIS);
  pen.strokeStyle = theme.line; pen.beginPath();
  pen.moveTo(0, AXIS - .5); pen.lineTo(w, AXIS - .5); pen.stroke();
  const span = view.to - view.from, rough = span / Math.max(2, width() / 120);
  const step = STEPS.find(n => n >= rough) ?? STEPS.at(-1);
  pen.fillStyle = theme.soft;
  const first = Math.ceil((data.begin + Math.max(0, view.from)) / step) * step - data.begin;
  let right = 0;
  for (let at = first; at <= view.to; at += step) {
    const px = x(at);
    if (px < LABEL) continue;
    pen.beginPath(); pen.moveTo(px, AXIS - 6); pen.lineTo(px, AXIS); pen.stroke();
    const text = step >= 86400e6 ? clock(at).slice(0, 10) : tick(Math.round(at), step);
    if (px + 3 < right || px + 3 + pen.measureText(text).width > w) continue;
    pen.fillText(text, px + 3, AXIS / 2); right = px + 9 + pen.measureText(text).width;
  }
  /* The date of the left edge. */
  pen.fillStyle = theme.fg;
  pen.fillText(clock(Math.max(0, view.from)).slice(0, 10), 8, AXIS / 2);
  if (mouse && mouse.x >= LABEL) tag(clock(Math.max(0, time(mouse.x))).slice(11), mouse.x, AXIS / 2);
}
let mapParts = null;
/* How much there was, and how much of it was bad, for each pixel of the strip. */
function mapData(w) {
  if (mapParts?.w === w) return mapParts;
  const good = new Float64Array(w + 1), bad = new Float64Array(w + 1);
  const place = at => Math.max(0, Math.min(w, Math.floor(at / end * w)));
  for (const c of data.commands) {
    (c.outcome === 'failed' || c.outcome === 'refused' ? bad : good)[place(c.end)]++;
  }
  for (const [at] of data.events) good[place(at)] += .2;
  for (const p of data.problems) if (!byNumber.has(p.command)) bad[place(p.at)]++;
  for (const lane of lanes) for (const [bin, commands, events] of lane.busy ?? []) {
    good[place((bin + .5) * data.density.width)] += commands + events * .2;
  }
  const most = Math.max(1, ...good.map((n, i) => n + bad[i]));
  return mapParts = { w, good, bad, most };
}
const mapX = at => Math.max(0, Math.min(1, at / end)) * map.clientWidth;
const mapTime = px => px / map.clientWidth * end;
function paintMap() {
  const [w, h] = sized(map, mapPen);
  const { good, bad, most } = mapData(w);
  for (const gap of gaps) {
    const color = gap.kind === 'crash' ? COLORS.failed : theme.soft;
    hatch(mapPen, mapX(gap.since), 0, Math.max(mapX(gap.since) + 2, mapX(gap.at)), h, color);
  }
  const tall = n => n && Math.max(2, Math.sqrt(n / most) * (h - 14));
  for (let px = 0; px <= w; px++) {
    const up = tall(good[px]);
    mapPen.fillStyle = COLORS.succeeded; mapPen.globalAlpha = .7;
    if (up) mapPen.fillRect(px, h - up, 1, up);
    mapPen.globalAlpha = 1; mapPen.fillStyle = COLORS.failed;
    /* What is bad has a mark at the top too, which no green hides. */
    if (bad[px]) { mapPen.fillRect(px, h - tall(bad[px]), 1, tall(bad[px])); mapPen.fillRect(px - 1, 1, 3, 4); }
  }
  const left = mapX(view.from), right = Math.max(left + 3, mapX(view.to));
  mapPen.fillStyle = theme.bg; mapPen.globalAlpha = .65;
  mapPen.fillRect(0, 0, left, h); mapPen.fillRect(right, 0, w - right, h);
  mapPen.globalAlpha = 1; mapPen.strokeStyle = theme.accent; mapPen.lineWidth = 1.5;
  mapPen.strokeRect(left + .75, .75, Math.max(2, right - left - 1.5), h - 1.5);
  mapPen.fillStyle = theme.accent;
  for (const px of [left, right - 3]) mapPen.fillRect(px, h / 2 - 8, 3, 16);
}

/* ---- moving ---- */
function zoom(factor, px = LABEL + width() / 2) {
  const at = time(px);
  view.from = at - (at - view.from) * factor; view.to = at + (view.to - at) * factor; draw();
}
function showAll() { view.from = -end * .02; view.to = end * 1.02; view.y = 0; draw(); }
function showSpan(from, to) {
  const room = Math.max(10, (to - from) * .08);
  view.from = from - room; view.to = to + room; draw();
}
function reveal(c) {
  const lane = lanes[c.laneIndex ?? 0];
  if (lane.top < 0) { get('filter').value = ''; }
  if (lane.folded) { lane.folded = false; }
  layout();
  const length = Math.max(c.until - c.accepted, 50);
  const span = Math.max(view.to - view.from, length * 2);
  const wide = Math.min(span, Math.max(length * 12, 2000));
  const middle = (c.accepted + c.until) / 2;
  view.from = middle - wide / 2; view.to = middle + wide / 2;
  view.y = lane.top + HEAD + c.row * ROW - canvas.clientHeight / 2;
  draw();
}
function laneAt(py) {
  if (py < AXIS) return null;
  return shown.find(lane => py >= lane.top - view.y && py < lane.top - view.y + lane.height) ?? null;
}
function find(px, py) {
  const lane = laneAt(py);
  if (!lane) return null;
  let best = null, near = 7;
  for (let i = firstIn(lane); i < lane.commands.length; i++) {
    const c = lane.commands[i];
    if (c.accepted > view.to) break;
    const y = yOf(c);
    if (py < y - 3 || py > y + BAR + 3) continue;
    const left = x(c.accepted), right = Math.max(left + 2, x(c.until));
    const away = px < left ? left - px : px > right ? px - right : 0;
    if (away < near || away === near && c.outcome !== 'succeeded') { near = away; best = c; }
  }
  return best;
}
function choose(c) {
  chosen = c; document.body.classList.toggle('chosen', Boolean(c)); draw();
  const box = get('details'); box.replaceChildren();
  if (!c) return;
  const top = document.createElement('div'), title = document.createElement('h2');
  const close = document.createElement('button');
  top.className = 'top'; title.textContent = named(c);
  close.textContent = '×'; close.setAttribute('aria-label', 'Close'); close.onclick = () => choose(null);
  top.append(title, close);
  const list = document.createElement('dl');
  const row = (name, value) => {
    if (value === undefined || value === null || value === '') return;
    const dt = document.createElement('dt'), dd = document.createElement('dd');
    dt.textContent = name; dd.append(value); list.append(dt, dd);
  };
  const link = number => {
    const other = byNumber.get(number), a = document.createElement('a');
    a.textContent = '#' + number + (other?.id ? ' ' + other.id : '') + (other ? '' : ' (left out)');
    a.tabIndex = 0; a.role = 'button';
    a.onclick = () => { if (other) { choose(other); reveal(other); } };
    a.onkeydown = e => { if (e.key === 'Enter') { a.onclick(); e.stopPropagation(); } };
    const span = document.createElement('span'); span.append(a, ' '); return span;
  };
  const links = numbers => {
    if (!numbers?.length) return null;
    const all = document.createElement('span'); all.append(...numbers.map(link)); return all;
  };
  row('input', '#' + c.command); row('outcome', c.outcome);
  row('error', c.errorCode); row('', c.error);
  row('lane', lanes[c.laneIndex ?? 0].name); row('session', c.session); row('lane sequence', c.laneSequence);
  row('connection', c.connection === undefined ? null : 'c' + c.connection); row('client', c.client);
  row('accepted', c.before ? 'before the journal begins' : clock(c.accepted));
  if (c.started !== null && !c.before) row('queued for', words(c.started - c.accepted));
  const began = c.started ?? c.accepted;
  if (c.acknowledged !== null) row('agent took it', words(c.acknowledged - began) + ' after');
  if (c.started !== null && c.finished !== null) row('ran for', words(c.finished - c.started));
  row('finished', c.finished === null ? 'not in this part' : clock(c.finished));
  row('depends on', links(c.dependsOn));
  const needed = dependents.get(c.command) ?? [];
  row('needed by', links(needed.map(other => other.command)));
  box.append(top, list);
  if (c.frame) {
    const pre = document.createElement('pre');
    try { pre.textContent = JSON.stringify(JSON.parse(c.frame), null, 2); }
    catch { pre.textContent = c.frame; }
    box.append(pre);
  }
}
function search(text) {
  const part = text.trim().toLowerCase();
  const has = c => [c.id, '#' + c.command, c.commandType, c.session, c.client, c.errorCode, c.error,
    c.outcome, c.frame].some(it => it && String(it).toLowerCase().includes(part));
  hits = part ? data.commands.filter(has) : [];
  hitSet = new Set(hits); hit = -1;
  get('count').textContent = part ? hits.length + (hits.length === 1 ? ' hit' : ' hits')
    : data.counts.commands + ' commands, ' + data.counts.events + ' events';
  get('next').hidden = !part;
  draw();
}
function nextHit(by = 1) {
  if (!hits.length) return;
  hit = (hit + by + hits.length) % hits.length; choose(hits[hit]); reveal(hits[hit]);
}

/* ---- problems first: a chip for each kind filters the list, a row leads to its place ---- */
const LISTED = 500;
for (const [kind, count] of data.counts.kinds) kinds.set(kind, count);
function goTo(p) {
  at = listed.indexOf(p);
  const c = byNumber.get(p.command);
  if (c) { choose(c); reveal(c); return; }
  const span = p.since === undefined ? Math.min(view.to - view.from, end / 10)
    : Math.max(view.to - view.from, (p.at - p.since) * 3);
  if (lanes[p.lane].top < 0) get('filter').value = '';
  layout();
  view.from = p.at - span / 2; view.to = p.at + span / 2;
  view.y = lanes[p.lane].top - canvas.clientHeight / 2; draw();
}
function nextProblem(by) {
  if (!listed.length) return;
  at = at < 0 ? (by > 0 ? 0 : listed.length - 1) : (at + by + listed.length) % listed.length;
  goTo(listed[at]);
}
function listProblems() {
  listed = data.problems.filter(p => !wanted.size || wanted.has(p.kind)); at = -1;
  get('list').replaceChildren(...listed.slice(0, LISTED).map(p => {
    const li = document.createElement('li'), button = document.createElement('button');
    const c = byNumber.get(p.command);
    const part = (name, text) => {
      const it = document.createElement(name); it.textContent = text; button.append(it); return it;
    };
    part('time', clock(p.at).replace('T', ' ').slice(0, 23));
    part('span', '#' + p.seq).className = 'seq'; part('b', p.kind);
    const whose = c ? named(c) : p.command ? '#' + p.command : p.session ?? '';
    part('span', (whose ? whose + ': ' : '') + p.words).className = 'words';
    button.onclick = () => goTo(p);
    li.append(button); return li;
  }));
  let all = 0;
  for (const [kind, count] of kinds) if (!wanted.size || wanted.has(kind)) all += count;
  if (all > LISTED) {
    const li = document.createElement('li');
    li.textContent = 'and ' + (all - LISTED) + ' more';
    get('list').append(li);
  }
  draw();
}
function listKinds() {
  const total = data.counts.problems;
  get('sum').textContent = total ? total + (total === 1 ? ' problem' : ' problems') : 'No problems';
  get('problems').open = total > 0 && !narrow.matches;
  for (const kind of kinds.keys()) {
    const chip = document.createElement('button');
    chip.textContent = kinds.get(kind) + ' ' + kind;
    chip.dataset.kind = kind;
    chip.setAttribute('aria-pressed', String(wanted.has(kind)));
    chip.onclick = () => {
      if (!wanted.delete(kind)) wanted.add(kind);
      chip.setAttribute('aria-pressed', String(wanted.has(kind)));
      listProblems();
    };
    get('chips').append(chip);
  }
  if (data.left) {
    const p = document.createElement('p'); p.id = 'left'; p.textContent = data.left;
    get('problems').before(p); p.style.cssText = 'grid-column: 1 / -1; padding: 0 .8rem;';
    document.body.style.gridTemplateRows = 'auto auto auto auto minmax(0, 1fr)';
  }
}

/* ---- hands ---- */
const pointers = new Map();
let drag = null;
canvas.onwheel = e => {
  e.preventDefault();
  if (e.shiftKey || e.offsetX < LABEL) { view.y += e.deltaY || e.deltaX; draw(); return; }
  if (Math.abs(e.deltaX) > Math.abs(e.deltaY)) {
    const by = e.deltaX / width() * (view.to - view.from);
    view.from += by; view.to += by; draw(); return;
  }
  zoom(Math.exp(Math.max(-1, Math.min(1, e.deltaY / 300))), Math.max(LABEL, e.offsetX));
};
canvas.onpointerdown = e => {
  pointers.set(e.pointerId, e.offsetX);
  const moves = e.pointerType === 'touch' || e.shiftKey || e.button === 1 || e.offsetY < AXIS
    || e.offsetX < LABEL;
  drag = { x: e.offsetX, y: e.offsetY, from: view.from, to: view.to, top: view.y, moved: false,
    moves, at: time(e.offsetX) };
  canvas.setPointerCapture(e.pointerId);
};
canvas.onpointermove = e => {
  const before = pointers.get(e.pointerId);
  if (before !== undefined) pointers.set(e.pointerId, e.offsetX);
  if (pointers.size === 2) {
    const [a, b] = [...pointers.entries()].map(([id, px]) => [px, id === e.pointerId ? before : px]);
    const was = Math.abs(a[1] - b[1]), is = Math.abs(a[0] - b[0]);
    if (was > 5 && is > 5) zoom(was / is, (a[0] + b[0]) / 2);
    drag = null; return;
  }
  mouse = e.pointerType === 'touch' && !drag ? null : { x: e.offsetX, y: e.offsetY };
  if (drag) {
    drag.moved ||= Math.abs(e.offsetX - drag.x) + Math.abs(e.offsetY - drag.y) > 4;
    if (drag.moved && drag.moves) {
      const dx = (e.offsetX - drag.x) / width() * (drag.to - drag.from);
      if (drag.x >= LABEL) { view.from = drag.from - dx; view.to = drag.to - dx; }
      view.y = drag.top - (e.offsetY - drag.y);
    } else if (drag.moved) {
      measure = { from: drag.at, to: time(Math.max(LABEL, e.offsetX)) };
    }
  }
  hover(); draw();
};
canvas.onpointerup = canvas.onpointercancel = e => {
  pointers.delete(e.pointerId);
  if (e.type === 'pointerup' && drag && !drag.moved) {
    const lane = drag.x < LABEL ? laneAt(drag.y) : null;
    if (lane) { lane.folded = !lane.folded; draw(); }
    else { measure = null; choose(find(e.offsetX, e.offsetY)); }
  }
  drag = null;
};
canvas.onpointerleave = () => { mouse = null; hover(); draw(); };
function hover() {
  const tip = get('tip'), c = mouse && !drag && mouse.x >= LABEL ? find(mouse.x, mouse.y) : null;
  const lane = mouse && !drag && mouse.x < LABEL ? laneAt(mouse.y) : null;
  tip.hidden = !c && !lane;
  canvas.style.cursor = lane || c ? 'pointer' : 'crosshair';
  if (tip.hidden) return;
  tip.textContent = lane ? lane.name + '\n' + lane.commands.length + ' commands'
    : named(c) + '\n' + c.outcome + (c.errorCode ? ' ' + c.errorCode : '') + '\n'
      + clock(c.accepted).slice(11) + (c.finished === null ? '' : ', ' + words(c.end - c.accepted));
  const wide = tip.offsetWidth, tall = tip.offsetHeight;
  tip.style.left = Math.min(mouse.x + 14, canvas.clientWidth - wide - 4) + 'px';
  const below = mouse.y + 16;
  tip.style.top = (below + tall > canvas.clientHeight ? mouse.y - tall - 8 : below) + 'px';
}
let brush = null;
map.onpointerdown = e => {
  const at = mapTime(e.offsetX), left = mapX(view.from), right = Math.max(left + 3, mapX(view.to));
  const near = px => Math.abs(e.offsetX - px) < 6;
  const whole = right - left > map.clientWidth * .95;
  brush = near(left) && !whole ? { edge: 'from' } : near(right) && !whole ? { edge: 'to' }
    : e.offsetX > left && e.offsetX < right && !whole ? { move: at, from: view.from, to: view.to }
    : { begin: at };
  map.setPointerCapture(e.pointerId);
};
map.onpointermove = e => {
  if (!brush) return;
  const at = mapTime(e.offsetX);
  if (brush.edge) view[brush.edge] = at;
  else if (brush.begin !== undefined) { view.from = Math.min(brush.begin, at); view.to = Math.max(brush.begin, at); }
  else { view.from = brush.from + at - brush.move; view.to = brush.to + at - brush.move; }
  if (view.from > view.to) [view.from, view.to] = [view.to, view.from];
  draw();
};
map.onpointerup = map.onpointercancel = e => {
  if (brush?.begin !== undefined && Math.abs(mapTime(e.offsetX) - brush.begin) < end / map.clientWidth * 4) {
    /* A click: there, as near as it was. */
    const span = Math.min(view.to - view.from, end / 4);
    view.from = brush.begin - span / 2; view.to = brush.begin + span / 2; draw();
  }
  brush = null;
};
function neighbour(by) {
  if (!chosen) return;
  const all = lanes[chosen.laneIndex ?? 0].commands, next = all[all.indexOf(chosen) + by];
  if (next) { choose(next); reveal(next); }
}
function compact(on = !lanes.every(lane => lane.folded)) {
  for (const lane of lanes) lane.folded = on;
  get('fold').setAttribute('aria-pressed', String(on)); draw();
}
function toMeasure() {
  if (measure) { showSpan(...[measure.from, measure.to].sort((a, b) => a - b)); measure = null; }
  else if (chosen) showSpan(chosen.accepted, chosen.until);
}
addEventListener('keydown', e => {
  if (e.ctrlKey || e.metaKey || e.altKey || get('keys').open) return;
  if (e.target.tagName === 'INPUT') { if (e.key === 'Escape') e.target.blur(); return; }
  const move = (view.to - view.from) / 8 * (e.shiftKey ? 4 : 1);
  const pan = by => { view.from += by; view.to += by; draw(); };
  const scroll = by => { view.y += by; draw(); };
  const acts = { '+': () => zoom(.5), '=': () => zoom(.5), '-': () => zoom(2), '0': showAll,
    ArrowLeft: () => pan(-move), ArrowRight: () => pan(move), ArrowUp: () => scroll(-40),
    ArrowDown: () => scroll(40), PageUp: () => scroll(-canvas.clientHeight * .8),
    PageDown: () => scroll(canvas.clientHeight * .8), Home: () => pan(-view.from),
    End: () => pan(end - view.to), '/': () => get('search').focus(), f: () => get('filter').focus(),
    n: () => hits.length ? nextHit() : nextProblem(1),
    p: () => hits.length ? nextHit(-1) : nextProblem(-1),
    '[': () => neighbour(-1), ']': () => neighbour(1), c: () => compact(), z: toMeasure,
    '?': () => get('help').click(),
    Escape: () => { measure = null; choose(null); } };
  /* A button that has the focus keeps its own keys. */
  const inList = e.target.closest?.('button, a, summary') && ['ArrowUp', 'ArrowDown', 'PageUp', 'PageDown'].includes(e.key);
  if (e.key === 'Enter' && (e.target === canvas || e.target === document.body)) nextHit();
  else if (acts[e.key] && !inList) acts[e.key]();
  else return;
  e.preventDefault();
});
get('search').oninput = e => search(e.target.value);
get('search').onkeydown = e => { if (e.key === 'Enter') nextHit(); };
get('filter').oninput = () => { view.y = 0; draw(); };
get('next').onclick = () => nextHit();
get('in').onclick = () => zoom(.5);
get('out').onclick = () => zoom(2);
get('all').onclick = showAll;
get('fold').onclick = () => compact();
get('help').onclick = () => get('keys').showModal();
new ResizeObserver(draw).observe(canvas);
dark.addEventListener('change', () => { colors(); draw(); });

/* ---- the address keeps the place: timeline.html#from=0&to=900&search=p1&choose=p1&lanes=beta ---- */
let keeping = 0;
function keepPlace() {
  clearTimeout(keeping);
  keeping = setTimeout(writePlace, 150);
}
function writePlace() {
  const place = new URLSearchParams();
  const put = (name, value) => { if (value) place.set(name, value); };
  put('from', String(Math.round(view.from))); put('to', String(Math.round(view.to)));
  put('y', Math.round(view.y)); put('search', get('search').value);
  put('lanes', get('filter').value); put('kinds', [...wanted].join(','));
  put('chosen', chosen?.command);
  put('folded', lanes.flatMap((lane, i) => lane.folded ? [i] : []).join(','));
  if (location.hash.slice(1) !== String(place)) history.replaceState(null, '', '#' + place);
}
function takePlace() {
  const wish = new URLSearchParams(location.hash.slice(1));
  const number = name => wish.has(name) && wish.get(name) !== '' ? Number(wish.get(name)) : NaN;
  get('filter').value = wish.get('lanes') ?? '';
  wanted.clear();
  for (const kind of (wish.get('kinds') ?? '').split(',')) if (kinds.has(kind)) wanted.add(kind);
  for (const chip of get('chips').children) chip.setAttribute('aria-pressed', String(wanted.has(chip.dataset.kind)));
  if (wish.has('folded')) {
    const folded = new Set(wish.get('folded').split(','));
    lanes.forEach((lane, i) => { lane.folded = folded.has(String(i)); });
  }
  listProblems();
  get('search').value = wish.get('search') ?? ''; search(get('search').value);
  const byId = wish.has('choose') && data.commands.find(c => c.id === wish.get('choose'));
  choose(byId || byNumber.get(number('chosen')) || null);
  layout(); showAll();
  if (wish.has('zoom')) zoom(1 / Number(wish.get('zoom') || 1));
  if (number('to') > number('from')) { view.from = number('from'); view.to = number('to'); }
  if (number('y') > 0) view.y = number('y');
  for (let n = 0; n < (number('hit') || 0); n++) nextHit();
}
addEventListener('hashchange', () => { takePlace(); paint(); });

get('title').textContent = data.title; document.title = data.title + ' · pi-replay';
const long = text => text.replace('T', ' ').slice(0, 23) + 'Z';
get('span').textContent = long(clock(0)) + ' to ' + long(clock(end)) + ', ' + words(end)
  + (data.begins ? '; ' + data.begins : '');
/* Many lanes begin with one row each, but for those in which something went wrong. */
if (lanes.length > 24) {
  const bad = new Set(data.problems.map(p => p.lane));
  lanes.forEach((lane, i) => { lane.folded = lanes.length > 200 || !bad.has(i); });
}
colors(); listKinds(); takePlace(); paint();
for (const [name, label] of Object.entries(LABELS)) {
  const box = document.createElement('canvas'), text = document.createElement('span');
  text.textContent = label; get('key').append(box, text);
  box.width = 88; box.height = 32;
  const mine = box.getContext('2d');
  mine.scale(2, 2);
  mine.fillStyle = mine.strokeStyle = COLORS[name];
  if (name === 'queued') mine.fillRect(4, 6.5, 36, 3);
  else if (name === 'starting') mine.strokeRect(4.5, 3.5, 35, 9);
  else if (name === 'event') mine.fillRect(22, 8, 1, 4);
  else if (name === 'refused') { mine.moveTo(22, 1); mine.lineTo(29, 8); mine.lineTo(22, 15); mine.lineTo(15, 8); mine.fill(); }
  else if (name === 'repeated') { mine.lineWidth = 2; mine.arc(22, 8, 4, 0, 7); mine.stroke(); }
  else {
    mine.fillRect(4, 3, 30, 10);
    if (name === 'open') { mine.moveTo(34, 1); mine.lineTo(42, 8); mine.lineTo(34, 15); mine.fill(); }
    if (name === 'failed') { mine.lineWidth = 2; mine.moveTo(30, 4); mine.lineTo(38, 12); mine.moveTo(30, 12); mine.lineTo(38, 4); mine.stroke(); }
  }
}
