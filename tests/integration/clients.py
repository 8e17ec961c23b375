#!/usr/bin/python3
"""Foreign clients for tests/integration: python3-confluent-kafka, one verb per run.

  records N FILE                     writes N lines of 100 bytes
  produce BOOT TOPIC CODEC FILE      sends the lines in order, waits for every acknowledgement
  consume BOOT TOPIC N               reads N records from offset 0, prints their sha256 as lines
  produce-forever BOOT TOPIC LOG     sends numbered records; LOG gets the number of each acknowledged
  missing BOOT TOPIC LOG             prints how many acknowledged numbers the topic lacks
"""
import hashlib
import sys
import time


def line(i):
    text = f"{i:012d}-{hashlib.md5(str(i).encode()).hexdigest()}"
    return (text * 3)[:100]


def producer(boot, codec):
    from confluent_kafka import Producer
    return Producer({"bootstrap.servers": boot, "acks": "all", "compression.type": codec,
                     "linger.ms": 5, "queue.buffering.max.messages": 200000,
                     "message.timeout.ms": 60000})


def reader(boot, topic, offset=0):
    from confluent_kafka import Consumer, TopicPartition
    consumer = Consumer({"bootstrap.servers": boot, "group.id": "none", "enable.auto.commit": False,
                         "check.crcs": True, "enable.partition.eof": True})
    consumer.assign([TopicPartition(topic, 0, offset)])
    return consumer


def records(n, path):
    with open(path, "w") as out:
        for i in range(int(n)):
            out.write(line(i) + "\n")


def produce(boot, topic, codec, path):
    failed = []

    def done(error, _):
        if error is not None:
            failed.append(str(error))

    p = producer(boot, codec)
    with open(path) as lines:
        for text in lines:
            while True:
                try:
                    p.produce(topic, text.rstrip("\n"), partition=0, on_delivery=done)
                    break
                except BufferError:
                    p.poll(0.05)
            p.poll(0)
    left = p.flush(60)
    if left or failed:
        sys.exit(f"{left} records without an answer, {len(failed)} refused: {failed[:1]}")


def values(boot, topic, until=None, patience=30):
    """Values from offset 0, up to `until` of them or the end of the log."""
    consumer = reader(boot, topic)
    from confluent_kafka import KafkaError
    seen, deadline = 0, time.time() + patience
    while until is None or seen < until:
        message = consumer.poll(0.2)
        if message is None:
            if time.time() > deadline:
                break
            continue
        if message.error():
            if message.error().code() == KafkaError._PARTITION_EOF and until is None:
                break
            if time.time() > deadline:
                sys.exit(f"consume: {message.error()}")
            continue
        deadline = time.time() + patience
        seen += 1
        yield message.value()
    consumer.close()


def consume(boot, topic, n):
    digest, count = hashlib.sha256(), 0
    for value in values(boot, topic, int(n)):
        digest.update(value + b"\n")
        count += 1
    if count != int(n):
        sys.exit(f"consume: {count} of {n} records")
    print(digest.hexdigest())


def produce_forever(boot, topic, log):
    acked = open(log, "w")

    def done(error, message):
        if error is None:
            acked.write(message.value().decode() + "\n")
            acked.flush()

    p = producer(boot, "none")
    number = 0
    while True:
        try:
            p.produce(topic, str(number), partition=0, on_delivery=done)
            number += 1
        except BufferError:
            p.poll(0.01)
        p.poll(0)
        if number % 50 == 0:
            time.sleep(0.001)


def missing(boot, topic, log):
    with open(log) as lines:
        # The last line may be cut off: its writer was killed.
        acked = {text.strip() for text in lines if text.endswith("\n")}
    there = {value.decode() for value in values(boot, topic)}
    print(f"{len(acked)} acknowledged, {len(acked - there)} missing")
    sys.exit(0 if acked and acked <= there else 1)


VERBS = {"records": records, "produce": produce, "consume": consume,
         "produce-forever": produce_forever, "missing": missing}

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in VERBS:
        sys.exit(__doc__)
    VERBS[sys.argv[1]](*sys.argv[2:])
