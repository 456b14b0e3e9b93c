/** Sixteen numbers come from four Philox blocks: word pairs (0, 1) and (2, 3) of block b give the numbers b, 4 + b and 8 + b, 12 + b. */
import type { ReferenceKernel } from '../../op/op.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { GaussianNoiseOptions } from './gaussian-noise.ts';

export const reference: ReferenceKernel<{ x: Tensor }, GaussianNoiseOptions> = (
  { x },
  { key, deviations, combine },
  [y],
) => {
  const voxels = x.data.length / deviations.length;
  const groups = Math.ceil(voxels / 16);
  deviations.forEach((deviation, c) => {
    for (let v = 0; v < voxels; v++) {
      const at = c * voxels + v;
      const group = c * groups + (v >> 4);
      const value = x.data[at]!;
      if (deviation === 0) y!.data[at] = value;
      else if (combine === 'add') y!.data[at] = value + deviation * normalAt(group, v & 15, key, 0);
      else
        y!.data[at] = Math.hypot(
          value + deviation * normalAt(group, v & 15, key, 0),
          deviation * normalAt(group, v & 15, key, 1),
        );
    }
  });
};

/** Number `place` (0 … 15) of a group; `stream` makes independent groups of the same index. */
export function normalAt(group: number, place: number, key: readonly [number, number], stream: number): number {
  const words = philox(group * 4 + (place & 3), stream, key);
  const pair = (place >> 3) * 2;
  const u = ((words[pair]! >>> 8) + 0.5) / 16777216;
  const angle = 2 * Math.PI * ((words[pair + 1]! >>> 8) / 16777216);
  return Math.sqrt(-2 * Math.log(u)) * ((place >> 2) & 1 ? Math.sin(angle) : Math.cos(angle));
}

function philox(counter: number, stream: number, key: readonly [number, number]): number[] {
  let [c0, c1, c2, c3] = [counter >>> 0, 0, stream, 0];
  let [k0, k1] = [key[0] >>> 0, key[1] >>> 0];
  for (let round = 0; round < 10; round++) {
    const a = BigInt(c0) * 0xd2511f53n;
    const b = BigInt(c2) * 0xcd9e8d57n;
    [c0, c1, c2, c3] = [
      (Number(b >> 32n) ^ c1 ^ k0) >>> 0,
      Number(b & 0xffffffffn),
      (Number(a >> 32n) ^ c3 ^ k1) >>> 0,
      Number(a & 0xffffffffn),
    ];
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [c0, c1, c2, c3];
}
