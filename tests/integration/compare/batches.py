"""Record batches of format 2, right and wrong."""

import gzip
import struct
import time

_TABLE = []
for _n in range(256):
    for _ in range(8):
        _n = (_n >> 1) ^ (0x82F63B78 if _n & 1 else 0)
    _TABLE.append(_n)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def varint(value):
    value = (value << 1) ^ (value >> 63)
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def record(offset_delta, value, key=None, timestamp_delta=0, headers=()):
    part = lambda data: varint(-1) if data is None else varint(len(data)) + data
    body = b"\0" + varint(timestamp_delta) + varint(offset_delta) + part(key) + part(value)
    body += varint(len(headers)) + b"".join(varint(len(k)) + k + part(v) for k, v in headers)
    return varint(len(body)) + body


def batch(values=(b"v",), *, keys=None, base_offset=0, attributes=0, base_timestamp=None, max_timestamp=None, producer=-1, epoch=-1,
          sequence=-1, leader_epoch=-1, magic=2, last_delta=None, deltas=None, count=None, spoil_crc=False, deltas_of_time=None, compress=False):
    now = int(time.time() * 1000)
    base_timestamp = now if base_timestamp is None else base_timestamp
    deltas = range(len(values)) if deltas is None else deltas
    times = deltas_of_time or [0] * len(values)
    records = b"".join(record(d, v, keys[i] if keys else None, times[i]) for i, (d, v) in enumerate(zip(deltas, values)))
    if compress:
        attributes, records = attributes | 1, gzip.compress(records, mtime=0)
    top = base_timestamp + max(times, default=0) if max_timestamp is None else max_timestamp
    body = struct.pack(">hiqqqhii", attributes, len(values) - 1 if last_delta is None else last_delta, base_timestamp, top, producer, epoch,
                       sequence, len(values) if count is None else count) + records
    crc = crc32c(body) ^ (1 if spoil_crc else 0)
    return struct.pack(">qiibI", base_offset, len(body) + 9, leader_epoch, magic, crc) + body


def old_message(magic=1, value=b"v"):
    """Message formats 0 and 1, which no broker of 4.x takes."""
    body = bytes([magic, 0]) + (struct.pack(">q", int(time.time() * 1000)) if magic else b"") + struct.pack(">i", -1) + struct.pack(">i", len(value)) + value
    import zlib
    message = struct.pack(">I", zlib.crc32(body)) + body
    return struct.pack(">qi", 0, len(message)) + message


def read(data):
    """What a consumer sees: batches as dictionaries; records stay bytes."""
    out = []
    while len(data) >= 61:
        base, size, leader_epoch, magic, _, attributes, last, first_time, max_time, producer, epoch, sequence, count = struct.unpack(
            ">qiibIhiqqqhii", data[:61])
        if len(data) < size + 12:
            out.append({"cut": True})
            break
        records = data[61:size + 12]
        if attributes & 7 == 1:
            records = gzip.decompress(records)
        out.append({"baseOffset": base, "leaderEpoch": leader_epoch, "magic": magic, "attributes": attributes, "lastOffsetDelta": last,
                    "baseTimestampMs": first_time, "maxTimestampMs": max_time, "producerId": producer, "producerEpoch": epoch,
                    "sequence": sequence, "count": count, "records": records})
        data = data[size + 12:]
    return out
