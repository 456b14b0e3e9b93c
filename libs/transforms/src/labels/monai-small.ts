/**
 * MONAI's RemoveSmallObjects, whose two modes count different things: `removeSmall` is the one that looks at each component of
 * each label.
 */
import { hostLabels, type HostVoxels } from '../contract/host.ts';
import type { Transform } from '../contract/transform.ts';
import { TransformError } from '../errors.ts';

export interface MonaiSmallParameters {
  readonly leastVoxels: number;
  /** Along how many axes at once neighbors may differ; the channels are an axis too. */
  readonly connectivity: number;
  /** Labels above 1: all voxels of a label count together, wherever they are. Else components of what is not 0. */
  readonly independent: boolean;
}

export const monaiSmallApplication = hostLabels<MonaiSmallParameters>(
  'monaiRemoveSmall',
  (voxels, { leastVoxels, connectivity, independent }) => {
    const { data } = voxels;
    const labeled = independent && data.some((label) => label > 1);
    const group = labeled ? Int32Array.from(data) : componentsOverChannels(voxels, connectivity);
    const counts = new Map<number, number>();
    for (const member of group) counts.set(member, (counts.get(member) ?? 0) + 1);
    return data.map((label, v) => (counts.get(group[v]!)! < leastVoxels ? 0 : label));
  },
);

/** Components of what is not 0 in the four axes [C, z, y, x]; 0 elsewhere. */
function componentsOverChannels({ data, shape }: HostVoxels, connectivity: number): Int32Array {
  const offsets: number[][] = [];
  for (let k = 0; k < 81; k++) {
    const step = [Math.floor(k / 27), Math.floor(k / 9) % 3, Math.floor(k / 3) % 3, k % 3].map((d) => d - 1);
    const differing = step.filter((d) => d !== 0).length;
    if (differing > 0 && differing <= connectivity) offsets.push(step);
  }
  const strides = [shape[1] * shape[2] * shape[3], shape[2] * shape[3], shape[3], 1];
  const result = new Int32Array(data.length);
  let count = 0;
  for (let seed = 0; seed < data.length; seed++) {
    if (!(data[seed]! > 0) || result[seed] !== 0) continue;
    result[seed] = ++count;
    const open = [seed];
    while (open.length > 0) {
      const v = open.pop()!;
      const at = strides.map((stride, axis) => Math.floor(v / stride) % shape[axis]!);
      for (const step of offsets) {
        if (step.some((d, axis) => at[axis]! + d < 0 || at[axis]! + d >= shape[axis]!)) continue;
        const next = step.reduce((sum, d, axis) => sum + d * strides[axis]!, v);
        if (data[next]! > 0 && result[next] === 0) {
          result[next] = count;
          open.push(next);
        }
      }
    }
  }
  return result;
}

/** Objects of fewer voxels vanish, as MONAI counts them. */
export const monaiRemoveSmall = ({
  leastVoxels = 64,
  connectivity = 1,
  independent = true,
}: Partial<MonaiSmallParameters> = {}): Transform<MonaiSmallParameters> => {
  if (!(leastVoxels >= 0) || ![1, 2, 3, 4].includes(connectivity))
    throw new TransformError(
      `monaiRemoveSmall: expects leastVoxels of at least 0 and a connectivity of 1 to 4, came ${leastVoxels} and ${connectivity}.`,
      { leastVoxels, connectivity },
    );
  return { ...monaiSmallApplication, measures: false, sample: () => ({ leastVoxels, connectivity, independent }) };
};
