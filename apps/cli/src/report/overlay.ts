/** One slice of a case as a color picture, its labels brightened in their colors. Source: nnU-Net v2, utilities/overlay_plots. */
import type { PerAxis } from '@voxelwise/volume';
import { PNG } from 'pngjs';

/** Background first; as in the reference, so that a user's eye finds its classes again. */
const COLORS = [
  '000000',
  '4363d8',
  'f58231',
  '3cb44b',
  'e6194B',
  '911eb4',
  'ffe119',
  'bfef45',
  '42d4f4',
  'f032e6',
  '000075',
  '9A6324',
  '808000',
  '800000',
  '469990',
].map((hex) => [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16)));

/** One channel and its labels [z, y, x]. */
export interface LabeledSlices {
  readonly shape: PerAxis;
  readonly image: ArrayLike<number>;
  readonly labels: ArrayLike<number>;
}

/** The slice that holds the greatest share of the classes, on average over them; the first where nothing is labeled. */
export function sliceToShow({ shape: [depth, height, width], labels }: LabeledSlices): number {
  const area = height * width;
  const counts = new Map<number, Float64Array>();
  for (let v = 0; v < depth * area; v++) {
    const label = labels[v]!;
    if (label === 0) continue;
    let row = counts.get(label);
    if (row === undefined) counts.set(label, (row = new Float64Array(depth)));
    row[Math.floor(v / area)]!++;
  }
  const shares = new Float64Array(depth);
  let before = 0;
  for (const [, row] of [...counts].sort(([a], [b]) => a - b)) {
    // The reference divides by what stands in its whole table, the shares of earlier classes included.
    const all = before + row.reduce((sum, n) => sum + n, 0);
    row.forEach((n, z) => (shares[z]! += n / all));
    before += (all - before) / all;
  }
  return shares.indexOf(Math.max(...shares));
}

/** The bytes of a PNG. `intensity`: how bright the colors are, beside an image whose brightest voxel is 1. */
export function overlayPng(slices: LabeledSlices, intensity: number): Uint8Array {
  const [, height, width] = slices.shape;
  const area = height * width;
  const begin = sliceToShow(slices) * area;
  const at = (numbers: ArrayLike<number>): number[] => Array.from({ length: area }, (_, k) => numbers[begin + k]!);
  const labels = at(slices.labels);
  const kinds = [...new Set(labels)].sort((a, b) => a - b);
  const gray = stretched(at(slices.image));
  const rgb = gray.flatMap((value, k) => {
    const kind = kinds.indexOf(labels[k]!);
    // More classes than colors: they come round again, without black.
    const color = COLORS[kind < COLORS.length ? kind : 1 + ((kind - 1) % (COLORS.length - 1))]!;
    return color.map((channel) => value + intensity * channel);
  });
  const most = greatest(rgb);
  const png = new PNG({ width, height });
  for (let k = 0; k < area; k++)
    png.data.set([...rgb.slice(3 * k, 3 * k + 3).map((value) => (most > 0 ? (value / most) * 255 : 0)), 255], 4 * k);
  return PNG.sync.write(png, { colorType: 2 });
}

/** From 0 to 255. One value everywhere is 0. */
function stretched(values: readonly number[]): number[] {
  const low = -greatest(values.map((value) => -value));
  const range = greatest(values) - low;
  return values.map((value) => (range > 0 ? ((value - low) / range) * 255 : 0));
}

function greatest(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), -Infinity);
}
