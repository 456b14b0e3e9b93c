/** RLE Lossless (PS3.5 annex G): PackBits per byte plane, most significant plane first. */
import { FormatError } from '../../errors.ts';
import { bytesOfArray, hostIsLittle } from './native.ts';
import { unpackWords } from './words.ts';

const fault = (message: string, byteOffset: number, details: Readonly<Record<string, unknown>> = {}): FormatError =>
  new FormatError(`RLE: ${message}`, { field: '(7fe0,0010) PixelData', byteOffset, details });

/** Unpacks bytes from `start` to `end` into every `stride`-th byte of `out` from `first`, `count` of them. */
function unpack(
  packed: Uint8Array,
  [start, end]: readonly [number, number],
  { out, first, stride, count }: { out: Uint8Array; first: number; stride: number; count: number },
): void {
  let at = start;
  let n = 0;
  while (n < count) {
    if (at >= end) throw fault(`a segment ends after ${n} of ${count} bytes.`, at, { expected: count, found: n });
    const control = packed[at++]!;
    if (control === 128) continue;
    if (control < 128) {
      const take = Math.min(control + 1, count - n);
      if (at + take > end) throw fault('a literal run leaves its segment.', at);
      for (let i = 0; i < take; i++) out[first + n++ * stride] = packed[at + i]!;
      at += control + 1;
    } else {
      if (at >= end) throw fault('a repeated run has no byte to repeat.', at);
      const value = packed[at++]!;
      const take = Math.min(257 - control, count - n);
      for (let i = 0; i < take; i++) out[first + n++ * stride] = value;
    }
  }
}

/** Refuses sizes that run-length packing cannot reach: two bytes make at most 128. Throws: FormatError. */
export function checkRle(packed: Uint8Array, bytes: number): void {
  if (bytes > packed.length * 64) throw fault(`${packed.length} bytes cannot unpack to ${bytes}.`, 0);
}

type Segment = readonly [start: number, end: number];

/** Where the segments of a frame lie. Throws: FormatError on a damaged header. */
function segmentsOf(packed: Uint8Array, samples: number, bytesPerSample: number): readonly Segment[] {
  if (packed.length < 64) throw fault(`the header needs 64 bytes, ${packed.length} are there.`, 0);
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const segments = view.getUint32(0, true);
  if (segments !== samples * bytesPerSample)
    throw fault(
      `expected ${samples * bytesPerSample} segments (${samples} samples of ${bytesPerSample} bytes), came ${segments}.`,
      0,
      { expected: samples * bytesPerSample, found: segments },
    );
  return Array.from({ length: segments }, (_, s) => {
    const start = view.getUint32(4 + s * 4, true);
    const end = s + 1 < segments ? view.getUint32(8 + s * 4, true) : packed.length;
    if (start < 64 || start > end || end > packed.length)
      throw fault(`segment ${s} spans bytes ${start} to ${end} of ${packed.length}.`, 4 + s * 4);
    return [start, end];
  });
}

/**
 * Decodes one frame into `out`: little endian samples, interleaved. `pixels` is rows × columns, or the packed byte count of 1-bit data.
 * Throws: FormatError on a damaged header or a short segment.
 */
export function decodeRle(
  packed: Uint8Array,
  { pixels, samples, bytesPerSample }: { pixels: number; samples: number; bytesPerSample: number },
  out: Uint8Array,
): void {
  for (const [s, segment] of segmentsOf(packed, samples, bytesPerSample).entries()) {
    const sample = Math.floor(s / bytesPerSample);
    const byte = bytesPerSample - 1 - (s % bytesPerSample);
    unpack(packed, segment, {
      out,
      first: sample * bytesPerSample + byte,
      stride: samples * bytesPerSample,
      count: pixels,
    });
  }
}

/** Decodes a gray frame of 16 bits: what `decodeRle` does, faster. Throws: what it throws. */
export function decodeRleWords(packed: Uint8Array, words: Int16Array | Uint16Array): void {
  if (hostIsLittle && unpackWords(packed, segmentsOf(packed, 1, 2), words)) return;
  decodeRle(packed, { pixels: words.length, samples: 1, bytesPerSample: 2 }, bytesOfArray(words));
}
