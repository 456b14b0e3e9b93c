/** Changes of label maps. Per voxel on the device; components, holes and contours through the host. */
import { decideLabels, remapLabels } from '@voxelwise/compute';
import { connectedComponents, spacing as spacingOf, type PerAxis } from '@voxelwise/volume';
import { hostLabels, perChannel, type HostVoxels } from '../contract/host.ts';
import { mapLabels, mapVolumes, type Application, type Scene, type Transform } from '../contract/transform.ts';
import { TransformError } from '../errors.ts';

type Connectivity = 6 | 18 | 26;
const spaceOf = ({ shape }: HostVoxels): PerAxis => [shape[1], shape[2], shape[3]];
const fixed = <P>(application: Application<P>, parameters: P): Transform<P> => ({
  ...application,
  measures: false,
  sample: () => parameters,
});

export interface RemapParameters {
  readonly from: readonly number[];
  readonly to: readonly number[];
  /** What other labels become; null: they stay. */
  readonly rest: number | null;
}
export const remapApplication: Application<RemapParameters> & { apply(to: Scene, parameters: RemapParameters): Scene } =
  {
    name: 'remapLabels',
    apply: (scene, parameters) => mapLabels(scene, (labels) => remapLabels({ labels }, parameters)),
  };
/** Other numbers for labels: { 1: 3, 3: 1 }. */
export const remap = (map: Readonly<Record<number, number>>): Transform<RemapParameters> =>
  fixed(remapApplication, { from: Object.keys(map).map(Number), to: Object.values(map), rest: null });
/** Keeps these labels, the others become 0. */
export const selectLabels = (labels: readonly number[]): Transform<RemapParameters> =>
  fixed(remapApplication, { from: labels, to: labels, rest: 0 });
/** 1 where one of the labels is, else 0. */
export const labelMask = (labels: readonly number[]): Transform<RemapParameters> =>
  fixed(remapApplication, { from: labels, to: labels.map(() => 1), rest: 0 });
/** These labels become 0. */
export const removeLabels = (labels: readonly number[]): Transform<RemapParameters> =>
  fixed(remapApplication, { from: labels, to: labels.map(() => 0), rest: null });

/** Labels present become 0, 1, 2 … in their order. */
export const sequentialApplication = hostLabels<object>('sequentialLabels', ({ data }) => {
  const present = [...new Set(data)].sort((a, b) => a - b);
  const number = new Map(present.map((label, k) => [label, k + (present[0] === 0 ? 0 : 1)]));
  return data.map((label) => number.get(label)!);
});
export const sequentialLabels = (): Transform<object> => fixed(sequentialApplication, {});

/** One channel per class, or per region (a list of labels): 1 where it is. */
export interface ChannelsParameters {
  readonly regions: readonly (readonly number[])[];
}
export const channelsApplication = hostLabels<ChannelsParameters>('labelChannels', ({ data, shape }, { regions }) => {
  const result = new Float64Array(regions.length * data.length);
  regions.forEach((region, c) =>
    data.forEach((label, v) => (result[c * data.length + v] = region.includes(label) ? 1 : 0)),
  );
  return { data: result, shape: [regions.length, shape[1], shape[2], shape[3]] };
});
export const oneHotLabels = (classes: number): Transform<ChannelsParameters> =>
  fixed(channelsApplication, { regions: Array.from({ length: classes }, (_, label) => [label]) });
export const regionChannels = (regions: readonly (number | readonly number[])[]): Transform<ChannelsParameters> =>
  fixed(channelsApplication, { regions: regions.map((region) => (typeof region === 'number' ? [region] : region)) });

const presentLabels = (data: Float64Array, wanted: readonly number[] | null): number[] =>
  wanted ? [...wanted] : [...new Set(data)].filter((label) => label > 0).sort((a, b) => a - b);

export interface LargestParameters {
  /** null: all labels above 0. */
  readonly labels: readonly number[] | null;
  /** Each label by itself, or all of them as one mask. */
  readonly independent: boolean;
  readonly connectivity: Connectivity;
  readonly count: number;
  /** Of equal sizes, the first in the array (MONAI) or all (nnU-Net). */
  readonly ties: 'first' | 'all';
}
export const largestApplication = hostLabels<LargestParameters>('keepLargest', (voxels, parameters) =>
  perChannel(voxels, (channel) => keepLargestIn(channel, spaceOf(voxels), parameters)),
);

export function keepLargestIn(
  channel: Float64Array,
  space: PerAxis,
  { labels, independent, connectivity, count, ties }: LargestParameters,
): Float64Array {
  const result = Float64Array.from(channel);
  const wanted = presentLabels(channel, labels);
  for (const group of independent ? wanted.map((label) => [label]) : [wanted]) {
    const chosen = new Set(group);
    const mask = Uint8Array.from(channel, (label) => (chosen.has(label) ? 1 : 0));
    const found = connectedComponents(mask, space, connectivity);
    const order = found.sizes.map((size, k) => ({ size, k })).sort((a, b) => b.size - a.size || a.k - b.k);
    const least = order[Math.min(count, order.length) - 1]?.size ?? 0;
    const kept = new Set(
      (ties === 'all' ? order.filter(({ size }) => size >= least) : order.slice(0, count)).map(({ k }) => k + 1),
    );
    found.labels.forEach((component, v) => {
      if (component > 0 && !kept.has(component)) result[v] = 0;
    });
  }
  return result;
}
export const keepLargest = ({
  labels = null,
  independent = true,
  connectivity = 26,
  count = 1,
  ties = 'first',
}: Partial<LargestParameters> = {}): Transform<LargestParameters> =>
  fixed(largestApplication, { labels, independent, connectivity, count, ties });

export interface HolesParameters {
  readonly labels: readonly number[] | null;
  /** Through which neighbors the outside reaches in. */
  readonly connectivity: Connectivity;
}
export const holesApplication = hostLabels<HolesParameters>('fillHoles', (voxels, { labels, connectivity }) =>
  perChannel(voxels, (channel) => {
    const result = Float64Array.from(channel);
    const space = spaceOf(voxels);
    for (const label of presentLabels(channel, labels)) {
      const outside = Uint8Array.from(result, (value) => (value === label ? 0 : 1));
      const found = connectedComponents(outside, space, connectivity);
      const open = new Set<number>([0]);
      found.labels.forEach((component, v) => {
        const p = [Math.floor(v / (space[1] * space[2])), Math.floor(v / space[2]) % space[1], v % space[2]];
        if (p.some((k, axis) => space[axis]! > 1 && (k === 0 || k === space[axis]! - 1))) open.add(component);
      });
      found.labels.forEach((component, v) => {
        if (!open.has(component)) result[v] = label;
      });
    }
    return result;
  }),
);
export const fillLabelHoles = ({
  labels = null,
  connectivity = 26,
}: Partial<HolesParameters> = {}): Transform<HolesParameters> => fixed(holesApplication, { labels, connectivity });

export interface SmallParameters {
  readonly leastVoxels: number;
  readonly connectivity: Connectivity;
  readonly independent: boolean;
}
export const smallApplication = hostLabels<SmallParameters>(
  'removeSmall',
  (voxels, { leastVoxels, connectivity, independent }) =>
    perChannel(voxels, (channel) => {
      const result = Float64Array.from(channel);
      const groups = independent
        ? presentLabels(channel, null).map((label) => (value: number) => value === label)
        : [(value: number) => value > 0];
      for (const inside of groups) {
        const found = connectedComponents(
          Uint8Array.from(channel, (value) => (inside(value) ? 1 : 0)),
          spaceOf(voxels),
          connectivity,
        );
        found.labels.forEach((component, v) => {
          if (component > 0 && found.sizes[component - 1]! < leastVoxels) result[v] = 0;
        });
      }
      return result;
    }),
);
/** Components with fewer voxels (or cubic millimetres) vanish. */
export const removeSmall = ({
  leastVoxels,
  leastMm3,
  connectivity = 6,
  independent = true,
}: {
  readonly leastVoxels?: number;
  readonly leastMm3?: number;
  readonly connectivity?: Connectivity;
  readonly independent?: boolean;
}): Transform<SmallParameters> => {
  if ((leastVoxels === undefined) === (leastMm3 === undefined))
    throw new TransformError('removeSmall: expects either leastVoxels or leastMm3.', { leastVoxels, leastMm3 });
  return {
    ...smallApplication,
    measures: false,
    sample: ({ images }) => ({
      leastVoxels: leastVoxels ?? leastMm3! / spacingOf(images.grid).reduce((a, b) => a * b, 1),
      connectivity,
      independent,
    }),
  };
};

/** 1 on the inner border of what is not 0. */
export const contourApplication = hostLabels<object>('contour', (voxels) => {
  const [nz, ny, nx] = spaceOf(voxels);
  return perChannel(voxels, (channel) =>
    channel.map((label, v) => {
      if (label === 0) return 0;
      const [z, y, x] = [Math.floor(v / (ny * nx)), Math.floor(v / nx) % ny, v % nx];
      for (let dz = nz === 1 ? 0 : -1; dz <= (nz === 1 ? 0 : 1); dz++)
        for (let dy = -1; dy <= 1; dy++)
          for (let dx = -1; dx <= 1; dx++) {
            const [a, b, c] = [z + dz, y + dy, x + dx];
            if (a < 0 || b < 0 || c < 0 || a >= nz || b >= ny || c >= nx || channel[(a * ny + b) * nx + c] === 0)
              return 1;
          }
      return 0;
    }),
  );
});
export const contour = (): Transform<object> => fixed(contourApplication, {});

/** Logits [K, z, y, x] of the images become labels: the greatest channel, or regions in order. */
export const decideApplication: Application<{ readonly regions: readonly number[] | null }> & {
  apply(to: Scene, parameters: { readonly regions: readonly number[] | null }): Scene;
} = {
  name: 'decide',
  apply: (scene, parameters) =>
    mapVolumes(scene, (volume) =>
      volume.kind === 'labels'
        ? volume
        : {
            ...volume,
            kind: 'labels',
            channels: ['labels'],
            voxels: decideLabels({ logits: volume.voxels }, parameters),
          },
    ),
};
export const decide = (
  regions: readonly number[] | null = null,
): Transform<{ readonly regions: readonly number[] | null }> => fixed(decideApplication, { regions });
