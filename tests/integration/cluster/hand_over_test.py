#!/usr/bin/python3
"""SIGTERM of a leader under load: no producer has to send anything twice.

  hand_over_test.py --bin BUILD/bin       ends with a verdict line; exit 0 or 1

librdkafka with a retry back-off of ten seconds: a refusal, or a connection that is closed under a request, shows as a silence of
so long, whatever the machine does meanwhile. It sends now and then: a connection on which something is always under way is closed
in the end. Where the machine has much to do, that may hit one at a bad moment: one of three stops has to pass without.

Then the same with a producer that knows the leader only: when its one connection ends it has nobody to ask who leads instead, and
thinks of it again a second later (its refresh of every five minutes does not help). It must not have to.
"""
import argparse
import os
import sys
import tempfile
import threading
import time

from confluent_kafka import Producer

import load
from local_cluster import LocalCluster

TOPIC, TRIES, RATE, BACKOFF_S = 'orders', 3, 20, 10
LONELY_S = 0.5  # librdkafka looks for leaders that are gone once a second


class Sender:
    """Sends, and knows when it was acknowledged."""

    def __init__(self, bootstrap, refresh_ms):
        self.producer = Producer({'bootstrap.servers': bootstrap, 'log_level': 0, 'acks': 'all', 'linger.ms': 1,
                                  'retry.backoff.ms': BACKOFF_S * 1000, 'topic.metadata.refresh.interval.ms': refresh_ms})
        self.acked, self.failed, self.going = [], [], True
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def answered(self, error, message):
        if error is None:
            self.acked.append(time.monotonic())
        else:
            self.failed.append((time.monotonic(), str(error)))

    def run(self):
        while self.going:
            self.producer.produce(TOPIC, b'x', on_delivery=self.answered)
            self.producer.poll(0)
            time.sleep(1 / RATE)
        self.producer.flush(60)

    def finish(self):
        self.going = False
        self.thread.join()


def full(admin):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        part = admin.list_topics(TOPIC, timeout=20).topics[TOPIC].partitions[0]
        if part.leader > 0 and len(part.isrs) == 3:
            return part.leader
        time.sleep(0.1)
    raise TimeoutError('the ISR did not fill within 120 s')


def one_stop(cluster, admin, lonely):
    leader = full(admin)
    sender = Sender(cluster.address(leader), 300_000) if lonely else Sender(cluster.bootstrap(), 500)
    while len(sender.acked) < 20:
        time.sleep(0.05)
    began = time.monotonic()
    cluster.stop(leader)
    ended = time.monotonic()
    while sender.acked[-1] < ended + 0.2 and not sender.failed and time.monotonic() < ended + 60:
        time.sleep(0.05)
    sender.finish()
    cluster.start(leader)
    during = [t for t in sender.acked if t >= began - 0.5]
    gap = max((b - a for a, b in zip(during, during[1:])), default=float('inf'))
    print(f'{"one connection: " if lonely else ""}node {leader} stopped within {ended - began:.1f} s: {len(sender.acked)} acknowledged, {len(sender.failed)} failed'
          f'{": " + sender.failed[0][1] if sender.failed else ""}, silent for {gap * 1000:.0f} ms at most', flush=True)
    return not sender.failed and sender.acked[-1] > ended and gap < (LONELY_S if lonely else BACKOFF_S / 2)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--bin', required=True)
    o = p.parse_args()
    with tempfile.TemporaryDirectory(prefix='faultline-hand-over-') as directory:
        cluster = LocalCluster.up(f'{directory}/cluster', 3, port=26000 + os.getpid() % 4000, binary=os.path.abspath(f'{o.bin}/faultlined'))
        try:
            load.make_topic(cluster.bootstrap(), TOPIC, 1, 3)
            admin = load.admin(cluster.bootstrap())
            good = all(any(one_stop(cluster, admin, lonely) for _ in range(TRIES)) for lonely in (False, True))
        finally:
            cluster.down()
    print(f'hand-over: {"holds" if good else "FAILED: every stop made a producer find out by an error"}')
    return 0 if good else 1


if __name__ == '__main__':
    code = main()
    sys.stdout.flush()
    os._exit(code)
