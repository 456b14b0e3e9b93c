/**
 * What nnU-Net's DA5 trainer does to patches beside changes of intensity: medians, blank boxes, sharpening, shifts.
 * Source: batchgeneratorsv2 as nnU-Net v2 configures it.
 */
import { add, blur } from '@voxelwise/compute';
import type { PerAxis } from '@voxelwise/volume';
import { hostIntensity, perChannel as joinChannels } from '../../contract/host.ts';
import { mapIntensities, type Application, type Scene, type Transform } from '../../contract/transform.ts';
import { medianFilter } from '../../intensity/median-filter.ts';
import { linearApplication, SAME, type LinearParameters } from '../../intensity/range.ts';

const perChannel = <T>(scene: Scene, value: () => T): T[] =>
  Array.from({ length: scene.images.voxels.shape[0]! }, value);

export interface NnunetMedianParameters {
  /** Width of the window in voxels per channel; null: untouched. An axis of one voxel keeps it. */
  readonly sizes: readonly (number | null)[];
}
export const nnunetMedianApplication = hostIntensity<NnunetMedianParameters>('nnunetMedian', (voxels, { sizes }) => {
  const [, ...space] = voxels.shape;
  return joinChannels(voxels, (channel, c) => {
    const width = sizes[c];
    if (width === null || width === undefined) return channel;
    const size = space.map((n) => (n === 1 ? 1 : width));
    return medianFilter(channel, space, { size, boundary: 'symmetric' });
  });
});
/** Medians of windows two to seven voxels wide. */
export const nnunetMedian = (channelProbability = 0.5): Transform<NnunetMedianParameters> => ({
  ...nnunetMedianApplication,
  measures: false,
  sample: (scene, rng) => ({
    sizes: perChannel(scene, () => {
      const size = rng.integer(2, 8);
      return rng.uniform() < channelProbability ? size : null;
    }),
  }),
});

export interface BlankBoxesParameters {
  /** Per channel, one after another: first voxels and sizes along z, y, x. */
  readonly boxes: readonly (readonly { readonly start: PerAxis; readonly size: PerAxis }[])[];
}
export const blankBoxesApplication = hostIntensity<BlankBoxesParameters>('nnunetBlankBoxes', (voxels, { boxes }) => {
  const [, , height, width] = voxels.shape;
  return joinChannels(voxels, (channel, c) => {
    const data = channel.slice();
    for (const { start, size } of boxes[c]!) {
      const rows: Float64Array[] = [];
      for (let z = start[0]; z < start[0] + size[0]; z++)
        for (let y = start[1]; y < start[1] + size[1]; y++) {
          const first = (z * height + y) * width + start[2];
          rows.push(data.subarray(first, first + size[2]));
        }
      const sum = rows.reduce((total, row) => row.reduce((a, b) => a + b, total), 0);
      for (const row of rows) row.fill(sum / (size[0] * size[1] * size[2]));
    }
    return data;
  });
});
/**
 * One to four boxes per channel take their own mean: from a tenth of the patch to less than a third of it along each axis.
 * Where that leaves no choice (a patch of fewer than six voxels) a box is one voxel wide; the reference fails there.
 */
export const nnunetBlankBoxes = (channelProbability = 0.5): Transform<BlankBoxesParameters> => ({
  ...blankBoxesApplication,
  measures: false,
  sample: (scene, rng) => {
    const shape = scene.images.voxels.shape.slice(1);
    const box = (): { start: PerAxis; size: PerAxis } => {
      const size = shape.map((n) => {
        const least = Math.max(1, Math.floor(n / 10));
        return rng.integer(least, Math.max(least + 1, Math.floor(n / 3)));
      });
      const start = shape.map((n, axis) => rng.integer(0, n - size[axis]! + 1));
      return { start: start as unknown as PerAxis, size: size as unknown as PerAxis };
    };
    return {
      boxes: perChannel(scene, () => {
        const count = rng.integer(1, 5);
        return rng.uniform() < channelProbability ? Array.from({ length: count }, box) : [];
      }),
    };
  },
});

export interface LaplacianParameters {
  /** Per channel; 0: untouched. */
  readonly strengths: readonly number[];
}
type Sync<P> = Application<P> & { apply(to: Scene, parameters: P): Scene };
export const laplacianApplication: Sync<LaplacianParameters> = {
  name: 'nnunetSharpen',
  apply: (scene, { strengths }) =>
    mapIntensities(scene, (x) =>
      [0, 1, 2].reduce((sum, along) => {
        const channels = strengths.map((s) => [0, 1, 2].map((axis) => (axis === along ? [-s, 2 * s, -s] : [1])));
        const edges = blur({ x }, { boundary: 'edge', channels });
        const sharper = add({ a: sum, b: edges });
        edges.dispose();
        if (sum !== x) sum.dispose();
        return sharper;
      }, x),
    ),
};
/** Adds what a voxel has more than its neighbors along the axes, times 0.1 to 1. */
export const nnunetSharpen = (channelProbability = 0.5): Transform<LaplacianParameters> => ({
  ...laplacianApplication,
  measures: false,
  sample: (scene, rng) => ({
    strengths: perChannel(scene, () => {
      const strength = rng.uniform(0.1, 1);
      return rng.uniform() < channelProbability ? strength : 0;
    }),
  }),
});

/** Adds to a channel one number from a normal distribution. */
export const nnunetShift = (deviation = 0.5, channelProbability = 0.5): Transform<LinearParameters> => ({
  ...linearApplication,
  measures: false,
  sample: (scene, rng) => ({
    channels: perChannel(scene, () => {
      const shift = deviation * rng.normal();
      return rng.uniform() < channelProbability ? { ...SAME, add: shift } : SAME;
    }),
  }),
});
