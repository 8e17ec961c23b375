#!/usr/bin/env python3
"""docs/FAILURES.md: every scripted failure of replication and of the quorum, run with its own seed, with its
picture.

  failures.py [--build build/release]           ./dev docs --failures: runs, draws and writes
  failures.py --check [--build build/release]   whether the page still says what the scenarios say; a ctest

Hashes change with every change of the core, so the page names the commit that they are of. The check compares
them only where neither core/ nor sim/ nor the scenarios have changed since.
"""
import argparse
import glob
import json
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDERS = ('replication', 'quorum')
PAGE = 'docs/FAILURES.md'
PICTURES = 'docs/img/failures'
HASHED = ('core', 'sim', 'cmake', 'scenarios')
HEAD = ('id', 'scenario', 'story', 'seed', 'hash', 'verdict', 'proof', 'defect', 'picture')
ABOUT = '''# Failures that replay

Written by `./dev docs --failures`, hashes at commit {commit}. Do not edit.

Each row is one execution: at that commit a scenario file and its seed give this hash on every machine
(`faultline sim run FILE --check`). The `id` is the one of the catalogue of failures (R: replication, C: the quorum, D: disks
and clocks, Q: load). *Proof* says what made it more than a calm run: the faults with what they did, and the
rare branches of the code that the scenario asks for. The *defect* is the one of the [bug zoo](ZOO.md) that this scenario
finds; where none is named, none is made for it yet. A picture has a lane for each node, with the state of its logs, faults as bands and marks,
and what the clients were told; `faultline sim run FILE --timeline out.html` draws it whole, to zoom and to search.

'''
AT_COMMIT = re.compile(r'hashes at commit ([0-9a-f]{7,40})\.')


def git(*words):
    return subprocess.run(['git', '-C', ROOT, *words], capture_output=True, text=True)


def scenarios():
    return [path for folder in FOLDERS for path in sorted(glob.glob(os.path.join(ROOT, 'scenarios', folder, '*.json')))]


LINE = re.compile(r'<line class="([^"]*)" x1="([^"]*)" y1="([^"]*)" x2="([^"]*)" y2="([^"]*)"/>')


def joined(lines):
    """Lines of one class as one path."""
    paths = {}
    for kind, x1, y1, x2, y2 in LINE.findall(lines.group(0)):
        paths.setdefault(kind, []).append(f'M{x1} {y1}' + (f'V{y2}' if x1 == x2 else f'L{x2} {y2}'))
    return ''.join(f'<path class="{kind}" d="{"".join(d)}"/>\n' for kind, d in paths.items())


def slim(picture):
    """Without what only a page that can be hovered over shows: a page of docs shows it as an image."""
    with open(picture, encoding='utf-8') as f:
        head, rest = f.read().split('</title>', 1)
    rest = re.sub(r'<title>[^<]*</title>', '', rest)
    rest = re.sub(r'<g class="i">\s*((?:<(?:line|rect|path|circle)[^>]*/>\s*)*)</g>', r'\1', rest)
    rest = re.sub(r'\n+', '\n', rest)
    rest = re.sub(r'(?:' + LINE.pattern.replace('(', '(?:') + r'\s*){2,}', joined, rest)
    with open(picture, 'w', encoding='utf-8') as f:
        f.write(head + '</title>' + rest)


def load(path):
    with open(path, encoding='utf-8') as f:
        return json.load(f)


def defects():
    """scenario -> mutants whose contract it is."""
    found = {}
    for path in glob.glob(os.path.join(ROOT, 'tests/zoo/mutants/*/mutant.json')):
        scenario = load(path).get('scenario')
        if scenario:
            found.setdefault(scenario, []).append(os.path.basename(os.path.dirname(path)))
    return found


def run(binary, path, *more):
    done = subprocess.run([binary, 'sim', 'run', path, '--json', *more], capture_output=True, text=True)
    try:
        return json.loads(done.stdout[done.stdout.index('{'):])
    except ValueError:
        sys.exit(f'failures: {os.path.relpath(path, ROOT)}: exit {done.returncode}: {done.stderr.strip()}')


def told(path, known):
    """The cells of a row that come from files: id, scenario, story, seed, defect, picture."""
    spec = load(path)
    name, relative = spec['name'], os.path.relpath(path, ROOT)
    mirrors = '; '.join(spec.get('mirrors', []))
    return {'id': name.split('-')[0].upper(), 'scenario': f'[{name}](../{relative})',
            'story': spec['about'] + (f' *{mirrors}*' if mirrors else ''), 'seed': str(spec.get('seed', 1)),
            'defect': ' '.join(sorted(known.get(relative, []))), 'picture': f'[svg](img/failures/{name}.svg)'}


def measured(spec, outcome):
    """The cells that a run gives."""
    proof = [f'{outcome["records"]["acknowledged"]} acknowledged']
    proof += [f'{f["id"]} {f["effects"]}' for f in outcome['faults'] if f['effects']]
    proof += [f'{site} {outcome["sites"][site]}' for site in spec.get('expect', {}).get('reached', [])]
    return {'hash': f'`{outcome["hash"]}`', 'verdict': outcome['verdict'], 'proof': ', '.join(proof)}


def line(cells):
    return '| ' + ' | '.join(cells[h] for h in HEAD) + ' |'


def written():
    """The commit that the page names, and its rows by scenario."""
    try:
        with open(os.path.join(ROOT, PAGE), encoding='utf-8') as f:
            text = f.read()
    except OSError:
        return '', {}
    commit = AT_COMMIT.search(text)
    rows = {}
    for one in text.split('\n'):
        cells = [c.strip() for c in one.strip().strip('|').split(' | ')]
        if len(cells) == len(HEAD) and cells[1].startswith('['):
            rows[cells[1]] = dict(zip(HEAD, cells))
    return commit.group(1) if commit else '', rows


def write(binary):
    os.makedirs(os.path.join(ROOT, PICTURES), exist_ok=True)
    known, broken, lines, pictures = defects(), [], [], set()
    for path in scenarios():
        spec, cells = load(path), told(path, known)
        pictures.add(spec['name'] + '.svg')
        picture = os.path.join(ROOT, PICTURES, spec['name'] + '.svg')
        cells |= measured(spec, run(binary, path, '--timeline', picture))
        slim(picture)
        print(f'{spec["name"]}: {cells["verdict"]}, {os.path.getsize(picture) // 1024} KiB', flush=True)
        if cells['verdict'] != 'holds':
            broken.append(spec['name'])
        lines.append(line(cells))
    for old in set(os.listdir(os.path.join(ROOT, PICTURES))) - pictures:
        os.remove(os.path.join(ROOT, PICTURES, old))
    head = ['| ' + ' | '.join(HEAD) + ' |', '|' + '---|' * len(HEAD)]
    with open(os.path.join(ROOT, PAGE), 'w', encoding='utf-8') as f:
        f.write(ABOUT.format(commit=git('rev-parse', '--short', 'HEAD').stdout.strip()) + '\n'.join(head + lines) + '\n')
    print(f'failures={"hold" if not broken else "broken"} scenarios={len(lines)} broken={len(broken)} {" ".join(broken)}'.strip())
    return 1 if broken else 0


def check(binary):
    commit, rows = written()
    known, problems, wanted = defects(), [], {}
    for path in scenarios():
        cells = told(path, known)
        wanted[cells['scenario']] = path
        row = rows.get(cells['scenario'])
        if row is None:
            problems.append(f'{cells["scenario"]} is missing')
            continue
        problems += [f'{cells["scenario"]}: its {k} is "{row[k]}", but "{v}" in its files' for k, v in cells.items() if row[k] != v]
        if row['verdict'] != 'holds':
            problems.append(f'{cells["scenario"]}: its verdict is "{row["verdict"]}"')
        if not os.path.exists(os.path.join(ROOT, PICTURES, load(path)['name'] + '.svg')):
            problems.append(f'{cells["scenario"]} has no picture')
    problems += [f'{s} is there no more' for s in rows if s not in wanted]
    hashes = 'not compared: core, sim or scenarios changed since'
    if not problems and commit and git('diff', '--quiet', commit, '--', *HASHED).returncode == 0:
        hashes = 'equal'
        for scenario, path in wanted.items():
            now = f'`{run(binary, path)["hash"]}`'
            if rows[scenario]['hash'] != now:
                problems.append(f'{scenario}: at the commit of the page its hash is {rows[scenario]["hash"]}, here {now}')
    for p in problems:
        print(f'{PAGE}: {p}')
    if problems:
        print('./dev docs --failures writes it again')
    print(f'failures={"stale" if problems else "told"} scenarios={len(wanted)} hashes {hashes}')
    return 1 if problems else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('--build', default=os.path.join(ROOT, 'build/release'))
    parser.add_argument('--check', action='store_true')
    options = parser.parse_args()
    binary = os.path.join(options.build, 'bin/faultline')
    return check(binary) if options.check else write(binary)


if __name__ == '__main__':
    sys.exit(main())
