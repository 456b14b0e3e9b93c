/** The cascade's channels against the reference's goldens. */
import { describe, expect, it } from 'vitest';
import { Philox } from '@voxelwise/compute';
import type { PerAxis } from '@voxelwise/volume';
import { distance, golden } from '../../../fixtures/golden.ts';
import { applyCascade, previousStageChannels, sampleCascade } from './cascade.ts';
import { ballOffsets, binaryOperator, type BinaryOperator } from './morphology.ts';

const file =
  golden<{ name: string; radius: number; strel_sum: number; regions: (number | number[])[]; labels: number[] }[]>(
    'nnunet-transforms',
  );

describe('cascade', () => {
  it.each(file.cases.filter(({ name }) => name.startsWith('binary_')).map((row) => [row.name, row] as const))(
    '%s',
    (name, row) => {
      const offsets = ballOffsets(row.radius);
      expect(offsets.length).toBe(row.strel_sum);
      const { data, shape } = file.array(`${name}_in`);
      const operator = name.split('_')[1] as BinaryOperator;
      expect(
        distance(
          binaryOperator(Uint8Array.from(data), shape as unknown as PerAxis, operator, offsets),
          file.array(`${name}_out`).data,
        ),
      ).toBe(0);
    },
  );

  it('does to every voxel what its definition says, for any ball and any width of rows', () => {
    const random = new Philox(5);
    const shapes: readonly PerAxis[] = [
      [5, 6, 40],
      [3, 8, 32],
      [1, 6, 5],
    ];
    for (const shape of shapes)
      for (const radius of [1, 1.7, 2.6, 4.1]) {
        const offsets = ballOffsets(radius);
        const mask = Uint8Array.from({ length: shape[0] * shape[1] * shape[2] }, () =>
          random.uniform() < 0.1 ? 1 : 0,
        );
        for (const operator of ['dilation', 'erosion', 'closing', 'opening'] as const) {
          const input = operator === 'erosion' || operator === 'opening' ? mask.map((v) => 1 - v) : mask;
          const expected = plainOperator(input, shape, operator, offsets);
          expect(distance(binaryOperator(input, shape, operator, offsets), expected)).toBe(0);
        }
      }
  });

  it('makes channels of the previous stage', () => {
    const row = file.cases.find(({ name }) => name === 'cascade_onehot')!;
    const seg = file.array('cascade_onehot_seg_in');
    const voxels = seg.data.length / 2;
    const image = file.array('cascade_onehot_image_in');
    const expected = file.array('cascade_onehot_image_out');
    expect(distance(expected.data.subarray(0, voxels), image.data)).toBe(0);
    expect(distance(expected.data.subarray(voxels), previousStageChannels(seg.data.subarray(voxels), row.labels))).toBe(
      0,
    );
  });

  it('takes what one channel gains from the others, and draws the same for the same stream', () => {
    const shape: PerAxis = [6, 6, 6];
    const input = new Float32Array(2 * 216);
    for (let v = 0; v < 216; v++) input[(v % 6 < 3 ? 0 : 1) * 216 + v] = 1;
    const after = applyCascade(input, shape, {
      operations: [{ channel: 0, operator: 'dilation', radius: 1 }],
      removals: [],
    });
    expect(after.subarray(0, 216).reduce((a, b) => a + b)).toBe(144);
    expect(after.subarray(216).reduce((a, b) => a + b)).toBe(72);
    const every = Array.from({ length: 40 }, (_, seed) => sampleCascade(3, new Philox(seed), 1).operations);
    // All labels or none, and not all by the same operator.
    expect(new Set(every.map(({ length }) => length))).toEqual(new Set([0, 3]));
    expect(every.some((list) => new Set(list.map(({ operator }) => operator)).size > 1)).toBe(true);
    let happened = 0;
    for (let seed = 0; seed < 40; seed++) {
      const record = sampleCascade(2, new Philox(seed));
      expect(sampleCascade(2, new Philox(seed))).toEqual(record);
      if (record.operations.length + record.removals.length > 0) happened++;
    }
    expect(happened).toBeGreaterThan(8);
    expect(happened).toBeLessThan(30);
  });
});

/** The definition: every voxel looks at all offsets. */
function plainOperator(
  mask: Uint8Array,
  shape: PerAxis,
  operator: BinaryOperator,
  offsets: readonly PerAxis[],
): Uint8Array {
  if (operator === 'closing')
    return plainOperator(plainOperator(mask, shape, 'dilation', offsets), shape, 'erosion', offsets);
  if (operator === 'opening')
    return plainOperator(plainOperator(mask, shape, 'erosion', offsets), shape, 'dilation', offsets);
  const wanted = operator === 'dilation' ? 1 : 0;
  const [nz, ny, nx] = shape;
  return mask.map((_, v) => {
    const [z, y, x] = [Math.floor(v / (ny * nx)), Math.floor(v / nx) % ny, v % nx];
    const hit = offsets.some(([dz, dy, dx]) => {
      const [a, b, c] = [z + dz, y + dy, x + dx];
      const inside = a >= 0 && b >= 0 && c >= 0 && a < nz && b < ny && c < nx;
      return inside && mask[(a * ny + b) * nx + c] === wanted;
    });
    return hit ? wanted : 1 - wanted;
  });
}
