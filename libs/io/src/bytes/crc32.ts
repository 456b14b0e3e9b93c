/** CRC-32 (ISO 3309), the checksum of gzip, zip and PNG. */

let table: Uint32Array | undefined;

function makeTable(): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, n) => {
    let c = n;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
    return c;
  });
}

/** Node's zlib has one since 20.15, thirty times as fast. */
const nativeCrc32 = (): ((bytes: Uint8Array, previous: number) => number) | undefined =>
  (
    globalThis.process?.getBuiltinModule?.('node:zlib') as
      { crc32?: (bytes: Uint8Array, previous: number) => number } | undefined
  )?.crc32;

/** The checksum of `bytes`; `previous` goes on from the checksum of what came before. */
export function crc32(bytes: Uint8Array, previous = 0): number {
  const native = nativeCrc32();
  if (native) return native(bytes, previous);
  const known = (table ??= makeTable());
  let c = ~previous;
  for (let i = 0; i < bytes.length; i++) c = known[(c ^ bytes[i]!) & 255]! ^ (c >>> 8);
  return ~c >>> 0;
}
