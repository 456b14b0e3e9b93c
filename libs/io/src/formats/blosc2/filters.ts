/** Blosc's filters undone, block by block. Source: c-blosc2, README_CHUNK_FORMAT; bitshuffle (Masui 2015). */

/** Bytes of equal place stood together: back to elements of `size` bytes. What is no whole element stays at the end. */
export function unshuffle(from: Uint8Array, to: Uint8Array, size: number): void {
  const elements = Math.floor(from.length / size);
  for (let place = 0; place < size; place++) {
    const plane = place * elements;
    for (let k = 0, at = place; k < elements; k++, at += size) to[at] = from[plane + k]!;
  }
  to.set(from.subarray(elements * size), elements * size);
}

/**
 * Bits of equal place stood together, eight elements to a byte. Elements beyond the last eight were left as they are, and
 * before version 3 of the chunk format a block whose elements are no multiple of eight was left alone altogether.
 */
export function unshuffleBits(from: Uint8Array, to: Uint8Array, size: number, version: number): void {
  const all = Math.floor(from.length / size);
  const elements = version < 3 && all % 8 !== 0 ? 0 : all - (all % 8);
  const row = elements / 8;
  to.fill(0, 0, elements * size);
  for (let bit = 0; bit < size * 8; bit++) {
    const [byte, mask] = [bit >>> 3, 1 << (bit & 7)];
    for (let k = 0; k < row; k++) {
      const packed = from[bit * row + k]!;
      if (packed === 0) continue;
      for (let e = 0; e < 8; e++) if (packed & (1 << e)) to[(8 * k + e) * size + byte]! |= mask;
    }
  }
  to.set(from.subarray(elements * size), elements * size);
}

/**
 * Differences (exclusive or) in place: of a chunk's first block to the element before, of the others to that block, which is
 * `reference` (the same bytes as `block` for the first).
 */
export function undelta(block: Uint8Array, reference: Uint8Array, size: number): void {
  const width = size === 1 || size === 2 || size === 4 ? size : size % 8 === 0 ? 8 : 1;
  const end = block.length - (block.length % width);
  const first = block.byteOffset === reference.byteOffset && block.buffer === reference.buffer;
  if (first) for (let k = width; k < end; k++) block[k]! ^= block[k - width]!;
  else for (let k = 0; k < end; k++) block[k]! ^= reference[k]!;
}
