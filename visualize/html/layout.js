// What is shown: the filter, the counts far away, and where each lane stands.

const BINS = 16384, NEAR = 2000, KIND_COUNT = 6;
const view = {from: 0, to: 1, begin: 0, end: 1, scroll: 0, width: 1, height: 1, gutter: 112};
const filter = {node: '', partition: '', api: '', kind: ''};
const xOf = t => view.gutter + (t - view.from) / (view.to - view.from) * (view.width - view.gutter);
const tOf = x => view.from + (x - view.gutter) / (view.width - view.gutter) * (view.to - view.from);

// The events that pass the filter, all and by lane, and for each lane and kind how many there
// were up to each of BINS moments: made once, each frame only subtracts.
function applyFilter(m) {
  const {n, type, laneAt, part, api, at, kindOf, meta} = m;
  const lane = filter.node === '' ? -1 : m.lanes.findIndex(l => l.name === filter.node);
  const partition = filter.partition === '' ? -1 : meta.partitions.indexOf(filter.partition);
  const wantedApi = Object.keys(meta.apis).find(k => meta.apis[k] === filter.api);
  const kind = filter.kind.startsWith('kind:') ? Number(filter.kind.slice(5)) : -1;
  const typeOnly = filter.kind.startsWith('type:') ? meta.types.findIndex(t => t.name === filter.kind.slice(5)) : -1;
  const lanes = m.lanes.length, sizes = new Uint32Array(lanes), keep = new Uint8Array(n);
  const count = m.lanes.map(() => Array.from({length: KIND_COUNT}, () => null));
  const scale = BINS / Math.max(m.end - m.begin, 1);
  let total = 0;
  for (let e = 0; e < n; e++) {
    const t = type[e], l = laneAt[e], k = kindOf[t];
    if (filter.node !== '' && l !== lane) continue;
    if (filter.partition !== '' && part[e] !== partition && (k < 4 || part[e] > 0)) continue;
    if (filter.api !== '' && api[e] !== Number(wantedApi ?? -2)) continue;
    if (kind >= 0 && k !== kind) continue;
    if (filter.kind.startsWith('type:') && t !== typeOnly) continue;
    keep[e] = 1;
    total++;
    sizes[l]++;
    const bins = count[l][k] ??= new Uint32Array(BINS + 1);
    bins[Math.min(Math.floor((at[e] - m.begin) * scale), BINS - 1) + 1]++;
  }
  m.shown = new Uint32Array(total);
  m.laneShown = m.lanes.map((l, i) => new Uint32Array(sizes[i]));
  const next = new Uint32Array(lanes);
  for (let e = 0, i = 0; e < n; e++) {
    if (!keep[e]) continue;
    m.shown[i++] = e;
    m.laneShown[laneAt[e]][next[laneAt[e]]++] = e;
  }
  let most = 1;
  for (const kinds of count) for (const bins of kinds) {
    if (!bins) continue;
    for (let i = 1; i <= BINS; i++) bins[i] += bins[i - 1];
    most = Math.max(most, bins[BINS]);
  }
  m.count = count;
  m.most = most;
}

const inView = m => lowerBy(m.shown, m.at, view.to) - lowerBy(m.shown, m.at, view.from);

function layOut(models) {
  const fixed = [], out = [];
  models.forEach((m, i) => {
    m.lanes.forEach((lane, l) => {
      const leads = new Set(m.leads.filter(s => s.lane === l).map(s => s.partition));
      const ops = m.ops[l]?.length ? m.ops[l].rows : 0;
      const faultRows = l ? 0 : packFaults(m);
      const head = l === 0 ? 8 + faultRows * 18 + (models.length > 1 ? 20 : 0)
        : 20 + (leads.size === 1 ? 17 : Math.min(leads.size, 4) * 7) + (ops ? ops * 7 + 3 : 0);
      fixed.push({model: m, run: i, lane: l, head, leads: [...leads].sort((a, b) => a - b), ops, world: l === 0});
    });
  });
  const used = fixed.reduce((sum, f) => sum + f.head, 0), active = fixed.filter(f => !f.world).length;
  const room = Math.max(models.length > 1 ? 34 : 44, Math.min(150, (view.height - 26 - used - models.length * 18) / Math.max(active, 1) - 4));
  let y = 26;
  for (const f of fixed) {
    const body = f.world ? 18 : room;
    out.push({...f, y, body: y + f.head, bodyHeight: body, height: f.head + body + 4});
    y += f.head + body + 4;
  }
  view.content = y;
  view.scroll = Math.max(0, Math.min(view.scroll, y - view.height));
  return out;
}

// Faults that overlap get rows; after five they share them.
function packFaults(m) {
  const ends = [];
  for (const f of m.faults) {
    let r = 0;
    while (r < 4 && ends[r] > f.from) r++;
    f.row = r;
    ends[r] = f.to;
  }
  return ends.length;
}
