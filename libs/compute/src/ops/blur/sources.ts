/** Which voxels a convolution reads beyond the ends of a line. */
import { axisTable } from '../reindex/axis-table.ts';
import type { Boundary } from '../reindex/reindex.ts';
import type { BlurOptions } from './blur.ts';

/** Input index for output index -reach … n-1+reach, -1 for zeros. */
export function sources(n: number, reach: number, boundary: BlurOptions['boundary']): Int32Array {
  const rule: Boundary = boundary === 'zeros' ? 'constant' : boundary === 'reflect' && n === 1 ? 'edge' : boundary;
  return axisTable({ axis: 0, size: n + 2 * reach, rule: 'move', start: -reach, step: 1 }, n, rule);
}
