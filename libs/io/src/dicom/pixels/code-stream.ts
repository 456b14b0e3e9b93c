/** The size a JPEG-LS or JPEG 2000 code stream declares, read before a codec is allowed to allocate for it. */
import { FormatError } from '../../errors.ts';

export interface CodeStreamSize {
  readonly rows: number;
  readonly columns: number;
  readonly samples: number;
  /** Bits of the first component. */
  readonly precision: number;
  readonly signed: boolean;
  /** JPEG 2000: where the components' descriptions begin, three bytes each. */
  readonly componentsAt?: number;
}

const fault = (message: string, byteOffset: number): FormatError =>
  new FormatError(message, { field: '(7fe0,0010) PixelData', byteOffset });

/** JPEG 2000 and HTJ2K (ISO 15444-1 A.5.1): the SIZ segment, in a bare code stream or inside a JP2 file. */
export function jpeg2000Size(b: Uint8Array): CodeStreamSize {
  let at = -1;
  for (let i = 0; i + 4 < b.length; i++) {
    if (b[i] === 0xff && b[i + 1] === 0x4f && b[i + 2] === 0xff && b[i + 3] === 0x51) {
      at = i + 2;
      break;
    }
  }
  if (at < 0 || at + 40 > b.length)
    throw fault('JPEG 2000: no SIZ segment; the pixel data are damaged.', Math.max(0, at));
  const view = new DataView(b.buffer, b.byteOffset, b.byteLength);
  const [xs, ys, x0, y0, tw, th] = [6, 10, 14, 18, 22, 26].map((o) => view.getUint32(at + o)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const samples = view.getUint16(at + 38);
  const ssiz = b[at + 40] ?? 0;
  if (xs <= x0 || ys <= y0 || tw === 0 || th === 0)
    throw fault('JPEG 2000: the SIZ segment has an empty image or tile.', at);
  const tiles = Math.ceil(xs / tw) * Math.ceil(ys / th);
  // A tile costs at least its 14 header bytes: a stream that claims more tiles than it can hold is hostile.
  if (tiles > 65535 || tiles * 14 > b.length)
    throw fault(`JPEG 2000: ${tiles} tiles are declared in ${b.length} bytes.`, at);
  return {
    rows: ys - y0,
    columns: xs - x0,
    samples,
    precision: (ssiz & 127) + 1,
    signed: ssiz >= 128,
    componentsAt: at + 40,
  };
}

/**
 * A JPEG 2000 stream whose components are declared unsigned: the decoded samples are then larger by half the range. The codecs cut
 * signed samples of up to 8 bits off at zero; this way they come through.
 */
export function declaredUnsigned(b: Uint8Array, { componentsAt = b.length, samples }: CodeStreamSize): Uint8Array {
  const out = b.slice();
  for (let c = 0, at = componentsAt; c < samples && at < out.length; c++, at += 3) out[at]! &= 127;
  return out;
}

/** JPEG-LS (ISO 14495-1 C.2.2): the frame header ff f7. */
export function jpegLsSize(b: Uint8Array): CodeStreamSize {
  let at = 2;
  while (at + 9 < b.length) {
    if (b[at] !== 0xff) throw fault('JPEG-LS: expected a marker.', at);
    if (b[at + 1] === 0xff) {
      at++;
      continue;
    }
    if (b[at + 1] === 0xf7)
      return {
        precision: b[at + 4]!,
        rows: b[at + 5]! * 256 + b[at + 6]!,
        columns: b[at + 7]! * 256 + b[at + 8]!,
        samples: b[at + 9]!,
        signed: false,
      };
    at += 2 + b[at + 2]! * 256 + b[at + 3]!;
  }
  throw fault('JPEG-LS: no frame header; the pixel data are damaged.', Math.min(at, b.length));
}
