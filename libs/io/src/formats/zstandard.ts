/** Zstandard, for Blosc2 and TIFF. */

/** Unpacks into memory of the expected size; returns how many bytes came out, 0 for damaged ones. */
export type Unzstd = (from: Uint8Array, to: Uint8Array) => number;

/** The decoder is WebAssembly and loaded when the first such chunk is met. */
export async function loadZstd(): Promise<Unzstd> {
  const { ZSTDDecoder } = await import('zstddec');
  const decoder = new ZSTDDecoder();
  await decoder.init();
  return (from, to) => {
    const bytes = decoder.decode(from, to.length);
    to.set(bytes.subarray(0, to.length));
    return Math.min(bytes.length, to.length);
  };
}
