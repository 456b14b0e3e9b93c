/** One post-processing step: of a class, a region or everything, only the largest connected component stays. */
import { cutBox, keepLargestComponents, labelBoxes, unionBox } from '@voxelwise/volume';
import type { LabelOrRegion } from '@voxelwise/planner';
import type { LabelMap } from '../label-map.ts';

/** The labels whose union keeps its largest component. */
export interface KeepLargest {
  readonly labelsOrRegions: LabelOrRegion;
}

/**
 * Applies steps in their order; components touch over faces, edges and corners, and of equally large ones all stay.
 * Removed voxels become 0. The map given is not changed.
 *
 * Source: nnU-Net v2, `remove_all_but_largest_component_from_segmentation`.
 */
export function applyPostprocessing(map: LabelMap, steps: readonly KeepLargest[]): LabelMap {
  if (steps.length === 0) return map;
  const result = { ...map, voxels: map.voxels.slice() };
  const boxes = labelBoxes([result.voxels], result.shape);
  for (const { labelsOrRegions } of steps) {
    const members = new Set([labelsOrRegions].flat());
    // Boxes of the map as it was: steps only take voxels away.
    const box = unionBox([...members].flatMap((label) => boxes.get(label) ?? []));
    if (box === undefined) continue;
    const cut = cutBox(result.voxels, 1, result.shape, box);
    const mask = Uint8Array.from(cut, (label) => (members.has(label) ? 1 : 0));
    const [depth, height, width] = [0, 1, 2].map((axis) => box.end[axis]! - box.start[axis]!) as [
      number,
      number,
      number,
    ];
    keepLargestComponents(mask, [depth, height, width]);
    for (let z = 0, i = 0; z < depth; z++)
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++, i++) {
          if (mask[i] !== 0 || !members.has(cut[i]!)) continue;
          result.voxels[
            ((z + box.start[0]) * result.shape[1] + y + box.start[1]) * result.shape[2] + x + box.start[2]
          ] = 0;
        }
  }
  return result;
}
