#!/usr/bin/env python3
"""The bug zoo: historic defects that the simulator must find. See tests/zoo/README.md.

  zoo.py applies NAME              the patch still fits its source file
  zoo.py contract NAME             latent without faults, found by its scenario, not there in the original
  zoo.py table [NAME...]           random campaigns: how long until the swarm meets each defect
  zoo.py gate                      a quick subset of that, for CI
"""
import argparse
import concurrent.futures
import datetime
import glob
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
CALM = [os.path.join(ROOT, 'scenarios/smoke', name) for name in ('calm.json', 'calm-cluster.json')]
# What a campaign draws from: for a defect of one broker, and for one of replication or the quorum.
PROFILES = {False: sorted(glob.glob(os.path.join(ROOT, 'scenarios/swarm/*.json'))),
            True: sorted(glob.glob(os.path.join(ROOT, 'scenarios/cluster/*.json')))}
MINUTE = 60.0


class Mutant:
    def __init__(self, name):
        self.name = name
        self.dir = os.path.join(HERE, 'mutants', name)
        with open(os.path.join(self.dir, 'mutant.json'), encoding='utf-8') as f:
            meta = json.load(f)
        self.story, self.mirrors = meta['story'], meta['mirrors']
        self.invariant = meta['invariant']
        # Others that the same defect breaks as well, by the order in which things happen.
        self.also = meta.get('also', [])
        own = os.path.join(self.dir, 'scenario.json')
        self.scenario = os.path.join(ROOT, meta['scenario']) if 'scenario' in meta else own
        with open(self.scenario, encoding='utf-8') as f:
            self.cluster = json.load(f)['cluster'].get('brokers', 1) > 1
        with open(os.path.join(self.dir, 'defect.patch'), encoding='utf-8') as f:
            self.file = next(l[6:].split()[0] for l in f if l.startswith('+++ b/'))


def mutants(names=()):
    known = sorted(os.path.basename(os.path.dirname(p))
                   for p in glob.glob(os.path.join(HERE, 'mutants', '*', 'mutant.json')))
    for name in names:
        if name not in known:
            sys.exit(f'zoo: no mutant {name}; there are: {" ".join(known)}')
    return [Mutant(n) for n in (names or known)]


class Build:
    def __init__(self, path):
        self.path = os.path.abspath(path)

    def binary(self, name):
        return os.path.join(self.path, 'bin/zoo', name)

    def make(self, names):
        targets = ['zoo_' + n for n in names + ['original']]
        subprocess.run(['cmake', '--build', self.path, '--target', *targets], check=True,
                       stdout=sys.stderr)

    def run(self, name, scenario, seed=None):
        """The verdict of one run: exit code, outcome, and that in one line for a person."""
        command = [self.binary(name), 'run', scenario, '--json']
        if seed is not None:
            command += ['--seed', str(seed)]
        done = subprocess.run(command, capture_output=True, text=True)
        try:
            outcome = json.loads(done.stdout)
        except ValueError:  # an assertion of the mutant ended the process
            return done.returncode, {}, f'exit {done.returncode}: {done.stderr[-1000:].strip()}'
        idle = [f['id'] for f in outcome['faults'] if f['effects'] == 0]
        text = f'exit {done.returncode}, ' + ('INV-%d: %s' % violated(outcome) if violated(outcome)[0] else 'holds')
        return done.returncode, outcome, text + (f'; without effect: {" ".join(idle)}' if idle else '')


def relative(path):
    return os.path.relpath(path, ROOT)


def violated(outcome):
    """(invariant, sentence) of what a run broke; (0, '') when everything held."""
    finding = outcome.get('violation') or outcome.get('finding') or {}
    return finding.get('invariant', 0), finding.get('sentence', '')


# --- one mutant

def applies(mutant):
    source = os.path.join(ROOT, mutant.file)
    done = subprocess.run(['patch', '--quiet', '--fuzz=0', '--reject-file=-', '--output', os.devnull,
                           source, os.path.join(mutant.dir, 'defect.patch')],
                          capture_output=True, text=True)
    if done.returncode == 0:
        print(f'{mutant.name}: applies to {mutant.file}')
        return 0
    print(f'{mutant.name}: the patch no longer fits {mutant.file}. The code there has changed: write '
          f'the same defect into it and make tests/zoo/mutants/{mutant.name}/defect.patch anew '
          f'(diff -u).\n{done.stdout}{done.stderr}')
    return 1


# How many seeds a mutant's scenario may need. Its own comes first; but what a seed draws shifts with every
# change of the core, and a window of a millisecond is then met by another one.
CONTRACT_SEEDS = 200


def at(seed):
    return '' if seed is None else f' --seed {seed}'


def met(build, mutant):
    """(seed, sentence, text): the first run of its scenario that violates the mutant's invariant; seed None is the
    scenario's own. Without one the sentence is None, and the text is that of the scenario's own seed."""
    own = ''
    for seed in (None, *range(1, CONTRACT_SEEDS + 1)):
        code, outcome, text = build.run(mutant.name, mutant.scenario, seed)
        invariant, sentence = violated(outcome)
        if code == 1 and invariant == mutant.invariant:
            return seed, sentence, text
        own = own or text
    return None, None, own


def contract(build, mutant):
    problems = []
    for calm in CALM:
        code, _, text = build.run(mutant.name, calm)
        if code != 0:
            problems.append(f'without faults it must hold, but {relative(calm)}: {text}')
    seed, sentence, text = met(build, mutant)
    if sentence is None:
        problems.append(f'{relative(mutant.scenario)} must violate INV-{mutant.invariant} with its own seed or one of '
                        f'1 to {CONTRACT_SEEDS}, but with its own: {text}')
    else:
        code, _, text = build.run('original', mutant.scenario, seed)
        if code != 0:
            problems.append(f'{relative(mutant.scenario)}{at(seed)} must hold without the defect, but: {text}')
    for p in problems:
        print(f'{mutant.name}: {p}')
    if not problems:
        print(f'{mutant.name}: latent in {" and ".join(map(relative, CALM))}; INV-{mutant.invariant} in {relative(mutant.scenario)}{at(seed)}: '
              f'{sentence}')
    return 1 if problems else 0


# --- campaigns

def campaign(build, mutant, master, budget):
    """Random runs with one master seed until the defect shows: what `hunt` tells, or the budget."""
    spent, first, alarms = 0.0, 0, 0
    while True:
        left = max(1, int(budget - spent))
        done = subprocess.run([build.binary(mutant.name), 'hunt', '--campaign', str(master), '--budget',
                               str(left), '--first', str(first), *PROFILES[mutant.cluster]],
                              capture_output=True, text=True)
        if done.returncode not in (0, 1):
            sys.exit(f'zoo: {mutant.name}: {done.stderr}')
        told = json.loads(done.stdout)
        spent += told['cpu_s']
        first = told['runs']
        told['cpu_s'] = spent
        if not told['found']:
            told['false_alarms'] = alarms
            return told
        # What the original shows as well is no find of this defect.
        code, outcome, _ = build.run('original', told['profile'], told['seed'])
        if code in (0, 3):
            told['false_alarms'] = alarms
            return told
        alarms += 1
        print(f'zoo: {relative(told["profile"])} --seed {told["seed"]} fails without the defect too: '
              f'INV-{violated(outcome)[0]}', file=sys.stderr)
        if spent >= budget:
            told['found'] = False
            told['false_alarms'] = alarms
            return told


def shrink(build, mutant, told, seconds):
    """(elements, seconds) of the shrunk scenario; nothing when it could not be shrunk."""
    with tempfile.TemporaryDirectory() as tmp:
        start = time.monotonic()
        done = subprocess.run([build.binary(mutant.name), 'shrink', told['profile'], '--seed',
                               str(told['seed']), '-o', os.path.join(tmp, 'min.json'), '--for',
                               str(seconds), '--json'], capture_output=True, text=True)
        if done.returncode != 0:
            return None
        return json.loads(done.stdout)['after'], round(time.monotonic() - start, 1)


def percentile(values, part):
    """The value below which `part` of all lie; infinity when that one was censored."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def measure(build, mutant, options, pool):
    futures = [pool.submit(campaign, build, mutant, master, options.budget)
               for master in range(1, options.campaigns + 1)]
    results = [f.result() for f in futures]
    found = [r for r in results if r['found']]
    oracles = {}
    for r in found:
        oracles[r['invariant']] = oracles.get(r['invariant'], 0) + 1
    cpu = [r['cpu_s'] if r['found'] else float('inf') for r in results]
    runs = [r['runs'] if r['found'] else float('inf') for r in results]
    sizes = [s for s in pool.map(lambda r: shrink(build, mutant, r, options.shrink_for),
                                 found[:options.shrinks]) if s]
    row = {
        'mutant': mutant.name, 'campaigns': len(results), 'found': len(found),
        'false_alarms': sum(r['false_alarms'] for r in results),
        'runs_median': statistics.median_low(runs), 'cpu_s_median': statistics.median_low(cpu),
        'cpu_s_p90': percentile(cpu, 0.9), 'oracles': dict(sorted(oracles.items())),
        'elements': statistics.median_low([s[0] for s in sizes]) if sizes else None,
        'shrink_s': statistics.median_low([s[1] for s in sizes]) if sizes else None,
        'example': {k: found[0][k] for k in ('profile', 'seed', 'sentence')} if found else None,
    }
    if row['example']:
        row['example']['profile'] = relative(row['example']['profile'])
    for key in ('runs_median', 'cpu_s_median', 'cpu_s_p90'):
        if row[key] == float('inf'):
            row[key] = None  # censored
    return row


def show(value, digits=1):
    if value is None:
        return '-'
    return f'{value:.{digits}f}' if isinstance(value, float) else str(value)


HEAD = ('mutant', 'found', 'runs', 'CPU s', 'p90', 'oracle', 'elements', 'shrink s', 'commit')


def cells(row, budget):
    over = f'>{budget:.0f}'
    return (row['mutant'], f'{row["found"]}/{row["campaigns"]}', show(row['runs_median']),
            over if row['cpu_s_median'] is None else show(row['cpu_s_median']),
            over if row['cpu_s_p90'] is None else show(row['cpu_s_p90']),
            ' '.join(f'INV-{i}' if i else 'died' for i in sorted(row['oracles'], key=lambda i: -row['oracles'][i])) or '-',
            show(row['elements']), show(row['shrink_s']), git('rev-parse', '--short', 'HEAD'))


def summary(rows):
    """Of rows as cells() makes them."""
    fast = sum(1 for r in rows if not r[3].startswith('>') and float(r[3]) <= MINUTE)
    whole = sum(1 for r in rows if len(set(r[1].split('/'))) == 1)
    sizes = [int(r[6]) for r in rows if r[6] != '-']
    return (f'mutants={len(rows)} median_within_60s={fast} ({100 * fast // max(1, len(rows))} %) '
            f'all_campaigns_found={whole} elements_median={statistics.median_low(sizes) if sizes else "-"}')


def git(*words):
    return subprocess.run(['git', '-C', ROOT, *words], capture_output=True, text=True).stdout.strip()


def machine():
    model = platform.processor() or platform.machine()
    try:
        with open('/proc/cpuinfo', encoding='utf-8') as f:
            model = next((l.split(':')[1].strip() for l in f if l.startswith('model name')), model)
    except OSError:
        pass
    return f'{model}, {os.cpu_count()} cores'


ZOO_MD = os.path.join(ROOT, 'docs/ZOO.md')
ORIGINAL, DEFECTS = '## The original', '## The defects'


def original_section():
    """What the page says of the build without a defect: it is measured on its own."""
    try:
        with open(ZOO_MD, encoding='utf-8') as f:
            text = f.read()
    except OSError:
        return []
    if ORIGINAL not in text:
        return []
    return (ORIGINAL + text.split(ORIGINAL, 1)[1].split(DEFECTS, 1)[0]).split('\n')[:-1]


def original(build, options):
    """The build without a defect: no seed of any profile may fail."""
    out = os.path.join(build.path, 'original.json')
    if os.path.exists(out):
        os.remove(out)
    code = subprocess.run([os.path.join(build.path, 'bin/faultline'), 'sim', 'sweep', 'scenarios/swarm',
                           'scenarios/cluster', '--seeds', '1..1000000', '--for', f'{options.seconds}s', '--jobs', str(options.jobs),
                           '--out', out], cwd=ROOT, stdin=subprocess.DEVNULL).returncode
    if options.doc and code == 0:
        with open(out, encoding='utf-8') as f:
            told = json.load(f)
        with open(ZOO_MD, encoding='utf-8') as f:
            text = f.read()
        kept = (text.split(ORIGINAL, 1)[0] if ORIGINAL in text else text.split(DEFECTS, 1)[0])
        section = (f'{ORIGINAL}\n\nMeasured by `./dev zoo --original --doc` on {datetime.date.today().isoformat()}, commit '
                   f'{git("rev-parse", "--short", "HEAD")}, {machine()}: {told["runs"]} runs of the {len(told["done"])} profiles of '
                   f'`scenarios/swarm` and `scenarios/cluster`\n(seeds from 1 on), {told["failed"]} failures, {told["vacuous"]} vacuous, '
                   f'{told["cpu_ns"] / 1e9:.0f} s of processor time for {told["sim_ns"] / 3.6e12:.1f} simulated hours and '
                   f'{told["events"] / 1e6:.0f} million events.\n`.ci/run` does it for half a minute.\n\n')
        with open(ZOO_MD, 'w', encoding='utf-8') as f:
            f.write(kept + section + DEFECTS + text.split(DEFECTS, 1)[1])
    return code


def measured_before():
    """Rows of the page, by mutant: those that are not measured now stay."""
    rows = {}
    known = {m.name for m in mutants()}
    try:
        with open(ZOO_MD, encoding='utf-8') as f:
            for line in f:
                row = tuple(c.strip() for c in line.strip().strip('|').split('|'))
                if len(row) == len(HEAD) and row[0].rstrip(' *') in known:
                    rows[row[0].rstrip(' *')] = row
    except OSError:
        pass
    return rows


def document(report):
    rows = measured_before()
    for row in report['rows']:
        rows[row['mutant']] = cells(row, report['budget'])
    chosen = mutants(sorted(rows))
    lines = ['# The bug zoo', '',
             f'Written by `./dev zoo --doc`, last on {report["date"]}, {report["machine"]}. Do not edit.', '',
             'Each row is a known defect, put into the broker or the client by a patch of a few lines',
             '(`tests/zoo/mutants`). A campaign draws profiles of `scenarios/swarm`, or of `scenarios/cluster` where the',
             'defect is one of replication or the quorum (*), and seeds at random, from a master seed of its own, until',
             'a run fails; the defect\'s own scenario is not among them, and what the original fails as well does not',
             'count. `found` counts campaigns, `CPU s` is their median, `p90` what',
             f'nine of ten need, censored at the budget of its campaigns (>N). `elements` and `shrink s` are medians of',
             f'up to {report["shrinks"]} finds: the size of the shrunk scenario and how long that took. `commit` is where a row was measured.', '',
             '| ' + ' | '.join(HEAD) + ' |', '|' + '---|' * len(HEAD)]
    for m in chosen:
        marked = (m.name + (' *' if m.cluster else ''), *rows[m.name][1:])
        lines.append('| ' + ' | '.join(marked) + ' |')
    lines += ['', summary([rows[m.name] for m in chosen]), ''] + original_section() + ['## The defects', '']
    for m in chosen:
        lines.append(f'- **{m.name}** (`{m.file}`, INV-{m.invariant}, `{relative(m.scenario)}`): {m.story} '
                     f'Modelled on: {"; ".join(m.mirrors)}.')
    return '\n'.join(lines) + '\n'


def table(build, options):
    chosen = mutants(options.names)
    if not options.no_build:
        build.make([m.name for m in chosen])
    rows = []
    widths = (34, 6, 7, 7, 7, 22, 8, 8, 8)
    line = lambda words: '  '.join(str(w).ljust(n) for w, n in zip(words, widths)).rstrip()
    if not options.json:
        print(line(HEAD), flush=True)
    report = {'date': datetime.date.today().isoformat(), 'commit': git('rev-parse', '--short', 'HEAD'),
              'machine': machine(), 'campaigns': options.campaigns, 'budget': options.budget,
              'shrinks': options.shrinks, 'rows': rows}
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for m in chosen:
            rows.append(measure(build, m, options, pool))
            report['summary'] = summary([cells(r, options.budget) for r in rows])
            if not options.json:
                print(line(cells(rows[-1], options.budget)), flush=True)
            if options.doc:  # after each row: it takes long, and may be interrupted
                text = document(report)  # reads what is there: before it is opened to be written
                with open(ZOO_MD, 'w', encoding='utf-8') as f:
                    f.write(text)
    print(json.dumps(report, indent=1) if options.json else report['summary'])
    return 0 if all(r['found'] for r in rows) else 1


# Found by nearly every campaign within a few seconds when docs/ZOO.md was written.
GATE_BUDGET = 20.0


def gate(build, options):
    """Each mutant that the last table found fast must be found again: two campaigns of 20 CPU seconds."""
    with open(os.path.join(HERE, 'gate.txt'), encoding='utf-8') as f:
        names = [line.strip() for line in f if line.strip() and not line.startswith('#')]
    chosen = mutants(names)
    build.make(names)
    missed = []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        def seek(m):
            tries = [campaign(build, m, master, GATE_BUDGET) for master in (1, 2)]
            return m, next((t for t in tries if t['found']), None)
        for m, told in pool.map(seek, chosen):
            if told is None:
                missed.append(m.name)
                print(f'{m.name}: not found within {2 * GATE_BUDGET:.0f} CPU seconds')
            else:
                print(f'{m.name}: INV-{told["invariant"]} after {told["cpu_s"]:.1f} CPU seconds, '
                      f'{relative(told["profile"])} --seed {told["seed"]}')
    print(f'gate={"holds" if not missed else "missed"} mutants={len(names)} missed={len(missed)}')
    return 1 if missed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('--build', default=os.path.join(ROOT, 'build/release'))
    verbs = parser.add_subparsers(dest='verb', required=True)
    for verb in ('applies', 'contract'):
        verbs.add_parser(verb).add_argument('names', nargs='+')
    t = verbs.add_parser('table')
    t.add_argument('names', nargs='*', metavar='MUTANT')
    t.add_argument('--campaigns', type=int, default=20, help='with different master seeds (20)')
    t.add_argument('--budget', type=float, default=600, help='CPU seconds of one campaign (600)')
    t.add_argument('--shrinks', type=int, default=3, help='finds that are shrunk (3)')
    t.add_argument('--shrink-for', type=int, default=60, help='seconds for one of them (60)')
    t.add_argument('--jobs', type=int, default=os.cpu_count())
    t.add_argument('--json', action='store_true', help='for programs')
    t.add_argument('--no-build', action='store_true', help='the mutants stand')
    t.add_argument('--doc', action='store_true', help='write docs/ZOO.md')
    g = verbs.add_parser('gate')
    g.add_argument('--jobs', type=int, default=os.cpu_count())
    o = verbs.add_parser('original')
    o.add_argument('--seconds', type=int, default=60, help='how long (60)')
    o.add_argument('--jobs', type=int, default=os.cpu_count())
    o.add_argument('--doc', action='store_true', help='write the number into docs/ZOO.md')
    options = parser.parse_args()
    build = Build(options.build)
    if options.verb == 'applies':
        return max(applies(m) for m in mutants(options.names))
    if options.verb == 'contract':
        return max(contract(build, m) for m in mutants(options.names))
    if options.verb == 'gate':
        return gate(build, options)
    if options.verb == 'original':
        return original(build, options)
    return table(build, options)


if __name__ == '__main__':
    sys.exit(main())
