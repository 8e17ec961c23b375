#!/usr/bin/env python3
"""The table of failure scenarios: runs every file of scenarios/replication and scenarios/quorum with
its own seed, draws its picture, and writes docs/FAILURES.md.

  failures.py [--build build/release]     ./dev docs --failures
"""
import argparse
import glob
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDERS = ('replication', 'quorum')
PICTURES = 'docs/img/failures'
ABOUT = '''# Failures that replay

Written by `./dev docs --failures`. Do not edit.

Each row is one execution: a scenario file and its seed give this hash on every machine
(`faultline sim run scenarios/FOLDER/NAME.json --check`). *Proof* says what made it more than a calm run: the faults
with their effects, and the rare branches that the scenario asks for. The defect is the one of the
[bug zoo](ZOO.md) that turns the verdict; without a name there is none for it yet.
'''


def outcome(binary, path, picture):
    done = subprocess.run([binary, 'sim', 'run', path, '--json', '--timeline', picture],
                          capture_output=True, text=True)
    try:
        return json.loads(done.stdout[done.stdout.index('{'):])
    except ValueError:
        sys.exit(f'failures: {path}: exit {done.returncode}: {done.stderr.strip()}')


def defects():
    """scenario -> mutants whose contract it is."""
    found = {}
    for path in glob.glob(os.path.join(ROOT, 'tests/zoo/mutants/*/mutant.json')):
        with open(path, encoding='utf-8') as f:
            scenario = json.load(f).get('scenario')
        if scenario:
            found.setdefault(scenario, []).append(os.path.basename(os.path.dirname(path)))
    return found


def row(binary, path, known):
    with open(path, encoding='utf-8') as f:
        spec = json.load(f)
    relative = os.path.relpath(path, ROOT)
    picture = f'{PICTURES}/{spec["name"]}.svg'
    o = outcome(binary, path, os.path.join(ROOT, picture))
    proof = [f'{f["id"]} {f["effects"]}' for f in o['faults'] if f['effects']]
    proof += [f'{site} {o["sites"][site]}' for site in spec.get('expect', {}).get('reached', [])]
    cells = (f'[{spec["name"]}](../{relative})', spec['about'] + f' *{"; ".join(spec.get("mirrors", []))}*',
             str(o['seed']), f'`{o["hash"]}`', o['verdict'],
             f'{o["records"]["acknowledged"]} acknowledged; ' + ', '.join(proof),
             ' '.join(sorted(known.get(relative, []))), f'[picture](img/failures/{spec["name"]}.svg)')
    return '| ' + ' | '.join(cells) + ' |', o['verdict']


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('--build', default=os.path.join(ROOT, 'build/release'))
    binary = os.path.join(parser.parse_args().build, 'bin/faultline')
    os.makedirs(os.path.join(ROOT, PICTURES), exist_ok=True)
    known = defects()
    head = ('scenario', 'story', 'seed', 'hash', 'verdict', 'proof', 'defect', '')
    lines = [ABOUT, '| ' + ' | '.join(head) + ' |', '|' + '---|' * len(head)]
    broken = 0
    for folder in FOLDERS:
        for path in sorted(glob.glob(os.path.join(ROOT, 'scenarios', folder, '*.json'))):
            line, verdict = row(binary, path, known)
            broken += verdict != 'holds'
            lines.append(line)
    with open(os.path.join(ROOT, 'docs/FAILURES.md'), 'w', encoding='utf-8') as f:
        f.write('\n'.join(lines) + '\n')
    print(f'failures={"hold" if not broken else "broken"} scenarios={len(lines) - 3} broken={broken}')
    return 1 if broken else 0


if __name__ == '__main__':
    sys.exit(main())
