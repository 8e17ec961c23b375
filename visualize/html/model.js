// What the events mean: lanes, kinds, spans, the two ends of messages.

const KINDS = ['message', 'disk', 'log', 'client', 'node and fault', 'violation or failure'];
const KIND_OF = {
  MessageSent: 0, MessageDelivered: 0, ConnOpened: 0, ConnClosed: 0, ConnRefused: 5, MessageDropped: 5, DiskDone: 1, DiskLost: 5,
  ProduceSent: 3, ProduceAcked: 3, ProduceFailed: 5, RecordDelivered: 3, NodeStarted: 4, NodeStopped: 4, NodeCrashed: 5, NodePaused: 4,
  ClockJumped: 4, FaultArmed: 4, FaultEffect: 4, FaultHealed: 4, BrokerReady: 4, BrokerStopped: 4, Violation: 5, CorruptionFound: 5,
  LogDirFailed: 5, TornTailCut: 4, DiskFull: 4,
};
const LIFE = {up: 0, recovering: 1, paused: 2, down: 3, stopped: 4};

function makeModel(run) {
  const {meta, n, type, row, at, columns} = run;
  const typeIndex = {};
  meta.types.forEach((t, i) => { typeIndex[t.name] = i; });
  const fieldIndex = meta.types.map(t => Object.fromEntries(t.fields.map((f, i) => [f.name, i])));
  const get = (e, name, otherwise = -1) => {
    const f = fieldIndex[type[e]][name];
    return f === undefined ? otherwise : Number(columns[type[e]][f][row[e]]);
  };
  const is = (e, name) => type[e] === typeIndex[name];
  const m = {...run, typeIndex, fieldIndex, get, is, begin: n ? at[0] : 0, end: n ? at[n - 1] : 1};
  m.kindOf = Uint8Array.from(meta.types, t => KIND_OF[t.name] ?? 2);
  m.name = e => meta.types[type[e]].name;
  makeLanes(m);
  linkMessages(m);
  makeSpans(m);
  m.describe = e => describe(m, e);
  return m;
}

function makeLanes(m) {
  const broker = r => r === 'broker' || r === 'controller';
  m.lanes = [{node: null, name: 'world', role: 'faults, verdicts'}];
  for (const wanted of [false, true]) {
    for (const x of m.meta.nodes) if (broker(x.role) === wanted) m.lanes.push({node: x.id, name: x.name, role: x.role, broker: wanted});
  }
  m.laneOf = new Map(m.lanes.map((l, i) => [l.node, i]));
  m.lane = id => {
    if (!m.laneOf.has(id)) {
      m.laneOf.set(id, m.lanes.length);
      m.lanes.push({node: id, name: 'node ' + id, role: 'node', broker: true});
    }
    return m.laneOf.get(id);
  };
  m.nodeName = id => m.lanes[m.lane(id)].name;
  m.apiName = k => m.meta.apis[k] ?? (k < 0 ? 'bytes' : 'api ' + k);
}

// Lane, partition and API of each event; the two ends of each message.
function linkMessages(m) {
  const {n, type, meta, typeIndex: T, get, columns, row} = m;
  const lane = m.laneAt = new Int16Array(n), part = m.part = new Int32Array(n), api = m.api = new Int16Array(n).fill(-1);
  const partner = m.partner = new Int32Array(n).fill(-1);
  const dropped = m.dropped = new Map(), sentOf = new Map();
  const nodeField = meta.types.map(t => t.fields.findIndex(f => f.name === 'node' && f.kind === 'node'));
  const partField = meta.types.map(t => t.fields.findIndex(f => f.kind === 'partition'));
  for (let e = 0; e < n; e++) {
    const t = type[e];
    if (partField[t] >= 0) part[e] = Number(columns[t][partField[t]][row[e]]);
    if (nodeField[t] >= 0) lane[e] = m.lane(Number(columns[t][nodeField[t]][row[e]]));
    else if (t === T.MessageSent) {
      lane[e] = m.lane(get(e, 'from'));
      api[e] = get(e, 'api_key');
      sentOf.set(get(e, 'message'), e);
    } else if (t === T.MessageDelivered || t === T.MessageDropped) {
      const s = sentOf.get(get(e, 'message'));
      if (s === undefined) continue;
      lane[e] = m.lane(get(s, 'to'));
      api[e] = api[s];
      partner[e] = s;
      if (t === T.MessageDropped) dropped.set(s, e);
      else partner[s] = e;  // the last piece
    } else if (t === T.ConnOpened || t === T.ConnRefused) lane[e] = m.lane(get(e, 'from'));
    else if (t === T.ConnClosed) lane[e] = m.lane(get(e, 'by'));
  }
}

// All that led to `e` (marks 1) and all that followed from it (marks 2).
function causality(m, e) {
  const mark = new Uint8Array(m.n), before = [], after = [];
  mark[e] = 3;
  for (let c = m.cause[e]; c >= 0; c = m.cause[c]) { mark[c] = 1; before.push(c); }
  before.reverse();
  for (let x = e + 1; x < m.n; x++) {
    if (m.cause[x] >= e && mark[m.cause[x]] > 1) { mark[x] = 2; after.push(x); }
  }
  return {event: e, mark, before, after};
}

function makeSpans(m) {
  const {n, type, typeIndex: T, at, get, laneAt, end} = m;
  m.life = m.lanes.map(() => []);
  m.leads = []; m.ops = m.lanes.map(() => []); m.faults = []; m.violations = []; m.turns = [];
  const incarnation = m.lanes.map(() => 0), open = new Map(), leader = new Map(), fault = new Map();
  const life = (e, state) => {
    const spans = m.life[laneAt[e]], old = spans[spans.length - 1];
    if (old) old.to = at[e];
    spans.push({from: at[e], to: end, state, incarnation: incarnation[laneAt[e]], event: e, power: get(e, 'power_loss') === 1});
  };
  const endLeads = l => { for (const [p, s] of leader) if (s.lane === l) { s.to = Math.min(s.to, m.now); leader.delete(p); } };
  const opDone = (e, fate) => {
    const key = get(e, 'client') + ':' + get(e, 'first_record') + ':' + laneAt[e], op = open.get(key);
    if (op) { op.to = at[e]; op.fate = fate; op.done = e; open.delete(key); }
  };
  const on = {
    NodeStarted(e) { incarnation[laneAt[e]] = get(e, 'incarnation'); life(e, m.lanes[laneAt[e]].broker ? LIFE.recovering : LIFE.up); },
    BrokerReady(e) { life(e, LIFE.up); },
    NodeCrashed(e) { life(e, LIFE.down); endLeads(laneAt[e]); m.turns.push(e); },
    NodeStopped(e) { life(e, LIFE.stopped); endLeads(laneAt[e]); },
    NodePaused(e) { life(e, get(e, 'paused') ? LIFE.paused : LIFE.up); },
    LeaderChanged(e) {
      const p = get(e, 'partition'), l = m.lane(get(e, 'leader')), old = leader.get(p);
      if (old && old.lane === l && old.epoch === get(e, 'epoch')) return;
      if (old) old.to = at[e];
      const span = {lane: l, partition: p, epoch: get(e, 'epoch'), from: at[e], to: end, event: e};
      leader.set(p, span);
      m.leads.push(span);
    },
    FaultArmed(e) { const f = {index: get(e, 'fault'), what: m.meta.labels[get(e, 'what')], from: at[e], to: end, event: e, effects: []}; fault.set(f.index, f); m.faults.push(f); },
    FaultEffect(e) { const f = fault.get(get(e, 'fault')); if (f) f.effects.push(e); if (!f || f.effects.length <= 1000) m.turns.push(e); },
    FaultHealed(e) { const f = fault.get(get(e, 'fault')); if (f) { f.to = at[e]; f.healed = true; } },
    Violation(e) { m.violations.push(e); m.turns.push(e); },
    ProduceSent(e) {
      const op = {from: at[e], to: end, event: e, fate: 'open', count: get(e, 'count'), partition: get(e, 'partition')};
      open.set(get(e, 'client') + ':' + get(e, 'first_record') + ':' + laneAt[e], op);
      m.ops[laneAt[e]].push(op);
    },
    ProduceAcked(e) { opDone(e, 'ok'); },
    ProduceFailed(e) { opDone(e, get(e, 'maybe_written') ? 'unknown' : 'failed'); },
  };
  const handlers = m.meta.types.map(t => on[t.name]);
  for (let e = 0; e < n; e++) {
    const h = handlers[type[e]];
    if (h) { m.now = at[e]; h(e); }
  }
  packOps(m);
}

// Operations that overlap get rows of their own; `longest` bounds how far back one can begin.
function packOps(m) {
  for (const list of m.ops) {
    const free = [];
    list.longest = 0;
    list.rows = 1;
    for (const op of list) {
      let r = 0;
      while (r < 2 && free[r] > op.from) r++;
      op.row = r;
      free[r] = op.to;
      list.rows = Math.max(list.rows, r + 1);
      list.longest = Math.max(list.longest, op.to - op.from);
    }
    list.froms = Float64Array.from(list, op => op.from);
  }
}

function fieldText(m, f, value) {
  const v = Number(value);
  switch (f.kind) {
    case 'boolean': return v ? 'true' : 'false';
    case 'node': return m.nodeName(v);
    case 'partition': return m.meta.partitions[v] || 'none';
    case 'label': return m.meta.labels[v];
    case 'choice': return f.choices[v];
  }
  if (f.name === 'members' || f.name === 'before') return idSet(v);
  return f.name === 'api_key' ? m.apiName(v) : String(value);
}

// "{1,2,3}" of one bit per node id.
function idSet(bits) {
  const ids = [];
  for (let i = 0; bits >= 1; i++, bits = Math.floor(bits / 2)) if (bits % 2 === 1) ids.push(i);
  return '{' + ids.join(',') + '}';
}

function describe(m, e) {
  const t = m.meta.types[m.type[e]];
  let out = t.name;
  t.fields.forEach((f, i) => { out += ' ' + f.name + '=' + fieldText(m, f, m.columns[m.type[e]][i][m.row[e]]); });
  if (m.partner[e] >= 0 && m.partner[e] < e) {
    const s = m.partner[e];
    out += ` (${m.apiName(m.api[s])} ${m.get(s, 'response') ? 'answer' : 'request'}, ${m.nodeName(m.get(s, 'from'))} to ${m.nodeName(m.get(s, 'to'))})`;
  }
  return out;
}
