// From the text in the page to typed arrays. See columns.h for the form of the bytes.

async function inflated(text, size) {
  const binary = atob(text), raw = new Uint8Array(binary.length);
  for (let i = 0; i < raw.length; i++) raw[i] = binary.charCodeAt(i);
  const reader = new Blob([raw]).stream().pipeThrough(new DecompressionStream('deflate')).getReader();
  const out = new Uint8Array(size);
  for (let at = 0;;) {
    const {done, value} = await reader.read();
    if (done) return out;
    out.set(value, at);
    at += value.length;
  }
}

function reader(bytes) {
  let p = 0;
  function varint() {
    let b = bytes[p++];
    if (b < 128) return b;
    let v = b & 127, scale = 128;
    do {
      b = bytes[p++];
      v += (b & 127) * scale;
      scale *= 128;
    } while (b > 127);
    return v;
  }
  const zigzag = () => {
    const u = varint();
    return u % 2 ? -(u + 1) / 2 : u / 2;
  };
  // Half the memory for what fits: most columns are small numbers.
  const shrunk = c => {
    let low = 0, high = 0;
    for (const v of c) { if (v < low) low = v; if (v > high) high = v; }
    return low >= -128 && high < 128 ? Int8Array.from(c)
      : low >= -2147483648 && high <= 2147483647 ? Int32Array.from(c) : c;
  };
  function column(count, pack, keep) {
    if (pack === 'w') {
      const c = new BigInt64Array(count), view = new DataView(bytes.buffer);
      for (let i = 0; i < count; i++, p += 8) c[i] = view.getBigInt64(p, true);
      return c;
    }
    const c = new Float64Array(count);
    let before = 0;
    for (let i = 0; i < count; i++) {
      const v = zigzag();
      c[i] = pack === 'd' ? before += v : v;
    }
    return keep ? c : shrunk(c);
  }
  return {varint, column};
}

// A run: type, time, cause and row of each event, and for each type its fields as columns, by row.
function decode(meta, bytes) {
  const read = reader(bytes), n = meta.count;
  const type = new Uint8Array(n), row = new Uint32Array(n), rows = new Uint32Array(meta.types.length);
  for (let i = 0; i < n; i++) {
    const t = read.varint();
    type[i] = t;
    row[i] = rows[t]++;
  }
  const at = read.column(n, 'd', true);
  const cause = new Int32Array(n);
  for (let i = 0; i < n; i++) {
    const back = read.varint();
    cause[i] = back ? i - back : -1;
  }
  const columns = meta.types.map(t => t.fields.map(f => read.column(t.count, f.pack)));
  return {meta, n, type, row, at, cause, columns};
}

// First index whose value is not below `x`, in sorted `list` (of `size`), looked up by `key`.
function lower(list, x, size = list.length) {
  let a = 0, b = size;
  while (a < b) {
    const m = a + b >> 1;
    if (list[m] < x) a = m + 1; else b = m;
  }
  return a;
}
function lowerBy(list, at, x) {
  let a = 0, b = list.length;
  while (a < b) {
    const m = a + b >> 1;
    if (at[list[m]] < x) a = m + 1; else b = m;
  }
  return a;
}

function timeText(ns, span = 0) {
  const a = Math.abs(span || ns);
  if (a >= 1e9) return (ns / 1e9).toFixed(span && span < 1e10 ? 4 : 3) + ' s';
  if (span) return (ns / 1e9).toFixed(span >= 1e7 ? 5 : span >= 1e5 ? 7 : 9) + ' s';
  if (a >= 1e6) return (ns / 1e6).toFixed(3) + ' ms';
  return (ns / 1e3).toFixed(1) + ' us';
}
