// The picture, drawn anew for each frame from what lies in view.

let C = {}, rows = [], hits = [];
const EPOCHS = ['#0072b2', '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#d55e00'];
const MARK_ROW = [0.2, 0.82, 0.6, 0.42, 0.42, 0.42];

function readColours() {
  const s = getComputedStyle(document.documentElement);
  for (const name of ['bg', 'card', 'line', 'text', 'dim', 'bad', 'badbg', 'accent', 'c0', 'c1', 'c2', 'c3', 'c4', 'c5', 'up', 'upline', 'rec', 'recline',
    'pause', 'pauseline', 'down', 'fault', 'veil', 'pick', 'other']) C[name] = s.getPropertyValue('--' + name).trim();
  C.kinds = [C.c0, C.c1, C.c2, C.c3, C.c4, C.c5];
  C.words = new Uint32Array(C.kinds.map(h => (0xff000000 | parseInt(h.slice(5, 7), 16) << 16 | parseInt(h.slice(3, 5), 16) << 8 | parseInt(h.slice(1, 3), 16)) >>> 0));
}

const far = document.createElement('canvas');
let farPixels = null;

// Histograms of all lanes, pixel by pixel: height by logarithm of the count, colours by kind.
function drawCounts(ctx) {
  const w = Math.max(1, Math.floor(view.width - view.gutter)), h = Math.max(1, Math.floor(view.height));
  if (far.width !== w || far.height !== h || !farPixels) {
    far.width = w;
    far.height = h;
    farPixels = new ImageData(w, h);
  }
  const pixels = new Uint32Array(farPixels.data.buffer);
  pixels.fill(0);
  const columns = new Uint32Array(w * KIND_COUNT);
  for (const r of rows) {
    const m = r.model, top = Math.round(r.body - view.scroll), height = Math.floor(r.bodyHeight);
    if (r.world || top + height < 0 || top > h || !m.laneShown[r.lane].length) continue;
    columns.fill(0);
    countColumns(m, r.lane, columns, w);
    const unit = height / Math.log2(2 + expected(m, w) * 2);
    for (let x = 0; x < w; x++) {
      let total = 0;
      for (let k = 0; k < KIND_COUNT; k++) total += columns[x * KIND_COUNT + k];
      if (!total) continue;
      const tall = Math.min(height, Math.max(2, Math.log2(1 + total) * unit));
      let y = top + height;
      for (let k = 0; k < KIND_COUNT; k++) {
        const c = columns[x * KIND_COUNT + k];
        if (!c) continue;
        // What went wrong is never too thin to be seen.
        for (let piece = Math.max(k === 5 ? 3 : 1, Math.round(tall * c / total)); piece > 0 && y > top; piece--) {
          y--;
          if (y >= 0 && y < h) pixels[y * w + x] = C.words[k];
        }
      }
    }
  }
  far.getContext('2d').putImageData(farPixels, 0, 0);
  ctx.imageSmoothingEnabled = false;
  ctx.drawImage(far, view.gutter, 0, w, h);
}

// Events in a pixel of the fullest lane, were they spread evenly: the same while panning.
function expected(m, w) {
  const most = m.laneShown.reduce((a, list) => Math.max(a, list.length), 1);
  return Math.max(4, most / w * Math.min(1, (view.to - view.from) / Math.max(m.end - m.begin, 1)));
}

function countColumns(m, lane, columns, w) {
  const perPixel = (view.to - view.from) / w, bin = Math.max(m.end - m.begin, 1) / BINS;
  if (perPixel >= bin) {
    for (let k = 0; k < KIND_COUNT; k++) {
      const bins = m.count[lane][k];
      if (!bins) continue;
      let before = bins[Math.max(0, Math.min(BINS, Math.round((view.from - m.begin) / bin)))];
      for (let x = 0; x < w; x++) {
        const now = bins[Math.max(0, Math.min(BINS, Math.round((view.from + (x + 1) * perPixel - m.begin) / bin)))];
        columns[x * KIND_COUNT + k] = now - before;
        before = now;
      }
    }
    return;
  }
  const list = m.laneShown[lane];
  for (let i = lowerBy(list, m.at, view.from); i < list.length; i++) {
    const x = Math.floor((m.at[list[i]] - view.from) / perPixel);
    if (x >= w) break;
    columns[x * KIND_COUNT + m.kindOf[m.type[list[i]]]]++;
  }
}

function bar(ctx, from, to, y, h, fill, line, text, hatched) {
  const a = Math.max(xOf(from), view.gutter - 2), b = Math.min(xOf(to), view.width + 2), w = Math.max(b - a, 1.5);
  if (b < view.gutter || a > view.width) return;
  ctx.fillStyle = fill;
  ctx.fillRect(a, y, w, h);
  if (hatched && w > 4) hatch(ctx, a, y, w, h, line);
  if (line) { ctx.strokeStyle = line; ctx.lineWidth = 1; ctx.strokeRect(a + .5, y + .5, Math.max(w - 1, .5), h - 1); }
  if (text && h >= 13 && w > 24) {
    const left = Math.max(a, view.gutter) + 4;
    const room = a + w - left - 4, short = fitted(ctx, text, room);
    if (short) { ctx.fillStyle = C.text; ctx.fillText(short, left, y + h / 2 + .5); }
  }
}

function hatch(ctx, x, y, w, h, colour) {
  ctx.save();
  ctx.beginPath();
  ctx.rect(x, y, w, h);
  ctx.clip();
  ctx.beginPath();
  for (let i = -h; i < w; i += 7) { ctx.moveTo(x + i, y + h); ctx.lineTo(x + i + h, y); }
  ctx.strokeStyle = colour;
  ctx.globalAlpha = .35;
  ctx.stroke();
  ctx.restore();
}

function halo(ctx, text, x, y, colour, around) {
  ctx.lineWidth = 4;
  ctx.lineJoin = 'round';
  ctx.strokeStyle = around;
  ctx.strokeText(text, x, y);
  ctx.fillStyle = colour;
  ctx.fillText(text, x, y);
}

const widths = new Map();
function widthOf(ctx, text) {
  let w = widths.get(text);
  if (w === undefined) {
    if (widths.size > 20000) widths.clear();
    widths.set(text, w = ctx.measureText(text).width);
  }
  return w;
}
function fitted(ctx, text, room) {
  if (widthOf(ctx, text) <= room) return text;
  const keep = Math.floor(text.length * room / widthOf(ctx, text)) - 1;
  return keep < 3 ? '' : text.slice(0, keep) + '…';
}

const LIFE_LOOK = [['up', 'upline', 'up'], ['rec', 'recline', 'recovering'], ['pause', 'pauseline', 'paused'], ['down', 'bad', 'down'], ['bg', 'line', 'stopped']];
function drawSpans(ctx) {
  for (const r of rows) {
    const m = r.model, y = r.y - view.scroll;
    if (y > view.height || y + r.height < 0) continue;
    if (r.world) { drawFaults(ctx, r, y); continue; }
    let previous = -1;
    for (const s of m.life[r.lane] ?? []) {
      if (s.to < view.from || s.from > view.to) continue;
      const x = Math.round(xOf(s.to));
      if (x === previous && s.state === LIFE.up) continue;  // many lives in one pixel
      previous = x;
      const [fill, line, word] = LIFE_LOOK[s.state];
      bar(ctx, s.from, s.to, y + 3, 14, C[fill], C[line], (s.power ? 'power lost' : word) + (s.incarnation > 0 ? ', life ' + (s.incarnation + 1) : ''), s.state === LIFE.paused || s.state === LIFE.recovering);
    }
    drawLeads(ctx, r, y + 20);
    drawOps(ctx, r, r.body - view.scroll - r.ops * 7 - 2);
  }
}

function drawLeads(ctx, r, y) {
  const single = r.leads.length === 1;
  for (const s of r.model.leads) {
    if (s.lane !== r.lane || s.to < view.from || s.from > view.to) continue;
    const i = Math.min(r.leads.indexOf(s.partition), 3), colour = EPOCHS[Math.abs(s.epoch) % 6];
    ctx.globalAlpha = single ? .45 : .9;
    bar(ctx, s.from, s.to, y + (single ? 0 : i * 7), single ? 14 : 5, colour, '', '');
    ctx.globalAlpha = 1;
    if (single) bar(ctx, s.from, s.to, y, 14, 'rgba(0,0,0,0)', colour, `leads ${r.model.meta.partitions[s.partition]}, epoch ${s.epoch}`);
  }
}

function drawOps(ctx, r, y) {
  const list = r.model.ops[r.lane];
  if (!list?.length) return;
  const first = lower(list.froms, view.from - list.longest), last = lower(list.froms, view.to);
  const drawn = [-1, -1, -1];
  const step = Math.max(1, Math.ceil((last - first) / 6000));  // beyond that a pixel holds many
  for (let i = first; i < last; i += step) {
    const op = list[i], x = Math.floor(xOf(op.to));
    if (op.to < view.from || (x === drawn[op.row] && op.fate === 'ok')) continue;
    drawn[op.row] = x;
    bar(ctx, op.from, op.to, y + op.row * 7, 5, op.fate === 'ok' ? C.c2 : op.fate === 'open' ? C.dim : op.fate === 'unknown' ? C.c4 : C.bad, '', '');
  }
}

function drawFaults(ctx, r, y) {
  const m = r.model, top = y + (view.two ? 20 : 0) + 4;
  if (view.two) {
    ctx.fillStyle = C.text;
    ctx.font = 'bold 13px system-ui, sans-serif';
    ctx.fillText(fitted(ctx, `Run ${'AB'[r.run]}: ${m.meta.scenario}, seed ${m.meta.seed}, ${m.n.toLocaleString('en')} events`, view.width - view.gutter - 10), view.gutter + 4, y + 11);
    ctx.font = '12px system-ui, sans-serif';
  }
  for (const f of m.faults) {
    if (f.to < view.from || f.from > view.to) continue;
    bar(ctx, f.from, f.to, top + f.row * 18, 16, C.fault, C.c4, '');
    let before = -9;
    ctx.fillStyle = C.c4;
    for (let i = lowerBy(f.effects, m.at, view.from); i < f.effects.length; i++) {
      const x = xOf(m.at[f.effects[i]]);
      if (x > view.width) break;
      if (x < before + 3) continue;
      before = x;
      ctx.fillRect(x - 1, top + f.row * 18, 2.5, 16);
    }
    const left = Math.max(xOf(f.from), view.gutter) + 4;
    const text = fitted(ctx, `F${f.index + 1} ${f.what}`, Math.min(xOf(f.to), view.width) - left - 4);
    if (text) halo(ctx, text, left, top + f.row * 18 + 8.5, C.text, C.fault);
  }
}

// From each fault's first effect to its end, over the run's lanes.
function drawVeils(ctx) {
  ctx.fillStyle = C.veil;
  for (const r of rows) {
    if (!r.world) continue;
    const mine = rows.filter(o => o.run === r.run), last = mine[mine.length - 1];
    for (const f of r.model.faults) {
      if (!f.effects.length) continue;
      const a = Math.max(xOf(r.model.at[f.effects[0]]), view.gutter), b = Math.min(xOf(f.to), view.width);
      if (b > a) ctx.fillRect(a, r.body - view.scroll, b - a, last.y + last.height - r.body);
    }
  }
}

function markAt(r, m, e) {
  return {x: xOf(m.at[e]), y: r.body - view.scroll + r.bodyHeight * (r.world ? .5 : MARK_ROW[m.kindOf[m.type[e]]])};
}

function shape(ctx, kind, x, y, size) {
  ctx.beginPath();
  if (kind === 0) ctx.arc(x, y, size, 0, 7);
  else if (kind === 1) ctx.rect(x - size * .8, y - size * .8, size * 1.6, size * 1.6);
  else if (kind === 2) { ctx.moveTo(x, y - size * 1.2); ctx.lineTo(x + size * 1.2, y); ctx.lineTo(x, y + size * 1.2); ctx.lineTo(x - size * 1.2, y); ctx.closePath(); }
  else if (kind === 3) { ctx.moveTo(x, y - size * 1.2); ctx.lineTo(x + size * 1.2, y + size); ctx.lineTo(x - size * 1.2, y + size); ctx.closePath(); }
  else if (kind === 4) ctx.rect(x - size * .6, y - size * 1.5, size * 1.2, size * 3);
  else { ctx.moveTo(x - size, y - size); ctx.lineTo(x + size, y + size); ctx.moveTo(x + size, y - size); ctx.lineTo(x - size, y + size); ctx.lineWidth = 2.4; ctx.stroke(); return; }
  ctx.fill();
}

function arrow(ctx, a, b, label, lost) {
  ctx.beginPath();
  ctx.moveTo(a.x, a.y);
  ctx.lineTo(b.x, b.y);
  ctx.stroke();
  const long = Math.hypot(b.x - a.x, b.y - a.y) || 1, ux = (b.x - a.x) / long, uy = (b.y - a.y) / long;
  ctx.beginPath();
  if (lost) { ctx.moveTo(b.x - 4, b.y - 4); ctx.lineTo(b.x + 4, b.y + 4); ctx.moveTo(b.x + 4, b.y - 4); ctx.lineTo(b.x - 4, b.y + 4); ctx.stroke(); }
  else { ctx.moveTo(b.x, b.y); ctx.lineTo(b.x - ux * 7 - uy * 3, b.y - uy * 7 + ux * 3); ctx.lineTo(b.x - ux * 7 + uy * 3, b.y - uy * 7 - ux * 3); ctx.fill(); }
}

// Labels never overlap: a piece of the picture is given once.
function labelRoom() {
  const taken = new Set();
  return (x, y, w, take = true) => {
    if (x < view.gutter + 2 || x + w > view.width - 2) return false;
    const from = Math.floor(x / 4), to = Math.ceil((x + w) / 4), rowsOf = [Math.floor((y - 6) / 13), Math.floor((y + 6) / 13)];
    for (const r of rowsOf) for (let i = from; i <= to; i++) if (taken.has(r * 4096 + i)) return false;
    if (take) for (const r of rowsOf) for (let i = from; i <= to; i++) taken.add(r * 4096 + i);
    return true;
  };
}

const SHORT = {DiskDone: (m, e) => m.meta.types[m.type[e]].fields[1].choices[m.get(e, 'op')], BatchAppended: (m, e) => 'append ' + m.get(e, 'first'),
  LogFlushed: (m, e) => 'durable ' + m.get(e, 'durable_end'), HighWatermark: (m, e) => 'hw ' + m.get(e, 'hw'), ProduceSent: (m, e) => 'send ' + m.get(e, 'first_record'),
  ProduceAcked: (m, e) => 'acked at ' + m.get(e, 'first'), ProduceAnswered: (m, e) => 'answered', RecordDelivered: (m, e) => 'read ' + m.get(e, 'at'),
  Violation: (m, e) => 'violation ' + m.get(e, 'invariant'), NodeCrashed: (m, e) => m.get(e, 'power_loss') ? 'power lost' : 'crash',
  FaultEffect: (m, e) => m.meta.labels[m.get(e, 'what')], FaultArmed: () => '', FaultHealed: (m, e) => 'healed', Note: (m, e) => m.meta.labels[m.get(e, 'text')]};

function drawNear(ctx, run) {
  const m = models[run], mine = rows.filter(r => r.run === run), of = [];
  for (const r of mine) of[r.lane] = r;
  const from = lowerBy(m.shown, m.at, view.from), to = lowerBy(m.shown, m.at, view.to);
  const room = labelRoom(), mark = picked && picked.run === run ? picked.mark : null;
  const place = e => of[m.laneAt[e]] && markAt(of[m.laneAt[e]], m, e);
  const shade = e => { ctx.globalAlpha = mark && !mark[e] ? .3 : 1; };
  const labels = [];
  // Arrows: a little before the view too, for those under way when it begins.
  for (let i = Math.max(0, from - 500); i < to; i++) {
    const s = m.shown[i];
    if (!m.is(s, 'MessageSent')) {
      if (i >= from && m.partner[s] >= 0 && m.partner[s] < s && m.at[m.partner[s]] < view.from && m.partner[m.partner[s]] === s) sendArrow(m.partner[s]);
      continue;
    }
    if (i >= from) sendArrow(s);
  }
  function sendArrow(s) {
    const d = m.partner[s], gone = m.dropped.get(s), a = place(s);
    const target = of[m.lane(m.get(s, 'to'))];
    if (!a || !target || (d < 0 && gone === undefined)) return;
    const b = {x: d >= 0 ? xOf(m.at[d]) : a.x + 22, y: target.body - view.scroll + target.bodyHeight * MARK_ROW[0]};
    if (d < 0) b.y = a.y + (b.y - a.y) * .5;
    shade(s);
    const colour = mark && mark[s] ? C.pick : d < 0 ? C.bad : m.get(s, 'response') ? C.c1 : C.c0;
    ctx.strokeStyle = ctx.fillStyle = colour;
    ctx.lineWidth = mark && mark[s] ? 2 : 1.2;
    ctx.setLineDash(m.get(s, 'response') && to - from < 500 ? [5, 3] : []);
    arrow(ctx, a, b, '', d < 0);
    ctx.setLineDash([]);
    hits.push({run, e: s, line: [a.x, a.y, b.x, b.y]});
    if (!mark || mark[s]) labels.push({e: s, text: m.apiName(m.api[s]) + (m.get(s, 'response') ? ' answer' : ''), x: (Math.max(a.x, view.gutter) + b.x) / 2 + 5, y: (a.y + b.y) / 2});
  }
  for (let i = from; i < to; i++) {
    const e = m.shown[i], p = place(e), kind = m.kindOf[m.type[e]];
    if (!p || p.y < -20 || p.y > view.height + 20) continue;
    shade(e);
    ctx.fillStyle = ctx.strokeStyle = mark && mark[e] ? C.pick : C.kinds[kind];
    shape(ctx, kind, p.x, p.y, to - from < 300 ? 4.2 : 3);
    hits.push({run, e, x: p.x, y: p.y});
    if (to - from <= 600) room(p.x - 3, p.y, 6);
    const text = kind === 0 ? '' : SHORT[m.name(e)] ? SHORT[m.name(e)](m, e) : m.name(e);
    if (text && (!mark || mark[e])) labels.push({e, text, x: p.x + 7, y: p.y, first: kind >= 4});
  }
  if (to - from > 600) return void (ctx.globalAlpha = 1);
  labels.sort((a, b) => (b.first ? 1 : 0) - (a.first ? 1 : 0));
  for (const l of labels) {
    const text = fitted(ctx, l.text, 220);
    if (l.y < 30 || !room(l.x, l.y, widthOf(ctx, text))) continue;
    shade(l.e);
    halo(ctx, text, l.x, l.y, l.first ? C.text : C.dim, C.bg);
  }
  ctx.globalAlpha = 1;
}

// Far away: what was found or belongs to the chosen event, as ticks in its lanes.
function drawTicks(ctx, run, list, colour) {
  const m = models[run], mine = rows.filter(r => r.run === run), last = [];
  ctx.fillStyle = colour;
  for (let i = lowerBy(list, m.at, view.from); i < list.length; i++) {
    const e = list[i], l = m.laneAt[e], r = mine[l], x = Math.round(xOf(m.at[e]));
    if (x > view.width) break;
    if (last[l] === x || !r) continue;
    last[l] = x;
    ctx.fillRect(x - 1, r.body - view.scroll, 2, r.bodyHeight);
  }
}

// The grid below everything, the times above everything.
function drawAxis(ctx, times) {
  if (times) { ctx.fillStyle = C.bg; ctx.fillRect(0, 0, view.width, 22); }
  const span = view.to - view.from, goal = span / ((view.width - view.gutter) / 130);
  let step = Math.pow(10, Math.floor(Math.log10(goal)));
  step = Math.max(1, step * (goal / step > 5 ? 10 : goal / step > 2 ? 5 : goal / step > 1 ? 2 : 1));
  ctx.strokeStyle = C.line;
  ctx.lineWidth = 1;
  const digits = Math.max(0, 9 - Math.floor(Math.log10(step) + 1e-9));
  for (let t = Math.ceil(view.from / step) * step; t <= view.to; t += step) {
    const x = Math.round(xOf(t)) + .5;
    if (!times) {
      ctx.globalAlpha = .6;
      ctx.beginPath();
      ctx.moveTo(x, 20);
      ctx.lineTo(x, view.height);
      ctx.stroke();
      ctx.globalAlpha = 1;
      continue;
    }
    const text = (t / 1e9).toFixed(digits) + ' s';
    ctx.fillStyle = C.dim;
    if (x + widthOf(ctx, text) / 2 < view.width && x - widthOf(ctx, text) / 2 > view.gutter - 30) ctx.fillText(text, x - widthOf(ctx, text) / 2, 11);
  }
}

function drawGutter(ctx) {
  ctx.fillStyle = C.bg;
  ctx.fillRect(0, 22, view.gutter, view.height);
  for (const r of rows) {
    const y = r.y - view.scroll;
    if (y > view.height || y + r.height < 24) continue;
    ctx.strokeStyle = C.line;
    ctx.beginPath();
    ctx.moveTo(0, Math.round(y + r.height - 2) + .5);
    ctx.lineTo(view.width, Math.round(y + r.height - 2) + .5);
    ctx.stroke();
    const lane = r.model.lanes[r.lane];
    ctx.fillStyle = C.text;
    ctx.font = 'bold 13px system-ui, sans-serif';
    const base = y + 11 + (r.world && view.two ? 20 : 0);
    ctx.fillText(fitted(ctx, lane.name, view.gutter - 14), 10, base);
    ctx.font = '12px system-ui, sans-serif';
    ctx.fillStyle = C.dim;
    if (r.height > 34) ctx.fillText(fitted(ctx, lane.role, view.gutter - 12), 10, base + 16);
  }
}

function vertical(ctx, t, colour, dash, width = 1.5) {
  const x = xOf(t);
  if (x < view.gutter || x > view.width) return;
  ctx.strokeStyle = colour;
  ctx.lineWidth = width;
  ctx.setLineDash(dash);
  ctx.beginPath();
  ctx.moveTo(x, 22);
  ctx.lineTo(x, view.height);
  ctx.stroke();
  ctx.setLineDash([]);
}

function drawMain(canvas) {
  const ratio = devicePixelRatio || 1, ctx = canvas.getContext('2d', {alpha: false});
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.font = '12px system-ui, sans-serif';
  ctx.textBaseline = 'middle';
  ctx.fillStyle = C.bg;
  ctx.fillRect(0, 0, view.width + 2, view.height + 2);
  rows = layOut(models);
  hits = [];
  drawVeils(ctx);
  drawAxis(ctx, false);
  const near = models.map(m => inView(m) <= NEAR);
  if (near.includes(false)) drawCounts(ctx);
  drawSpans(ctx);
  models.forEach((m, run) => {
    if (near[run]) drawNear(ctx, run);
    else if (picked?.run === run) { drawTicks(ctx, run, picked.before, C.pick); drawTicks(ctx, run, picked.after, C.other); }
    if (found.run === run && found.list.length) drawTicks(ctx, run, found.list, C.pick);
    for (const v of m.violations.slice(0, 500)) vertical(ctx, m.at[v], C.bad, [], 2);
  });
  if (difference) for (const [run, e] of difference.entries()) if (e < models[run].n) vertical(ctx, models[run].at[e], C.other, [2, 3], 2);
  vertical(ctx, cursor.time, C.text, [4, 3], 1);
  if (picked) ring(ctx);
  drawGutter(ctx);
  drawAxis(ctx, true);
  view.near = near[0];
}

function ring(ctx) {
  const r = rows.find(o => o.run === picked.run && o.lane === models[picked.run].laneAt[picked.event]);
  if (!r) return;
  const p = markAt(r, models[picked.run], picked.event);
  ctx.strokeStyle = C.pick;
  ctx.lineWidth = 2.5;
  ctx.beginPath();
  ctx.arc(p.x, p.y, 8, 0, 7);
  ctx.stroke();
}

// The whole run in one strip, made anew only when the filter or the size changes.
function minimapImage(canvas) {
  const w = canvas.width, h = canvas.height, image = document.createElement('canvas');
  image.width = w;
  image.height = h;
  const ctx = image.getContext('2d'), half = h / models.length;
  ctx.fillStyle = C.card;
  ctx.fillRect(0, 0, w, h);
  models.forEach((m, run) => {
    const total = new Uint32Array(w);
    for (const e of m.shown) total[Math.min(w - 1, Math.floor((m.at[e] - view.begin) / (view.end - view.begin) * w))]++;
    const most = Math.log2(2 + total.reduce((a, b) => Math.max(a, b), 0)), bottom = half * (run + 1);
    ctx.fillStyle = C.c0;
    total.forEach((c, x) => { if (c) ctx.fillRect(x, bottom - Math.log2(1 + c) / most * (half - 4), 1, half); });
    ctx.fillStyle = C.card;
    if (run + 1 < models.length) ctx.clearRect(0, bottom, w, h);
    const xm = t => (t - view.begin) / (view.end - view.begin) * w;
    ctx.fillStyle = C.c4;
    for (const f of m.faults) for (const e of f.effects.slice(0, 2000)) ctx.fillRect(xm(m.at[e]), bottom - half, 2, 6);
    ctx.fillStyle = C.bad;
    for (const v of m.violations.slice(0, 2000)) ctx.fillRect(xm(m.at[v]) - 1, bottom - half, 3, half);
  });
  return image;
}

function drawMinimap(canvas) {
  const ctx = canvas.getContext('2d'), w = canvas.width, h = canvas.height;
  if (!view.map) view.map = minimapImage(canvas);
  ctx.fillStyle = C.card;
  ctx.fillRect(0, 0, w, h);
  ctx.drawImage(view.map, 0, 0);
  const xm = t => (t - view.begin) / (view.end - view.begin) * w;
  const a = xm(view.from), b = Math.max(xm(view.to), a + 6);
  ctx.fillStyle = C.bg;
  ctx.globalAlpha = .6;
  ctx.fillRect(0, 0, a, h);
  ctx.fillRect(b, 0, w - b, h);
  ctx.globalAlpha = 1;
  ctx.strokeStyle = C.accent;
  ctx.lineWidth = 2;
  ctx.strokeRect(a + 1, 1, Math.max(b - a - 2, 2), h - 2);
  ctx.fillStyle = C.text;
  ctx.fillRect(xm(cursor.time), 0, 1, h);
}
