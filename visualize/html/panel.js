// The panel: the verdict, the chosen event with its causes, the state at the cursor.

const $ = id => document.getElementById(id);
function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [k, v] of Object.entries(attributes)) {
    if (k.startsWith('on')) node.addEventListener(k.slice(2), v);
    else node.setAttribute(k, v);
  }
  node.append(...children);
  return node;
}
const nameOfRun = run => models.length > 1 ? 'AB'[run] + ': ' : '';

function jump(run, e, extra = '') {
  return el('button', {class: 'jump', title: models[run].describe(e), onclick: () => choose(run, e, true)}, `${extra}${timeText(models[run].at[e], view.end - view.begin)}  ${models[run].describe(e)}`);
}

// The two facts that contradict each other, as the oracle named them; where it named none, the
// event at which it spoke.
function factsOf(m, v) {
  const facts = m.meta.facts[m.violations.indexOf(v)] ?? [];
  if (facts.length) return facts.map((f, i) => [facts.length > 1 ? `Fact ${i + 1}` : 'Fact', f]);
  return m.cause[v] >= 0 ? [['The oracle spoke at', m.cause[v]]] : [];
}

function showOracle() {
  const box = $('oracle');
  box.replaceChildren(el('h2', {}, 'Verdict'));
  models.forEach((m, run) => {
    if (!m.violations.length) box.append(el('p', {class: 'dim'}, nameOfRun(run) + 'No property was violated.'));
    for (const v of m.violations.slice(0, 20)) {
      const facts = factsOf(m, v);
      const card = el('div', {class: 'violation'}, el('strong', {}, `${nameOfRun(run)}Invariant ${m.get(v, 'invariant')} violated at ${timeText(m.at[v])}`), el('br'),
        el('span', {class: 'break'}, m.meta.labels[m.get(v, 'sentence')]));
      facts.forEach(([word, f]) => card.append(el('button', {class: 'fact', onclick: () => choose(run, f, true)},
        `${word}: ${timeText(m.at[f])} ${m.lanes[m.laneAt[f]].name} ${m.describe(f)}`)));
      card.append(el('button', {class: 'fact', onclick: () => choose(run, v, true)}, 'Go to the violation'));
      box.append(card);
    }
    if (m.violations.length > 20) box.append(el('p', {class: 'dim'}, `and ${m.violations.length - 20} more`));
  });
  if (difference) {
    if (!difference.length) box.append(el('p', {}, 'The two runs are equal, event by event.'));
    else {
      box.append(el('h2', {}, 'First differing event'));
      difference.forEach((e, run) => box.append(e < models[run].n ? jump(run, e, nameOfRun(run)) : el('p', {class: 'dim'}, nameOfRun(run) + 'the run has ended')));
    }
  }
}

function showEvent() {
  const box = $('event');
  box.replaceChildren(el('h2', {}, 'Event'));
  if (!picked) return void box.append(el('p', {class: 'dim'}, 'None is chosen. Click one, or press an arrow key.'));
  const {run, event: e, before, after} = picked, m = models[run];
  const table = el('table', {id: 'fields'});
  const line = (k, v) => table.append(el('tr', {}, el('th', {}, k), el('td', {class: 'break'}, v)));
  line('type', m.name(e));
  line('time', (m.at[e] / 1e9).toFixed(9) + ' s');
  line('number', `${nameOfRun(run)}${(e + 1).toLocaleString('en')} of ${m.n.toLocaleString('en')}`);
  if (!m.meta.types[m.type[e]].fields.some(f => f.name === 'node')) line('lane', m.lanes[m.laneAt[e]].name);
  m.meta.types[m.type[e]].fields.forEach((f, i) => line(f.name, fieldText(m, f, m.columns[m.type[e]][i][m.row[e]])));
  box.append(table);
  const p = m.partner[e];
  if (p >= 0) box.append(jump(run, p, p < e ? 'sent ' : 'arrived '));
  else if (m.is(e, 'MessageSent')) box.append(el('p', {class: 'dim'}, m.dropped.has(e) ? 'This message was dropped.' : 'This message never arrived.'));
  const list = (title, events, from) => {
    box.append(el('h2', {}, `${title}: ${events.length.toLocaleString('en')}`));
    for (const x of from) box.append(jump(run, x));
  };
  list('Led to it', before, before.slice(-6).reverse());
  list('Followed from it', after, after.slice(0, 6));
}

const LIFE_WORD = ['running', 'recovering', 'paused', 'dead', 'stopped'];
const known = v => v === undefined || isNaN(v) ? '–' : String(v);
function showState() {
  const box = $('state');
  box.replaceChildren(el('h2', {}, `State at ${timeText(cursor.time, view.end - view.begin)}`));
  models.forEach((m, run) => {
    m.stateAt ??= makeState(m);
    const last = picked && picked.run === run && m.at[picked.event] === cursor.time ? picked.event : lastBefore(m, cursor.time);
    const {lanes, partitions} = m.stateAt(last);
    if (models.length > 1) box.append(el('h2', {}, 'Run ' + 'AB'[run]));
    const nodes = el('table', {class: 'nodes'}, el('tr', {}, el('th', {}, 'node'), el('th', {}, 'state'), el('th', {class: 'n'}, 'life')));
    for (const l of lanes) nodes.append(el('tr', {}, el('td', {}, l.name), el('td', {}, LIFE_WORD[l.life] ?? 'not yet'), el('td', {class: 'n'}, isNaN(l.incarnation) ? '–' : String(l.incarnation + 1))));
    box.append(nodes);
    const table = el('table', {class: 'parts'}, el('tr', {}, ...['partition', 'leader', 'epoch', 'start', 'end', 'durable', 'hw'].map((h, i) => el('th', {class: i > 1 ? 'n' : ''}, h))));
    for (const p of partitions.slice(0, 200)) {
      const logs = p.logs.length ? p.logs : [{}];
      logs.forEach((g, i) => table.append(el('tr', {}, el('td', {}, i ? '' : p.name), el('td', {}, logs.length > 1 ? (g.name === p.leader ? g.name + ' *' : g.name) : p.leader || '–'),
        ...[i ? '' : known(p.epoch), known(g.start), known(g.end), known(g.durable), known(g.hw)].map(v => el('td', {class: 'n'}, v)))));
    }
    if (partitions.length) box.append(el('div', {class: 'wide'}, table));
    if (partitions.length > 200) box.append(el('p', {class: 'dim'}, `and ${partitions.length - 200} more partitions`));
  });
}

// The last event not after `t`.
function lastBefore(m, t) {
  let i = lower(m.at, t);
  while (i < m.n && m.at[i] <= t) i++;
  return i - 1;
}

function showStatus() {
  const seen = models.reduce((sum, m) => sum + inView(m), 0), all = models.reduce((sum, m) => sum + m.shown.length, 0);
  const box = $('status');
  box.replaceChildren(...KINDS.map((k, i) => {
    const b = el('b');
    b.style.background = C.kinds[i];
    return el('span', {}, b, k);
  }), el('span', {id: 'inview'}, `${seen.toLocaleString('en')} of ${all.toLocaleString('en')} events in view, ${timeText(view.to - view.from)}`));
}
