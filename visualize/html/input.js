// Wheel, drag, touch, keyboard, search and filters.

function setView(from, to) {
  const whole = Math.max(view.end - view.begin, 1), span = Math.min(Math.max(to - from, 200), whole * 1.04);
  let a = from + (to - from - span) / 2;
  const slack = whole * .02;
  a = Math.min(Math.max(a, view.begin - slack), view.end + slack - span);
  view.from = a;
  view.to = a + span;
  redraw();
}
function zoom(factor, x = (view.gutter + view.width) / 2) {
  const t = tOf(Math.max(x, view.gutter));
  setView(t - (t - view.from) * factor, t + (view.to - t) * factor);
}
function pan(pixels) {
  const d = pixels * (view.to - view.from) / (view.width - view.gutter);
  setView(view.from + d, view.to + d);
}

function nearest(x, y) {
  let best = null, least = 9;
  for (const h of hits) {
    let d;
    if (h.line) {
      const [a, b, c, e] = h.line, u = Math.max(0, Math.min(1, ((x - a) * (c - a) + (y - b) * (e - b)) / ((c - a) ** 2 + (e - b) ** 2 || 1)));
      d = Math.hypot(x - a - u * (c - a), y - b - u * (e - b)) + 3;
    } else d = Math.hypot(x - h.x, y - h.y);
    if (d < least) { least = d; best = h; }
  }
  return best;
}
// Far away: the event of that lane whose time is nearest, if it is within a few pixels.
function nearestInLane(x, y) {
  const r = rows.find(o => y + view.scroll >= o.y && y + view.scroll < o.y + o.height);
  if (!r) return null;
  const m = r.model, list = m.laneShown[r.lane], t = tOf(x), i = lowerBy(list, m.at, t);
  let best = null, least = 6;
  for (const j of [i - 1, i]) {
    if (j < 0 || j >= list.length) continue;
    const d = Math.abs(xOf(m.at[list[j]]) - x);
    if (d < least) { least = d; best = {run: r.run, e: list[j]}; }
  }
  return best;
}

function choose(run, e, move) {
  active = run;
  picked = {run, ...causality(models[run], e)};
  const t = models[run].at[e];
  cursor.time = t;
  if (move) {
    const span = view.to - view.from;
    if (t < view.from + span * .05 || t > view.to - span * .05) setView(t - span / 2, t + span / 2);
    const r = rows.find(o => o.run === run && o.lane === models[run].laneAt[e]);
    if (r && (r.y < view.scroll + 24 || r.y + r.height > view.scroll + view.height)) view.scroll = Math.max(0, r.y - 40);
  }
  redraw(true);
}
function chooseNothing() { picked = null; redraw(true); }

function step(direction, sameLane) {
  const m = models[active], list = sameLane && picked ? m.laneShown[m.laneAt[picked.event]] : m.shown;
  if (!list.length) return;
  let i;
  if (picked && picked.run === active) {
    i = lower(list, picked.event);
    i = direction > 0 ? (list[i] === picked.event ? i + 1 : i) : i - 1;
  } else i = lowerBy(list, m.at, cursor.time) - (direction < 0 ? 1 : 0);
  if (i >= 0 && i < list.length) choose(active, list[i], true);
}
function stepTurn(direction) {
  const m = models[active], here = picked && picked.run === active ? picked.event : lastBefore(m, cursor.time);
  const i = lower(m.turns, direction > 0 ? here + 1 : here) - (direction > 0 ? 0 : 1);
  if (i >= 0 && i < m.turns.length) choose(active, m.turns[i], true);
}

// Goes through the events in pieces, so that the page stays alive.
function search(text) {
  clearTimeout(found.timer);
  Object.assign(found, {list: [], text: text.toLowerCase(), run: active, at: 0, current: -1});
  $('found').textContent = '';
  redraw();
  if (!found.text) return;
  const m = models[active];
  (function piece() {
    const until = performance.now() + 12;
    while (found.at < m.shown.length && performance.now() < until) {
      for (let k = 0; k < 200 && found.at < m.shown.length; k++) {
        const e = m.shown[found.at++];
        if ((m.lanes[m.laneAt[e]].name + ' ' + m.describe(e)).toLowerCase().includes(found.text)) found.list.push(e);
      }
    }
    const done = found.at >= m.shown.length;
    $('found').textContent = `${found.list.length.toLocaleString('en')} found` + (done ? '' : ` (${Math.floor(found.at / m.shown.length * 100)} %)`);
    if (!done) found.timer = setTimeout(piece);
    redraw();
  })();
}
function stepFound(direction) {
  if (!found.list.length) return;
  const here = picked && picked.run === found.run ? picked.event : -1;
  let i = lower(found.list, direction > 0 ? here + 1 : here) - (direction > 0 ? 0 : 1);
  i = (i + found.list.length) % found.list.length;
  choose(found.run, found.list[i], true);
  $('found').textContent = `${(i + 1).toLocaleString('en')} of ${found.list.length.toLocaleString('en')}`;
}

function onKey(e) {
  if ($('helpbox').open || e.ctrlKey || e.metaKey || e.altKey) return;
  const typing = /INPUT|SELECT|TEXTAREA/.test(e.target.tagName);
  if (typing) {
    if (e.key === 'Enter' && e.target.id === 'search') stepFound(e.shiftKey ? -1 : 1);
    else if (e.key === 'Escape') $('canvas').focus();
    else return;
    return e.preventDefault();
  }
  const m = models[active];
  const keys = {
    ArrowLeft: () => step(-1, e.shiftKey), ArrowRight: () => step(1, e.shiftKey), ArrowUp: () => { view.scroll -= 60; redraw(); }, ArrowDown: () => { view.scroll += 60; redraw(); },
    '+': () => zoom(.7, aim()), '=': () => zoom(.7, aim()), '-': () => zoom(1 / .7, aim()), '0': () => showAll(),
    '[': () => stepTurn(-1), ']': () => stepTurn(1), Home: () => m.shown.length && choose(active, m.shown[0], true),
    End: () => m.shown.length && choose(active, m.shown[m.shown.length - 1], true), '/': () => $('search').focus(), '?': () => $('helpbox').showModal(),
    Escape: chooseNothing, r: () => { if (models.length > 1) { active = 1 - active; redraw(); } },
  };
  if ((e.target.id === 'panel' && e.key.startsWith('Arrow')) || (e.target.tagName === 'BUTTON' && e.key === 'Enter')) return;
  if (keys[e.key]) { keys[e.key](); e.preventDefault(); }
}
// Zooming by key keeps the cursor where it is, when it is in view.
function aim() {
  const x = xOf(cursor.time);
  return x > view.gutter && x < view.width ? x : (view.gutter + view.width) / 2;
}

function onPointers(canvas) {
  const down = new Map();
  let moved = false, pinch = 0;
  canvas.addEventListener('pointerdown', e => { down.set(e.pointerId, {x: e.offsetX, y: e.offsetY}); canvas.setPointerCapture(e.pointerId); moved = down.size > 1; pinch = 0; $('tip').style.display = 'none'; });
  canvas.addEventListener('pointermove', e => {
    const p = down.get(e.pointerId);
    if (!p) return hover(e);
    const dx = e.offsetX - p.x, dy = e.offsetY - p.y;
    if (!moved && Math.hypot(dx, dy) < 4) return;
    moved = true;
    canvas.classList.add('drag');
    p.x = e.offsetX;
    p.y = e.offsetY;
    if (down.size === 2) {
      const [a, b] = [...down.values()], wide = Math.hypot(a.x - b.x, a.y - b.y);
      if (pinch) zoom(pinch / Math.max(wide, 1), (a.x + b.x) / 2);
      pinch = wide;
      return;
    }
    view.scroll -= dy;
    pan(-dx);
  });
  const up = e => {
    if (!down.delete(e.pointerId)) return;
    canvas.classList.remove('drag');
    if (moved || e.type === 'pointercancel') return;
    const hit = nearest(e.offsetX, e.offsetY) ?? nearestInLane(e.offsetX, e.offsetY);
    if (hit) return choose(hit.run, hit.e);
    cursor.time = Math.min(Math.max(tOf(e.offsetX), view.begin), view.end);
    chooseNothing();
  };
  canvas.addEventListener('pointerup', up);
  canvas.addEventListener('pointercancel', up);
  canvas.addEventListener('pointerleave', () => { $('tip').style.display = 'none'; });
  canvas.addEventListener('wheel', e => {
    e.preventDefault();
    const unit = e.deltaMode === 1 ? 18 : 1;
    if (e.shiftKey || Math.abs(e.deltaX) > Math.abs(e.deltaY)) return pan((e.deltaX || e.deltaY) * unit);
    zoom(Math.exp(e.deltaY * unit * .0016), e.offsetX);
  }, {passive: false});
}

// What the bar under the pointer says; "" where there is none.
function spanText(x, y) {
  const r = rows.find(o => y + view.scroll >= o.y && y + view.scroll < o.y + o.height);
  if (!r || x < view.gutter) return '';
  const m = r.model, t = tOf(x), inside = s => s.from <= t && t <= s.to, top = y + view.scroll - r.y;
  const during = s => ` from ${timeText(s.from, view.end - view.begin)} to ${timeText(s.to, view.end - view.begin)}`;
  if (r.world) {
    const i = Math.floor((top - 4 - (view.two ? 20 : 0)) / 18), f = m.faults.find(o => o.row === i && inside(o));
    return f ? `F${f.index + 1} ${f.what}, ${f.effects.length.toLocaleString('en')} ${f.effects.length === 1 ? 'effect' : 'effects'},${during(f)}` : '';
  }
  if (top < 18) {
    const s = (m.life[r.lane] ?? []).find(inside);
    return s ? `${m.lanes[r.lane].name} ${s.power ? 'without power' : LIFE_WORD[s.state]}, life ${s.incarnation + 1},${during(s)}` : '';
  }
  const single = r.leads.length === 1, row = Math.floor((top - 20) / 7);
  if (r.leads.length && top < 20 + (single ? 15 : Math.min(r.leads.length, 4) * 7)) {
    const s = m.leads.find(o => o.lane === r.lane && inside(o) && (single || Math.min(r.leads.indexOf(o.partition), 3) === row));
    return s ? `leads ${m.meta.partitions[s.partition]} in epoch ${s.epoch}${during(s)}` : '';
  }
  const list = m.ops[r.lane], opRow = Math.floor((y + view.scroll - r.body + r.ops * 7 + 3) / 7);
  if (!list?.length || opRow < 0 || opRow >= r.ops) return '';
  for (let i = lower(list.froms, t + 1) - 1; i >= 0 && list.froms[i] >= t - list.longest; i--) {
    const op = list[i];
    if (op.row === opRow && inside(op)) return `${op.count} ${op.count === 1 ? 'record' : 'records'} to ${m.meta.partitions[op.partition]}, ${FATES[op.fate]},${during(op)}`;
  }
  return '';
}
const FATES = {ok: 'acknowledged', open: 'not answered in this run', unknown: 'failed, maybe written', failed: 'failed'};

function hover(e) {
  const hit = nearest(e.offsetX, e.offsetY), tip = $('tip');
  const text = hit ? `${timeText(models[hit.run].at[hit.e], view.end - view.begin)} ${models[hit.run].describe(hit.e)}` : spanText(e.offsetX, e.offsetY);
  if (!text) return void (tip.style.display = 'none');
  tip.textContent = text;
  tip.style.display = 'block';
  tip.style.left = Math.max(0, Math.min(e.offsetX + 14, view.width - tip.offsetWidth - 4)) + 'px';
  tip.style.top = Math.max(0, Math.min(e.offsetY + 16, view.height - tip.offsetHeight - 4)) + 'px';
}

function onMinimap(map) {
  const go = e => {
    const t = view.begin + e.offsetX / map.clientWidth * (view.end - view.begin), span = view.to - view.from;
    setView(t - span / 2, t + span / 2);
  };
  let held = false;
  map.addEventListener('pointerdown', e => { held = true; map.setPointerCapture(e.pointerId); go(e); });
  map.addEventListener('pointermove', e => { if (held) go(e); });
  for (const type of ['pointerup', 'pointercancel']) map.addEventListener(type, () => { held = false; });
  map.addEventListener('wheel', e => { e.preventDefault(); zoom(Math.exp(e.deltaY * .0016)); }, {passive: false});
  map.addEventListener('keydown', e => {
    if (e.key !== 'ArrowLeft' && e.key !== 'ArrowRight') return;
    e.preventDefault();
    e.stopPropagation();
    pan((e.key === 'ArrowLeft' ? -.1 : .1) * (view.width - view.gutter));
  });
}

function fillFilters() {
  const fill = (id, all, names) => {
    $(id).replaceChildren(el('option', {value: ''}, all), ...names.map(n => el('option', {value: n[1] ?? n[0]}, n[0])));
    $(id).value = filter[id];
    $(id).addEventListener('change', () => { filter[id] = $(id).value; refilter(); });
  };
  const union = list => [...new Set(list)].map(n => [n]);
  fill('node', 'all nodes', union(models.flatMap(m => m.lanes.slice(1).map(l => l.name))));
  fill('partition', 'all partitions', union(models.flatMap(m => m.meta.partitions.slice(1))));
  const used = models.flatMap(m => [...new Set(m.api)].filter(a => a >= 0).sort((a, b) => a - b).map(a => m.apiName(a)));
  fill('api', 'all APIs', union(used));
  const types = new Set(models.flatMap(m => m.meta.types.filter(t => t.count).map(t => t.name)));
  fill('kind', 'all kinds', [...KINDS.map((k, i) => [k, 'kind:' + i]), ...[...types].sort().map(t => [t, 'type:' + t])]);
}
