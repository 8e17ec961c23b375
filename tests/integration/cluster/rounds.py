#!/usr/bin/python3
"""Hurts a cluster under acks=all load, again and again, then reads everything back.

Example:  rounds.py --rounds 20                                      three nodes of Faultline, every fault, 20 rounds each
          rounds.py --kafka --faults kill,cut --rounds 3             the same of Apache Kafka (needs java)

  kill      kill -9 of a partition's leader        power     its power fails: what it did not sync is dropped or torn
  pause     SIGSTOP, later SIGCONT                 blackout  the power of all nodes fails at the same time
  cut       no link to the other nodes;            restart   all nodes one after the other, SIGTERM and start
            clients still reach it           busy      every core computes for --busy seconds; no leader may change

The load: librdkafka with idempotence, and `faultline produce`. Afterwards every acknowledged record must be there, once, in
the order in which its producer sent it. A line per round, then one for each fault, and the verdict:

  rounds: verdict=holds rounds=100 acknowledged=81234 lost=0 duplicated=0 reordered=0 ...

Exit: 0 holds, 1 violated, 2 bad input, 3 the cluster did not come back.
"""
import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time

import load
from local_cluster import ROOT, LocalCluster, Misuse, NodeEnded, why_no_kafka

TOPIC = 'orders'
FAULTS = ('kill', 'pause', 'cut', 'power', 'restart', 'blackout', 'busy')
PATIENCE_S = float(os.environ.get('FL_CLUSTER_PATIENCE_S', 120))


class Stuck(Exception):
    """The cluster did not come back."""


class Rounds:
    def __init__(self, options, cluster):
        self.o, self.cluster, self.nodes = options, cluster, options.nodes
        self.draw = random.Random(options.seed)
        self.boot = cluster.bootstrap()
        self.admin = load.admin(self.boot)
        load.make_topic(self.boot, TOPIC, options.partitions, min(3, self.nodes))
        # librdkafka 2.0 may end with a fatal error when several requests time out at once; one by one it does not.
        self.foreign = [load.Foreign(self.boot, TOPIC, f'librdkafka{i}', options.rate, 1 if i % 2 else options.in_flight)
                        for i in range(options.producers)]
        self.own = [] if options.no_own else [load.Own(f'{options.bin}/faultline', self.boot, TOPIC, 'faultline0', options.rate)]
        self.false_fences = []
        self.silences = {fault: [] for fault in options.faults}

    def partitions(self):
        """Leader and in-sync replicas by partition, or None when nobody answers."""
        try:
            meta = self.admin.list_topics(TOPIC, timeout=3).topics[TOPIC].partitions
            return {p: (m.leader, set(m.isrs)) for p, m in meta.items()}
        except Exception:
            return None

    def until(self, what, condition):
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            result = condition()
            if result:
                return result
            time.sleep(0.1)
        raise Stuck(f'{what} within {PATIENCE_S:.0f} s; partitions: {self.partitions()}; ' + '; '.join(self.cluster.status()))

    def whole(self):
        def full():
            now = self.partitions()
            copies = min(3, self.nodes)
            return now if now and all(leader > 0 and len(isr) == copies for leader, isr in now.values()) else None
        return self.until('not all replicas were in sync', full)

    def acknowledged_since(self, partitions, moment):
        return all(any(f.times[p] and f.times[p][-1] > moment for f in self.foreign) for p in partitions)

    def served(self, partitions, since):
        """The cluster works on although the fault lasts."""
        self.until(f'no acknowledgement of partitions {sorted(partitions)}',
                   lambda: self.acknowledged_since(partitions, since + self.o.hold))

    def strike(self, fault, victim, seed):
        c = self.cluster
        if fault == 'kill':
            c.kill(victim)
        elif fault == 'pause':
            c.pause(victim)
        elif fault == 'cut':
            c.cut([victim], [n for n in c.numbers() if n != victim])
        elif fault == 'power':
            return c.power([victim], seed=seed)
        elif fault == 'blackout':
            return c.power(list(c.numbers()), seed=seed)
        return []

    def busy(self):
        """Load alone is no reason to elect anybody."""
        before = self.whole()
        burners = [subprocess.Popen([sys.executable, '-c', 'while True: pass']) for _ in range(os.cpu_count() or 1)]
        try:
            deadline = time.monotonic() + self.o.busy
            while time.monotonic() < deadline:
                time.sleep(0.2)
                now = self.partitions()
                for p, (leader, _) in (now or {}).items():
                    if leader != before[p][0]:
                        self.false_fences.append(f'{TOPIC}-{p} went from node {before[p][0]} to {leader} under load alone')
                        before[p] = now[p]
        finally:
            for burner in burners:
                burner.kill()
                burner.wait()

    def rolling_restart(self):
        for node in self.cluster.numbers():
            self.cluster.stop(node)
            self.cluster.start(node)
            self.whole()

    def round(self, number, fault):
        now = self.whole()
        time.sleep(self.draw.uniform(0.2, 1.2))
        now = self.partitions() or now
        victim = now[self.draw.choice(sorted(now))][0]
        hit = [p for p, (leader, _) in now.items() if leader == victim or fault in ('blackout', 'restart', 'busy')]
        struck = time.monotonic()
        if fault == 'restart':
            told, victim = [], 'all'
            self.rolling_restart()
        elif fault == 'busy':
            told, victim = [], 'all'
            self.busy()
        else:
            told = self.strike(fault, victim, self.o.seed * 1000 + number)
            # Alone, or all of them: nobody is left who could serve.
            if self.nodes > 1 and fault != 'blackout':
                self.served(hit, struck)
            else:
                time.sleep(self.o.hold)
            self.cluster.heal()
        self.whole()
        self.until('no acknowledgement after the round', lambda: self.acknowledged_since(now, struck + 0.01) and
                   self.acknowledged_since(hit, time.monotonic() - 0.5))
        silent = max(f.longest_silence(p, struck) for f in self.foreign for p in hit)
        self.silences[fault].append(silent)
        print(f'round {number}: {fault} of node {victim}, silent for {silent:.3f} s, in sync again after '
              f'{time.monotonic() - struck:.1f} s{"; " + "; ".join(told) if told else ""}', flush=True)

    def run(self):
        number = 0
        for turn in range(self.o.rounds):
            for fault in self.o.faults:
                number += 1
                self.round(number, fault)
        return number

    def finish(self):
        for producer in self.foreign + self.own:
            producer.finish()


def verdict(r, rounds):
    records = load.read_all(r.boot, TOPIC)
    if not r.o.no_own and sorted(load.read_own(f'{r.o.bin}/faultline', r.boot, TOPIC)) != sorted(records):
        print('violated: librdkafka and `faultline consume` read different things')
        return 1
    found = load.judge(r.foreign, r.own, records)
    for text in found.examples + r.false_fences:
        print('violated: ' + text)
    for fault, silences in r.silences.items():
        if silences:
            print(f'{fault}: {len(silences)} rounds, silent for {statistics.median(silences):.3f} s median, {max(silences):.3f} s at most')
    for f in r.foreign:
        if f.restarts or f.unknown:
            print(f'{f.name}: {f.restarts} fatal errors, {len(f.unknown)} records without an acknowledgement: {sorted(set(f.unknown.values()))[:3]}')
    for o in r.own:
        if not o.all_acked:
            print(f'{o.name}: not all acknowledged: {o.words[-1:]}')
    bad = found.lost + found.duplicated + found.reordered + found.misplaced + found.foreign + len(r.false_fences)
    acked = sum(len(f.acked) for f in r.foreign) + sum(o.sent for o in r.own if o.all_acked)
    print(f'rounds: verdict={"violated" if bad else "holds"} world={r.cluster.state["kind"]} nodes={r.nodes} rounds={rounds} '
          f'links={r.cluster.links.kind} acknowledged={acked} read={len(records)} lost={found.lost} duplicated={found.duplicated} '
          f'reordered={found.reordered} misplaced={found.misplaced} foreign={found.foreign} false_fences={len(r.false_fences)} seed={r.o.seed}')
    if r.o.must_lose:
        return 0 if found.lost else 1
    return 1 if bad or acked == 0 else 0


def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--kafka', action='store_true')
    p.add_argument('--bin', default=f'{ROOT}/build/release/bin')
    p.add_argument('--nodes', type=int, default=3)
    p.add_argument('--rounds', type=int, default=20, help='of each fault')
    p.add_argument('--faults', help='of these, with commas; default: all but busy; Kafka without blackout, which it does not promise to survive')
    p.add_argument('--partitions', type=int, default=3)
    p.add_argument('--in-flight', type=int, default=5, help='requests of every other librdkafka producer (5)')
    p.add_argument('--producers', type=int, default=2, help='of librdkafka')
    p.add_argument('--no-own', action='store_true', help='leave our own client out')
    p.add_argument('--rate', type=float, default=300, help='records a second of each producer')
    p.add_argument('--hold', type=float, default=1.0, help='seconds that a fault lasts at least')
    p.add_argument('--busy', type=float, default=10, help='seconds of full load in a round of busy')
    p.add_argument('--must-lose', action='store_true', help='exit 0 only when records were lost: is the harness awake?')
    p.add_argument('--seed', type=int, default=1)
    p.add_argument('--links', choices=('namespaces', 'proxy'))
    p.add_argument('--port', type=int, default=26000 + os.getpid() % 4000)
    p.add_argument('--set', action='append', default=[], metavar='KEY=VALUE')
    p.add_argument('--keep', action='store_true', help='leave configuration, logs and data')
    o = p.parse_args()
    without = {'busy'} | ({'blackout'} if o.kafka else set()) | ({'cut', 'blackout'} if o.nodes == 1 else set())
    o.faults = o.faults.split(',') if o.faults else [f for f in FAULTS if f not in without]
    for fault in o.faults:
        if fault not in FAULTS:
            p.error(f'--faults {fault}: one of {", ".join(FAULTS)}')
    if 'cut' in o.faults and o.nodes == 1:
        p.error('--faults cut: a lone node has no link')
    return o


def main():
    o = options()
    if o.kafka and (why := why_no_kafka()):
        print(f'rounds: no run against Kafka: {why}')
        return 2
    directory = tempfile.mkdtemp(prefix='faultline-rounds-')
    cluster, r, code = None, None, 3
    try:
        cluster = LocalCluster.up(f'{directory}/cluster', o.nodes, kind='kafka' if o.kafka else 'faultline', links_kind=o.links,
                                  port=o.port, binary=f'{o.bin}/faultlined', changes=dict(s.split('=', 1) for s in o.set),
                                  power=f'{o.bin}/power_cut.so' if {'power', 'blackout'} & set(o.faults) else None)
        r = Rounds(o, cluster)
        done = r.run()
        r.finish()
        r.whole()
        code = verdict(r, done)
    except Misuse as e:
        print(f'rounds: {e}', file=sys.stderr)
        code = 2
    except (Stuck, NodeEnded, TimeoutError, OSError) as e:
        print(f'rounds: verdict=stuck {e}', flush=True)
        code = 3
    finally:
        if cluster or os.path.exists(f'{directory}/cluster/cluster.json'):
            cluster = cluster or LocalCluster(f'{directory}/cluster')
            if r and code:
                for producer in r.foreign + r.own:
                    producer.going = False
                for own in r.own:
                    own.child.kill()
            cluster.down(keep=o.keep or code in (1, 3))
        if not o.keep and code in (0, 2):
            os.rmdir(directory) if os.path.isdir(directory) and not os.listdir(directory) else None
        else:
            print(f'configuration, logs and data are in {directory}/cluster')
    return code


if __name__ == '__main__':
    code = main()
    sys.stdout.flush()
    os._exit(code)  # a producer of a stuck cluster would wait for its records
