/**
 * JPEG as DICOM uses it (ITU-T T.81): baseline, extended with 8 or 12 bits, progressive, and lossless with all predictors.
 *
 * Own code, because no library on npm decodes 12-bit extended streams and none leaves colors untouched when asked.
 */
import { jpegFault } from './bits.ts';
import { ZIGZAG, decodeScan } from './coefficients.ts';
import { decodeLosslessScan } from './lossless.ts';
import { walkSegments } from './segments.ts';
import type { JpegFrame } from './segments.ts';
import { inverseTransform, placeComponent } from './transform.ts';
import type { CoefficientPlane } from './transform.ts';

/** Samples as stored in the stream, interleaved [rows, columns, samples]; colors are not converted. */
export interface JpegImage {
  readonly precision: number;
  readonly samples: number;
  readonly values: Uint16Array;
  /** Of an Adobe segment: 1 says the samples are YCbCr, 0 that they are not; undefined when the stream does not tell. */
  readonly adobeTransform: number | undefined;
}

function planesOf(frame: JpegFrame): readonly CoefficientPlane[] {
  const hMax = Math.max(...frame.components.map((c) => c.h));
  const vMax = Math.max(...frame.components.map((c) => c.v));
  return frame.components.map(({ h, v }) => {
    const blocksX = Math.ceil(frame.columns / (8 * hMax)) * h;
    const blocksY = Math.ceil(frame.rows / (8 * vMax)) * v;
    return {
      blocksX,
      blocksY,
      width: Math.ceil((frame.columns * h) / hMax),
      height: Math.ceil((frame.rows * v) / vMax),
      coefficients: new Int16Array(blocksX * blocksY * 64),
    };
  });
}

/** Decodes one image. `expected` is what the DICOM header says: a stream of another size is refused before memory is taken.
 * `into`: memory for the samples, where there is some already. */
export function decodeJpeg(
  bytes: Uint8Array,
  expected: { readonly rows: number; readonly columns: number; readonly samples: number },
  into?: Uint16Array,
): JpegImage {
  let frame: JpegFrame | undefined;
  let adobeTransform: number | undefined;
  let planes: readonly CoefficientPlane[] = [];
  const quantization: (Uint16Array | undefined)[] = [];
  let values: Uint16Array = new Uint16Array(0);
  let scans = 0;
  walkSegments(
    bytes,
    (seen) => {
      const { rows, columns, components, precision, process } = seen;
      if (rows !== expected.rows || columns !== expected.columns || components.length !== expected.samples)
        throw jpegFault(
          `the stream is ${columns} × ${rows} with ${components.length} components, the header says ${expected.columns} × ${expected.rows} with ${expected.samples}.`,
          0,
        );
      if (precision < 2 || precision > 16 || (process !== 3 && precision !== 8 && precision !== 12))
        throw jpegFault(`a precision of ${precision} bits is not read.`, 0);
      frame = seen;
      values = into?.fill(0) ?? new Uint16Array(rows * columns * components.length);
      if (process !== 3) planes = planesOf(seen);
    },
    (scan, seen, tables) => {
      scans++;
      adobeTransform = tables.adobeTransform;
      for (const { index } of scan.components)
        quantization[index] ??= tables.quantization[seen.components[index]!.quantization];
      if (seen.process !== 3) return decodeScan(bytes, { scan, frame: seen, tables }, planes);
      const end = decodeLosslessScan(bytes, { scan, frame: seen, tables }, values);
      if (scan.low > 0)
        for (const { index } of scan.components)
          for (let i = index; i < values.length; i += expected.samples) values[i] = values[i]! << scan.low;
      return end;
    },
  );
  const done: JpegFrame | undefined = frame;
  if (done === undefined || scans === 0) throw jpegFault('no image in the stream.', bytes.length);
  planes.forEach((plane, index) => {
    const zigzagged = quantization[index];
    if (zigzagged === undefined) throw jpegFault('a component has no quantization table or no scan.', bytes.length);
    const natural = new Uint16Array(64);
    for (let k = 0; k < 64; k++) natural[ZIGZAG[k]!] = zigzagged[k]!;
    placeComponent(inverseTransform(plane, natural, done.precision), { ...expected, index }, values);
  });
  return { precision: done.precision, samples: expected.samples, values, adobeTransform };
}
