// Start: decode, build, first picture; then frames when something changed.

const page = JSON.parse($('meta').textContent);
let models = [], picked = null, active = 0, difference = null, asked = false, panelAsked = false;
const cursor = {time: 0}, found = {list: [], run: 0, at: 0, text: ''};
// For measuring: times in ms since the page was asked for, and what each frame took.
const stats = {ready: 0, first: 0, draws: []};

function redraw(panel) {
  panelAsked ||= panel === true;
  if (asked) return;
  asked = true;
  requestAnimationFrame(frame);
}
function frame() {
  asked = false;
  const start = performance.now();
  drawMain($('canvas'));
  drawMinimap($('minimap'));
  showStatus();
  const where = Math.round(((view.from + view.to) / 2 - view.begin) / (view.end - view.begin) * 100);
  $('minimap').setAttribute('aria-valuenow', Math.min(100, Math.max(0, where)));
  if (panelAsked) { panelAsked = false; showEvent(); showState(); }
  stats.draws.push(performance.now() - start);
  if (stats.draws.length > 5000) stats.draws.shift();
}

function resize() {
  const stage = $('stage').getBoundingClientRect(), ratio = devicePixelRatio || 1;
  view.width = Math.max(stage.width, 200);
  view.height = Math.max(stage.height, 100);
  view.gutter = view.width < 640 ? 76 : 112;
  $('canvas').width = Math.round(view.width * ratio);
  $('canvas').height = Math.round(view.height * ratio);
  const map = $('minimap').getBoundingClientRect();
  $('minimap').width = Math.max(1, Math.round(map.width));
  $('minimap').height = Math.max(1, Math.round(map.height));
  view.map = null;
  redraw();
}
function refilter() {
  models.forEach(applyFilter);
  view.map = null;
  if (found.text) search(found.text);
  redraw(true);
}
function showAll() {
  const edge = (view.end - view.begin) * .02;
  setView(view.begin - edge, view.end + edge);
}

function setTheme(name) {
  document.documentElement.dataset.theme = name;
  readColours();
  view.map = null;
  redraw();
}
const dark = matchMedia('(prefers-color-scheme: dark)');
dark.addEventListener('change', () => setTheme(dark.matches ? 'dark' : 'light'));
document.documentElement.dataset.theme = dark.matches ? 'dark' : 'light';

function wire() {
  onPointers($('canvas'));
  onMinimap($('minimap'));
  fillFilters();
  addEventListener('keydown', onKey);
  let timer = 0;
  $('search').addEventListener('input', () => { clearTimeout(timer); timer = setTimeout(() => search($('search').value), 150); });
  const on = {prevbad: () => stepTurn(-1), nextbad: () => stepTurn(1), in: () => zoom(.6, aim()), out: () => zoom(1 / .6, aim()), all: showAll, help: () => $('helpbox').showModal(),
    theme: () => setTheme(document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark'),
    diff: () => { const run = difference[0] < models[0].n ? 0 : 1; zoomTo(run, difference[run]); }};
  for (const [id, f] of Object.entries(on)) $(id).addEventListener('click', f);
  new ResizeObserver(resize).observe($('stage'));
}

// The event in the middle, as near as the 30 events on its busier side.
function zoomTo(run, e) {
  const m = models[run], before = m.at[e] - m.at[Math.max(0, e - 30)], after = m.at[Math.min(m.n - 1, e + 30)] - m.at[e];
  const half = Math.max(1000, Math.min(before || after, after || before));
  setView(m.at[e] - half, m.at[e] + half);
  choose(run, e, true);
}

async function start() {
  for (const [i, meta] of page.runs.entries()) {
    const text = $('data' + i);
    const bytes = await inflated(text.textContent, meta.size);
    text.remove();
    models.push(makeModel(decode(meta, bytes)));
  }
  const [a] = models;
  difference = page.difference ?? null;
  view.two = models.length > 1;
  view.begin = Math.min(...models.map(m => m.begin), page.from ?? Infinity);
  view.end = Math.max(...models.map(m => m.end), view.begin + 1000);
  if (page.from !== undefined) view.begin = Math.min(page.from, view.end - 1000);
  Object.assign(filter, {node: page.node ?? '', partition: page.partition ?? ''});
  $('title').textContent = `${a.meta.scenario || 'A run'}, seed ${a.meta.seed}`;
  $('title').title = `${a.meta.total} events, hash ${a.meta.hash}` + (a.meta.complete ? '' : '; the trace is incomplete');
  $('diff').hidden = !difference?.length;
  readColours();
  models.forEach(applyFilter);
  resize();
  wire();
  cursor.time = a.violations.length ? a.at[a.violations[0]] : view.end;
  showAll();
  stats.ready = performance.now();
  $('wait').remove();
  showOracle();
  panelAsked = true;
  asked = true;
  frame();
  requestAnimationFrame(() => { stats.first = performance.now(); });
}

window.viewer = {get models() { return models; }, get picked() { return picked; }, get found() { return found; }, get difference() { return difference; }, view, cursor, filter, stats, setView, choose, zoomTo, tOf, xOf,
  row: (run, lane) => rows.find(r => r.run === run && r.lane === lane),
  place: (run, e) => markAt(rows.find(r => r.run === run && r.lane === models[run].laneAt[e]), models[run], e)};
start().catch(error => { $('wait').textContent = 'The page is damaged: ' + error.message; throw error; });
