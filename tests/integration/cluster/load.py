"""Numbered records from librdkafka and from our own client, and what must be true of them afterwards."""
import collections
import subprocess
import threading
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

# Impatient, so that a run shows the cluster's time-outs and not the client's.
COMMON = {'log_level': 0, 'socket.timeout.ms': 3000, 'topic.metadata.refresh.interval.ms': 1000,
          'reconnect.backoff.max.ms': 500}
KEYS = 50


def admin(bootstrap):
    return AdminClient({'bootstrap.servers': bootstrap, **COMMON})


def make_topic(bootstrap, topic, partitions, replicas):
    new = NewTopic(topic, partitions, replicas, config={'min.insync.replicas': str(max(1, replicas - 1))})
    client = admin(bootstrap)  # lives as long as its answers are waited for
    for answer in client.create_topics([new], operation_timeout=30).values():
        answer.result(60)


class Foreign:
    """A librdkafka producer with idempotence. Value "NAME:n", key of n."""

    def __init__(self, bootstrap, topic, name, rate, in_flight):
        self.bootstrap, self.topic, self.name, self.rate, self.in_flight = bootstrap, topic, name, rate, in_flight
        self.sent, self.acked, self.unknown, self.restarts = 0, {}, {}, 0
        self.times = collections.defaultdict(list)  # by partition: when acknowledgements came
        self.going = True
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def producer(self):
        return Producer({'bootstrap.servers': self.bootstrap, **COMMON, 'enable.idempotence': True, 'acks': 'all',
                         'linger.ms': 2, 'max.in.flight': self.in_flight, 'delivery.timeout.ms': 600000, 'request.timeout.ms': 3000,
                         'queue.buffering.max.messages': 1000000})

    def answered(self, error, message):
        n = int(message.value().split(b':')[1])
        if error is None:
            # No offset: the broker knew it already from an attempt whose answer was lost.
            self.acked[n] = (message.partition(), -1 if message.offset() is None else message.offset())
            self.times[message.partition()].append(time.monotonic())
        else:
            self.unknown[n] = str(error)

    def run(self):
        sender, due = self.producer(), time.monotonic()
        while self.going:
            try:
                sender.produce(self.topic, b'%s:%d' % (self.name.encode(), self.sent), b'key-%d' % (self.sent % KEYS),
                               on_delivery=self.answered)
                self.sent += 1
                due += 1 / self.rate
                sender.poll(max(0, due - time.monotonic()))
            except BufferError:
                sender.poll(0.05)
            except KafkaException:  # fatal: this producer may not go on; what it had not delivered is told to `answered`
                self.drain(sender, 5)
                sender, self.restarts, due = self.producer(), self.restarts + 1, time.monotonic()
        self.drain(sender, 120)

    @staticmethod
    def drain(sender, patience_s):
        try:
            sender.flush(patience_s)
        except KafkaException:
            sender.purge()

    def finish(self):
        self.going = False
        self.thread.join()

    def longest_silence(self, partition, since):
        """Seconds without an acknowledgement of one partition, since shortly before `since`."""
        times = [t for t in self.times[partition] if t > since - 1]
        return max((b - a for a, b in zip(times, times[1:]) if b > since), default=0.0)


class Own:
    """`faultline produce`, fed through a pipe. It says how many records were not acknowledged, not which."""

    def __init__(self, binary, bootstrap, topic, name, rate):
        self.name, self.sent, self.rate, self.going = name, 0, rate, True
        self.child = subprocess.Popen([binary, 'produce', topic, '--key-delimiter', '|', '--bootstrap', bootstrap,
                                       '--timeout', '600s'], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        due = time.monotonic()
        try:
            while self.going:
                self.child.stdin.write(f'key-{self.sent % KEYS}|{self.name}:{self.sent}\n')
                self.child.stdin.flush()
                self.sent += 1
                due += 1 / self.rate
                time.sleep(max(0, due - time.monotonic()))
        except BrokenPipeError:
            pass  # its exit code tells

    def finish(self):
        self.going = False
        self.thread.join()
        try:
            self.words = self.child.communicate(timeout=180)[1].strip().splitlines()
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.words = ['it did not end within 180 s']
        self.all_acked = self.child.returncode == 0


def read_all(bootstrap, topic, patience_s=60):
    """(partition, offset, value) of everything, partition by partition in order."""
    consumer = Consumer({'bootstrap.servers': bootstrap, **COMMON, 'group.id': 'reader', 'enable.auto.commit': False,
                         'check.crcs': True, 'enable.partition.eof': True, 'auto.offset.reset': 'error'})
    partitions = sorted(consumer.list_topics(topic, timeout=20).topics[topic].partitions)
    consumer.assign([TopicPartition(topic, p, 0) for p in partitions])
    out, ends, deadline = [], set(), time.monotonic() + patience_s
    while len(ends) < len(partitions):
        for m in consumer.consume(10000, 0.5):
            if m.error() is None:
                out.append((m.partition(), m.offset(), m.value().decode()))
                deadline = time.monotonic() + patience_s
            elif m.error().code() == KafkaError._PARTITION_EOF:
                ends.add(m.partition())
        if time.monotonic() > deadline:
            raise TimeoutError(f'no record for {patience_s} s; read to the end: {sorted(ends)} of {partitions}')
    consumer.close()
    return out


def read_own(binary, bootstrap, topic):
    done = subprocess.run([binary, 'consume', topic, '--bootstrap', bootstrap, '-f', '%p %o %s\n', '--timeout', '60s'],
                          capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        raise OSError(f'faultline consume: {done.stderr.strip()}')
    rows = (line.split(' ', 2) for line in done.stdout.splitlines())
    return [(int(p), int(o), value) for p, o, value in rows]


Findings = collections.namedtuple('Findings', 'lost duplicated reordered misplaced foreign examples')


def judge(foreign, own, records):
    """Every acknowledged record once, in the order of its producer in each partition, where it was said to be."""
    places = collections.defaultdict(list)
    for partition, offset, value in records:
        places[value].append((partition, offset))
    sent = {f.name: f.sent for f in foreign} | {o.name: o.sent for o in own}
    count, examples = collections.Counter(), []

    def found(what, text):
        count[what] += 1
        if count[what] <= 3:
            examples.append(f'{what}: {text}')

    for f in foreign:
        for n, place in f.acked.items():
            there = places.get(f'{f.name}:{n}')
            if there is None:
                found('lost', f'{f.name}:{n} was acknowledged at offset {place[1]} of partition {place[0]} and is not there')
            elif place[1] >= 0 and place not in there:
                found('misplaced', f'{f.name}:{n} was acknowledged at {place} and is at {there}')
    for o in own:
        missing = [n for n in range(o.sent) if f'{o.name}:{n}' not in places]
        if o.all_acked:
            for n in missing:
                found('lost', f'{o.name}:{n} was acknowledged and is not there')
    last = {}
    for partition, offset, value in records:
        name, _, number = value.partition(':')
        if not number.isdigit() or int(number) >= sent.get(name, 0):
            found('foreign', f'{value!r} at offset {offset} of partition {partition} was sent by nobody')
            continue
        n = int(number)
        if len(places[value]) > 1 and (partition, offset) == places[value][0]:
            found('duplicated', f'{value} stands at {places[value]}')
        before = last.get((name, partition), -1)
        if n < before:
            found('reordered', f'{value} stands behind {name}:{before} in partition {partition}')
        last[name, partition] = max(n, before)
    return Findings(*(count[k] for k in Findings._fields[:-1]), examples)
