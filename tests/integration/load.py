#!/usr/bin/env python3
"""Many connections, slow ones and greedy ones, against a real daemon; and the limits of Kafka's keys.
  load.py [BIN-DIR] [IDLE] [ACTIVE]      default 10000 idle, 1000 active; ends with a verdict line; exit 0 or 1
Speaks the protocol by itself: what is sent, and when it is read, is the point."""
import os
import re
import resource
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

BIN = sys.argv[1] if len(sys.argv) > 1 else "build/release/bin"
IDLE = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
ACTIVE = int(sys.argv[3]) if len(sys.argv) > 3 else 1_000
MIB = 1 << 20


class Failure(Exception):
    pass


def check(good, what):
    if not good:
        raise Failure(what)


# --- the protocol, as little of it as is needed ---------------------------------------------------

def crc_row(n):
    for _ in range(8):
        n = (n >> 1) ^ (0x82F63B78 if n & 1 else 0)
    return n


CRC_TABLE = [crc_row(n) for n in range(256)]


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC_TABLE[(crc ^ byte) & 255] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def varint(n):
    n = (n << 1) ^ (n >> 63)
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def batch(value):
    record = b"\0" + varint(0) + varint(0) + varint(-1) + varint(len(value)) + value + varint(0)
    now = int(time.time() * 1000)
    rest = struct.pack(">hiqqqhii", 0, 0, now, now, -1, -1, -1, 1) + varint(len(record)) + record
    return struct.pack(">qiib", 0, len(rest) + 9, -1, 2) + struct.pack(">I", crc32c(rest)) + rest


def text(s):
    return struct.pack(">h", len(s)) + s.encode()


def frame(api, version, body, correlation=7):
    head = struct.pack(">hhi", api, version, correlation) + text("load")
    return struct.pack(">i", len(head) + len(body)) + head + body


API_VERSIONS = frame(18, 0, b"")


def produce(topic, records, acks=-1):
    part = struct.pack(">ii", 0, len(records)) + records
    return frame(0, 3, struct.pack(">hhii", -1, acks, 30_000, 1) + text(topic) + struct.pack(">i", 1) + part)


def fetch(topic, offset, size):
    part = struct.pack(">iqi", 0, offset, size)
    return frame(1, 4, struct.pack(">iiiibi", -1, 100, 1, size, 0, 1) + text(topic) + struct.pack(">i", 1) + part)


def create(topic):
    return frame(19, 2, struct.pack(">i", 1) + text(topic) + struct.pack(">ihiiib", 1, 1, 0, 0, 30_000, 0))


def dial(port, timeout=60, source="127.0.0.1"):
    s = socket.create_connection(("127.0.0.1", port), timeout, (source, 0))
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def read_exactly(s, n):
    data = b""
    while len(data) < n:
        piece = s.recv(min(n - len(data), MIB))
        if not piece:
            raise EOFError
        data += piece
    return data


def answer(s):
    return read_exactly(s, struct.unpack(">i", read_exactly(s, 4))[0])


def ask(s, request):
    s.sendall(request)
    return answer(s)


def closed(s, timeout=30):
    """Whether the broker ends this connection without a word."""
    s.settimeout(timeout)
    try:
        return s.recv(1) == b""
    except ConnectionError:
        return True
    except socket.timeout:
        return False


# --- the daemon ---------------------------------------------------------------------------------

class Daemon:
    def __init__(self, *settings):
        self.dir = tempfile.mkdtemp(prefix="faultline-load-")
        command = [f"{BIN}/faultlined", "--dev", "--data", f"{self.dir}/data", "--port", "0"]
        for s in settings:
            command += ["--set", s]
        self.log = open(f"{self.dir}/log", "w+")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, stdin=subprocess.DEVNULL,
                                        text=True)
        line = self.process.stdout.readline()
        found = re.search(r"://127\.0\.0\.1:(\d+)", line)
        if not found:
            self.log.seek(0)
            raise Failure(f"the daemon does not start: {line}{self.log.read()}")
        self.port = int(found.group(1))

    def rss(self):
        with open(f"/proc/{self.process.pid}/status") as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1)) / 1024

    def said(self, words):
        self.log.flush()
        with open(self.log.name) as f:
            return words in f.read()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.process.send_signal(signal.SIGTERM if kind is None else signal.SIGKILL)
        code = self.process.wait(60)
        if kind is not None:
            self.log.seek(0)
            sys.stderr.write("the daemon's log ends with:\n" + "".join(self.log.readlines()[-15:]))
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)
        if kind is None:
            check(code == 0, f"exit code {code} after SIGTERM")


# --- what must hold -----------------------------------------------------------------------------

def idle_connections():
    with Daemon() as d:
        before = d.rss()
        held = []
        for _ in range(IDLE):
            s = dial(d.port)
            ask(s, API_VERSIONS)
            held.append(s)
        after = d.rss()
        check(after < 300, f"{IDLE} idle connections: {after:.0f} MiB")
        one = dial(d.port)
        for _ in range(100):
            ask(one, API_VERSIONS)
        for s in held[:: max(1, IDLE // 100)]:
            ask(s, API_VERSIONS)
        print(f"{IDLE} idle connections: {before:.0f} MiB before, {after:.0f} MiB with them, "
              f"{(after - before) * 1024 / IDLE:.1f} KiB each; all are served")
        for s in held:
            s.close()


def fairness():
    """Each of the active connections has one request under way, always; who is answered is counted."""
    with Daemon("log.flush.before.ack=false") as d:
        ask(dial(d.port), create("t"))
        request = produce("t", batch(b"x" * 100))
        poll = select.epoll()
        conns, counts, parts = {}, {}, {}
        for _ in range(ACTIVE):
            s = dial(d.port)
            conns[s.fileno()], counts[s.fileno()], parts[s.fileno()] = s, 0, b""
            poll.register(s, select.EPOLLIN)
        for s in conns.values():
            s.sendall(request)
        total, want = 0, ACTIVE * 50
        while total < want:
            events = poll.poll(60)
            check(events, "60 s without an answer")
            for fd, _ in events:
                data = parts[fd] + conns[fd].recv(65536)
                check(len(data) > len(parts[fd]), "an active connection was closed")
                if len(data) < 4 or len(data) < 4 + struct.unpack(">i", data[:4])[0]:
                    parts[fd] = data
                    continue
                parts[fd] = b""
                counts[fd] += 1
                total += 1
                conns[fd].sendall(request)
        mean = total / ACTIVE
        least, most = min(counts.values()), max(counts.values())
        jain = total ** 2 / (ACTIVE * sum(c * c for c in counts.values()))
        check(jain > 0.9 and least * 3 > mean, f"unfair: {least} to {most} of {mean:.0f} answers, index {jain:.3f}")
        print(f"{ACTIVE} active connections: {least} to {most} answers each, mean {mean:.0f}, "
              f"Jain's index {jain:.3f}; {d.rss():.0f} MiB")


def slow_reader():
    with Daemon() as d:
        good = dial(d.port)
        ask(good, create("t"))
        big = produce("t", batch(os.urandom(900_000)))
        for _ in range(8):
            ask(good, big)
        before = d.rss()
        slow = []
        for _ in range(20):
            s = dial(d.port)
            s.setblocking(False)
            wanted = fetch("t", 0, 8 * MIB) * 300
            try:
                while wanted:  # as much as the broker takes
                    wanted = wanted[s.send(wanted):]
            except BlockingIOError:
                pass
            slow.append(s)
        for i in range(200):
            ask(good, produce("t", batch(b"y" * 100)))
        during = d.rss()
        check(during - before < 64, f"20 slow readers cost {during - before:.0f} MiB")
        s = slow[0]  # reads at last, and gets all in order
        s.setblocking(True)
        s.settimeout(60)
        check(len(answer(s)) > 7 * 900_000, "the slow reader's answer is short")
        print(f"20 readers who do not read, 300 fetches of 8 MiB each: {during - before:+.1f} MiB; "
              f"200 records of another producer acknowledged meanwhile")


def limits():
    # From an address of its own: clients of another test may still look for a broker on this port.
    own = "127.0.0.9"
    with Daemon("max.connections.per.ip=3") as d:
        three = [dial(d.port, source=own) for _ in range(3)]
        for s in three:
            ask(s, API_VERSIONS)
        check(not_taken(d.port, own), "max.connections.per.ip: a fourth connection is served")
        for s in three:
            ask(s, API_VERSIONS)
        three.pop().close()
        wait_for(lambda: served(d.port, own), "max.connections.per.ip: no place is free after one has left")
    print("max.connections.per.ip: the one too many is closed, the others stay, a place that is left is free")

    with Daemon("max.connections=3", "max.connections.per.ip.overrides=127.0.0.1:2147483647") as d:
        three = [dial(d.port) for _ in range(3)]
        for s in three:
            ask(s, API_VERSIONS)
        late = dial(d.port)
        late.sendall(API_VERSIONS)
        readable, _, _ = select.select([late], [], [], 0.5)
        check(not readable, "max.connections: a fourth connection is answered or closed")
        three.pop().close()
        late.settimeout(60)
        answer(late)
    print("max.connections: the one too many waits, and is served when another has left")

    with Daemon("connections.max.idle.ms=1000") as d:
        s = dial(d.port)
        ask(s, API_VERSIONS)
        check(closed(s), "connections.max.idle.ms: an idle connection stays")
    print("connections.max.idle.ms: an idle connection is closed")

    with Daemon("socket.request.max.bytes=2000") as d:
        good, bad = dial(d.port), dial(d.port)
        ask(good, create("t"))
        bad.sendall(produce("t", batch(b"z" * 5000))[:100])
        check(closed(bad), "socket.request.max.bytes: a larger request is read")
        wait_for(lambda: d.said("socket.request.max.bytes"), "socket.request.max.bytes: nothing in the log")
        ask(good, produce("t", batch(b"z" * 1000)))
    print("socket.request.max.bytes: who announces more is closed, at once and alone")


def not_taken(port, source):
    try:
        return closed(dial(port, source=source))
    except ConnectionError:  # closed before connect() had returned
        return True


def served(port, source):
    try:
        ask(dial(port, source=source), API_VERSIONS)
        return True
    except (EOFError, ConnectionError):
        return False


def wait_for(ready, what, seconds=30):
    end = time.monotonic() + seconds
    while not ready():
        check(time.monotonic() < end, what)
        time.sleep(0.05)


def request_memory():
    """Requests that are announced and not sent hold the memory that queued.max.request.bytes grants."""
    with Daemon(f"queued.max.request.bytes={16 * MIB}", f"socket.request.max.bytes={9 * MIB}", "faultline.shards=1") as d:
        good = dial(d.port)
        ask(good, create("t"))
        before = d.rss()
        size = 8 * MIB
        hogs = []
        for _ in range(40):
            s = dial(d.port)
            s.setblocking(False)
            data = struct.pack(">i", size) + frame(0, 3, b"")[4:] + b"\0" * (size - 100)
            try:
                while data:
                    data = data[s.send(data):]
            except BlockingIOError:
                pass
            hogs.append(s)
        time.sleep(1)
        during = d.rss()
        check(during - before < 64, f"40 requests of 8 MiB that never end cost {during - before:.0f} MiB")
        for s in hogs:
            s.close()
        ask(good, produce("t", batch(b"z" * 1000)))
        print(f"queued.max.request.bytes=16 MiB: 40 unfinished requests of 8 MiB cost {during - before:+.1f} MiB, "
              "and the memory comes back")


def main():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard < IDLE + 500:
        print(f"load: skipped, {hard} descriptors are too few for {IDLE} connections")
        return 77
    parts = [idle_connections, fairness, slow_reader, limits, request_memory]
    names = sys.argv[4:]
    try:
        for part in parts:
            if not names or part.__name__ in names:
                part()
    except (Failure, EOFError, OSError) as e:
        print(f"FAILED: {part.__name__}: {e or type(e).__name__}")
        return 1
    print("load: holds")
    return 0


if __name__ == "__main__":
    sys.exit(main())
