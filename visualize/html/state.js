// What is true at a moment: the state of every node and partition after the events up to it.
// Snapshots are kept, so that a moment costs at most kSnapshot events.

const SNAPSHOT = 4096, NODE_WORDS = 2, LOG_WORDS = 4, PART_WORDS = 3;
const STATE_TYPES = ['NodeStarted', 'NodeStopped', 'NodeCrashed', 'NodePaused', 'BrokerReady', 'LogOpened', 'TornTailCut', 'BatchAppended',
  'LogFlushed', 'LogTruncated', 'LogStartMoved', 'HighWatermark', 'LeaderChanged'];

// Words: for each lane life and incarnation; for each partition leader, epoch, high watermark; for
// each lane and partition log start, log end, durable end, high watermark there. NaN: not known.
function makeState(m) {
  const nodes = m.lanes.length, parts = m.meta.partitions.length;
  const partBase = nodes * NODE_WORDS, logBase = partBase + parts * PART_WORDS;
  const logAt = (l, p) => logBase + (l * parts + p) * LOG_WORDS;
  const mine = m.meta.types.map(t => STATE_TYPES.includes(t.name));
  const events = [], s = new Float64Array(logBase + nodes * parts * LOG_WORDS).fill(NaN);
  const {get, laneAt} = m;
  const down = l => { for (let p = 0; p < parts; p++) if (s[partBase + p * 3] === l) s[partBase + p * 3] = NaN; };
  const on = {
    NodeStarted(e, l) { s[l * 2] = m.lanes[l].broker ? LIFE.recovering : LIFE.up; s[l * 2 + 1] = get(e, 'incarnation'); },
    BrokerReady(e, l) { s[l * 2] = LIFE.up; },
    NodeStopped(e, l) { s[l * 2] = LIFE.stopped; down(l); },
    NodeCrashed(e, l) { s[l * 2] = LIFE.down; down(l); },
    NodePaused(e, l) { s[l * 2] = get(e, 'paused') ? LIFE.paused : LIFE.up; },
    LogOpened(e, l, p) { const a = logAt(l, p); s[a] = get(e, 'log_start'); s[a + 1] = get(e, 'log_end'); },
    TornTailCut(e, l, p) { s[logAt(l, p) + 1] = get(e, 'log_end'); },
    BatchAppended(e, l, p) { s[logAt(l, p) + 1] = get(e, 'last') + 1; },
    LogFlushed(e, l, p) { s[logAt(l, p) + 2] = get(e, 'durable_end'); },
    LogTruncated(e, l, p) { s[logAt(l, p) + 1] = get(e, 'to'); },
    LogStartMoved(e, l, p) { s[logAt(l, p)] = get(e, 'to'); },
    HighWatermark(e, l, p) { s[logAt(l, p) + 3] = s[partBase + p * 3 + 2] = get(e, 'hw'); },
    LeaderChanged(e, l, p) { s[partBase + p * 3] = m.lane(get(e, 'leader')); s[partBase + p * 3 + 1] = get(e, 'epoch'); },
  };
  const handlers = m.meta.types.map(t => on[t.name]);
  for (let e = 0; e < m.n; e++) if (mine[m.type[e]]) events.push(e);
  const order = Uint32Array.from(events), snapshots = [];
  const step = e => handlers[m.type[e]](e, laneAt[e], m.part[e]);
  // Few snapshots when the state is large: 64 MB at most.
  const every = Math.max(SNAPSHOT, Math.ceil(order.length * s.length / 8e6));
  order.forEach((e, i) => {
    if (i % every === 0) snapshots.push(s.slice());
    step(e);
  });
  if (!snapshots.length) snapshots.push(s.slice());
  // The state after event `last` and all before it.
  return last => {
    const count = lower(order, last + 1), from = Math.min(Math.floor(count / every), snapshots.length - 1);
    s.set(snapshots[from]);
    for (let i = from * every; i < count; i++) step(order[i]);
    const lanes = m.lanes.map((l, i) => ({name: l.name, role: l.role, life: s[i * 2], incarnation: s[i * 2 + 1]})).slice(1);
    const partitions = [];
    for (let p = 1; p < parts; p++) {
      const logs = [];
      for (let l = 1; l < nodes; l++) {
        const a = logAt(l, p);
        if (!isNaN(s[a + 1]) || !isNaN(s[a + 3])) logs.push({name: m.lanes[l].name, start: s[a], end: s[a + 1], durable: s[a + 2], hw: s[a + 3]});
      }
      const leader = s[partBase + p * 3];
      partitions.push({name: m.meta.partitions[p], leader: isNaN(leader) ? '' : m.lanes[leader].name, epoch: s[partBase + p * 3 + 1], hw: s[partBase + p * 3 + 2], logs});
    }
    return {lanes, partitions};
  };
}
