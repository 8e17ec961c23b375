"""Kafka's protocol from core/wire/schema: requests as dictionaries, written and read at any version.

Names are Kafka's with a small first letter. What a request leaves out gets its default. Bytes and
records are `bytes`, uuids 32 hexadecimal digits.
"""

import functools
import json
import pathlib
import socket
import struct

SCHEMAS = pathlib.Path(__file__).resolve().parents[3] / "core" / "wire" / "schema"
FIXED = {"bool": "?", "int8": "b", "int16": "h", "uint16": "H", "int32": "i", "uint32": "I", "int64": "q", "float64": "d"}
NO_UUID = "0" * 32


class Malformed(Exception):
    """An answer that its schema cannot read."""


class Closed(Exception):
    """The server closed the connection instead of answering."""


def within(versions, version):
    if versions in (None, "none"):
        return False
    if versions.endswith("+"):
        return version >= int(versions[:-1])
    low, _, high = versions.partition("-")
    return int(low) <= version <= int(high or low)


def lower(name):
    return name[0].lower() + name[1:]


@functools.cache
def schema(name):
    return json.loads((SCHEMAS / f"{name}.json").read_text())


@functools.cache
def api_names():
    """API key -> name, of every request."""
    return {s["apiKey"]: s["name"].removesuffix("Request")
            for s in map(lambda p: schema(p.stem), sorted(SCHEMAS.glob("*Request.json"))) if "apiKey" in s}


@functools.cache
def api_key(name):
    return schema(name + "Request")["apiKey"]


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        if not 0 <= size <= len(self.data) - self.at:
            raise Malformed(f"{size} bytes wanted at {self.at} of {len(self.data)}")
        self.at += size
        return self.data[self.at - size:self.at]

    def fixed(self, code):
        return struct.unpack(">" + code, self.take(struct.calcsize(code)))[0]

    def uvarint(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value


def uvarint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


class Codec:
    """One message at one version."""

    def __init__(self, name, version):
        self.schema, self.version = schema(name), version
        self.flexible = within(self.schema["flexibleVersions"], version)
        self.structs = {s["name"]: s["fields"] for s in self.schema.get("commonStructs", [])}
        self._collect(self.schema.get("fields", []))
        for fields in list(self.structs.values()):
            self._collect(fields)

    def _collect(self, fields):
        for field in fields:
            if "fields" in field:
                self.structs[field["type"].removeprefix("[]")] = field["fields"]
                self._collect(field["fields"])

    def _flexible(self, field):
        return within(field["flexibleVersions"], self.version) if "flexibleVersions" in field else self.flexible

    def _present(self, fields):
        here = [f for f in fields if within(f.get("versions", f.get("taggedVersions")), self.version)]
        tagged = [f for f in here if within(f.get("taggedVersions"), self.version)]
        return [f for f in here if f not in tagged], sorted(tagged, key=lambda f: f["tag"])

    def default(self, field):
        """What stands there when nobody says anything."""
        text, kind = field.get("default"), field["type"]
        if text == "null":
            return None
        if kind.startswith("[]"):
            return []
        if kind in self.structs:
            return {}
        if kind == "bool":
            return text == "true"
        if kind == "float64":
            return float(text or 0)
        if kind in FIXED:
            return int(text, 0) if text else 0
        return {"string": text or "", "uuid": NO_UUID}.get(kind, b"")

    # --- reading

    def read(self, reader, fields=None):
        plain, tagged = self._present(self.schema.get("fields", []) if fields is None else fields)
        out = {lower(f["name"]): self._read_field(reader, f) for f in plain}
        if self.flexible:
            by_tag = {f["tag"]: f for f in tagged}
            for f in tagged:
                out[lower(f["name"])] = self.default(f)
            for _ in range(reader.uvarint()):
                tag, size = reader.uvarint(), reader.uvarint()
                end = reader.at + size
                if tag in by_tag:
                    out[lower(by_tag[tag]["name"])] = self._read_field(reader, by_tag[tag], True)
                else:
                    out[f"tag{tag}"] = reader.take(size)
                if reader.at != end:
                    raise Malformed(f"the size of tag {tag}")
        return out

    def _read_length(self, reader, code, field):
        return reader.uvarint() - 1 if self._flexible(field) else reader.fixed(code)

    def _read_field(self, reader, field, tagged=False):
        kind = field["type"]
        if kind.startswith("[]"):
            size = self._read_length(reader, "i", field)
            return None if size < 0 else [self._read_value(reader, kind[2:], field) for _ in range(size)]
        if kind in self.structs and within(field.get("nullableVersions"), self.version):
            if reader.fixed("b") < (1 if tagged else 0):
                return None
        return self._read_value(reader, kind, field)

    def _read_value(self, reader, kind, field):
        if kind in self.structs:
            return self.read(reader, self.structs[kind])
        if kind in FIXED:
            return reader.fixed(FIXED[kind])
        if kind == "uuid":
            return reader.take(16).hex()
        size = self._read_length(reader, "h" if kind == "string" else "i", field)
        if size < 0:
            return None
        data = reader.take(size)
        return data.decode() if kind == "string" else data

    # --- writing

    def write(self, value, fields=None):
        fields = self.schema.get("fields", []) if fields is None else fields
        known = {lower(f["name"]) for f in fields}
        if unknown := set(value) - known:
            raise KeyError(f"{self.schema['name']} has no {sorted(unknown)}; it has {sorted(known)}")
        plain, tagged = self._present(fields)
        get = lambda f: value.get(lower(f["name"]), self.default(f))
        out = b"".join(self._write_field(get(f), f) for f in plain)
        if not self.flexible:
            return out
        tags = [(f["tag"], self._write_field(get(f), f, True)) for f in tagged if lower(f["name"]) in value]
        return out + uvarint(len(tags)) + b"".join(uvarint(t) + uvarint(len(d)) + d for t, d in tags)

    def _length(self, size, code, field):
        return uvarint(size + 1) if self._flexible(field) else struct.pack(">" + code, size)

    def _write_field(self, value, field, tagged=False):
        kind = field["type"]
        if kind.startswith("[]"):
            head = self._length(-1 if value is None else len(value), "i", field)
            return head + b"".join(self._write_value(v, kind[2:], field) for v in value or [])
        if kind in self.structs and within(field.get("nullableVersions"), self.version):
            null = b"\0" if tagged else b"\xff"
            return null if value is None else b"\1" + self._write_value(value, kind, field)
        return self._write_value(value, kind, field)

    def _write_value(self, value, kind, field):
        if kind in self.structs:
            return self.write(value, self.structs[kind])
        if kind in FIXED:
            return struct.pack(">" + FIXED[kind], value)
        if kind == "uuid":
            return bytes.fromhex(value)
        data = None if value is None else value.encode() if isinstance(value, str) else bytes(value)
        return self._length(-1 if data is None else len(data), "h" if kind == "string" else "i", field) + (data or b"")


def request_bytes(api, version, body, correlation=1, client="compare"):
    """Header and body, without the length in front. A body of bytes is sent as it is."""
    flexible = within(schema(api + "Request")["flexibleVersions"], version)
    head = struct.pack(">hhi", api_key(api), version, correlation) + struct.pack(">h", len(client)) + client.encode()
    return head + (b"\0" if flexible else b"") + (body if isinstance(body, bytes) else Codec(api + "Request", version).write(body))


class Connection:
    def __init__(self, host, port, timeout=20):
        self.sock = socket.create_connection((host, port), timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.correlation = 0

    def close(self):
        self.sock.close()

    def _exactly(self, size):
        data = bytearray()
        while len(data) < size:
            try:
                more = self.sock.recv(size - len(data))
            except ConnectionError as e:
                raise Closed from e
            if not more:
                raise Closed
            data += more
        return bytes(data)

    def send(self, frame):
        self.sock.sendall(struct.pack(">i", len(frame)) + frame)

    def receive(self):
        return self._exactly(struct.unpack(">i", self._exactly(4))[0])

    def call(self, api, version, body):
        """The answer as a dictionary. Closed, Malformed, TimeoutError."""
        self.correlation += 1
        self.send(request_bytes(api, version, body, self.correlation))
        return self.answer(api, version)

    def answer(self, api, version):
        reader = Reader(self.receive())
        if (got := reader.fixed("i")) != self.correlation:
            raise Malformed(f"correlation {got}, not {self.correlation}")
        flexible = within(schema(api + "Response")["flexibleVersions"], version)
        if flexible and api != "ApiVersions":
            for _ in range(reader.uvarint()):
                reader.uvarint(), reader.take(reader.uvarint())
        out = Codec(api + "Response", version).read(reader)
        if reader.at != len(reader.data):
            raise Malformed(f"{len(reader.data) - reader.at} bytes behind the answer")
        return out
