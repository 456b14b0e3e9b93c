/** LZW as TIFF uses it: codes of 9 to 12 bits. Source: Adobe, TIFF 6.0, section 13. */
const CLEAR = 256;
const END = 257;

/**
 * At most `expected` bytes; fewer if the stream ends or is damaged before. Streams of before 1988 (they begin with a code whose low
 * bits come first) are told by their first two bytes, as libtiff does; their codes grow one later.
 */
export function unpackLzw(packed: Uint8Array, expected: number): Uint8Array {
  const lowFirst = packed[0] === 0 && ((packed[1] ?? 0) & 1) === 1;
  const out = new Uint8Array(expected);
  const prefix = new Int32Array(4097);
  const suffix = new Uint8Array(4097);
  const lengths = new Int32Array(4097);
  let [next, width, previous, to, bits, held] = [258, 9, -1, 0, 0, 0];
  const length = (code: number): number => (code < 256 ? 1 : lengths[code]!);
  const first = (code: number): number => {
    while (code > 257) code = prefix[code]!;
    return code;
  };
  const write = (code: number): void => {
    const end = to + length(code);
    for (let at = end - 1, c = code; at >= to; at--) {
      if (at < expected) out[at] = c < 256 ? c : suffix[c]!;
      c = c < 256 ? c : prefix[c]!;
    }
    to = Math.min(expected, end);
  };
  for (let at = 0; to < expected;) {
    while (bits < width) {
      if (at >= packed.length) return out.subarray(0, to);
      held = lowFirst ? held | (packed[at++]! << bits) : ((held << 8) | packed[at++]!) & 0xffffff;
      bits += 8;
    }
    const code = (lowFirst ? held : held >> (bits - width)) & ((1 << width) - 1);
    bits -= width;
    if (lowFirst) held >>= width;
    if (code === END) break;
    if (code === CLEAR) {
      [next, width, previous] = [258, 9, -1];
      continue;
    }
    if (code > next || (previous < 0 && code > 255)) break; // damaged: what is there is what there is
    if (previous >= 0 && next < 4096) {
      prefix[next] = previous;
      lengths[next] = length(previous) + 1;
      suffix[next] = first(code === next ? previous : code);
      next++;
    }
    if (code >= next) break;
    write(code);
    previous = code;
    if (next >= (1 << width) - (lowFirst ? 0 : 1) && width < 12) width++;
  }
  return out.subarray(0, to);
}
