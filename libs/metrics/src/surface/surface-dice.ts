/**
 * Surface Dice at a tolerance: the share of both surfaces, by area, that lies within the tolerance of the other.
 *
 * Source: Nikolov 2018 (DeepMind's surface-distance); also called normalized surface distance, NSD.
 */
import { type PerAxis, squaredDistance } from '@voxelwise/volume';
import { ScoreError } from '../errors.ts';
import { cutToMasks, type MaskPair } from './masks.ts';
import { contourLengths, cornerBit, surfaceAreas } from './surface-elements.ts';

export interface SurfaceDiceOptions {
  readonly toleranceMm: number;
  /** Millimetres per voxel, array order. */
  readonly spacingMm: PerAxis;
}

/** 0 … 1. One mask empty: 0; both: NaN. In one slice, contour length takes the place of area. Throws: ScoreError. */
export function normalizedSurfaceDice(masks: MaskPair, { toleranceMm, spacingMm }: SurfaceDiceOptions): number {
  if (!(toleranceMm >= 0))
    throw new ScoreError(`normalizedSurfaceDice: toleranceMm must be 0 or more, came ${toleranceMm}.`, { toleranceMm });
  const cut = cutToMasks(masks);
  const flat = masks.shape[0] === 1;
  const sizes = flat ? contourLengths(spacingMm) : surfaceAreas(spacingMm);
  const full = sizes.length - 1;
  // Cells between voxels: one more than voxels along each axis, background outside.
  const shape: PerAxis = [flat ? 1 : cut.shape[0] + 1, cut.shape[1] + 1, cut.shape[2] + 1];
  const [p, r] = [cut.prediction, cut.reference].map((mask) => cellCodes(mask, cut.shape, flat)) as [
    Uint8Array,
    Uint8Array,
  ];
  const crossed = (codes: Uint8Array): Uint8Array => codes.map((code) => (code !== 0 && code !== full ? 1 : 0));
  const [toPrediction, toReference] = [p, r].map((codes) => squaredDistance(crossed(codes), shape, spacingMm)) as [
    Float64Array,
    Float64Array,
  ];
  let [within, all] = [0, 0];
  for (let i = 0; i < p.length; i++) {
    const [own, other] = [sizes[p[i]!]!, sizes[r[i]!]!];
    all += own + other;
    if (own > 0 && Math.sqrt(toReference[i]!) <= toleranceMm) within += own;
    if (other > 0 && Math.sqrt(toPrediction[i]!) <= toleranceMm) within += other;
  }
  return within / all;
}

/** For every cell between voxels, which of its eight (in one slice: four) voxels are inside. */
function cellCodes(mask: Uint8Array, [depth, height, width]: PerAxis, flat: boolean): Uint8Array {
  const [cellHeight, cellWidth] = [height + 1, width + 1];
  const codes = new Uint8Array((flat ? 1 : depth + 1) * cellHeight * cellWidth);
  for (let z = 0, i = 0; z < depth; z++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++, i++) {
        if (mask[i] === 0) continue;
        // The voxel is the far corner of the cell before it, and the near corner of the cell after.
        for (let dy = 0; dy < 2; dy++)
          for (let dx = 0; dx < 2; dx++) {
            const row = (y + dy) * cellWidth + x + dx;
            if (flat) codes[row]! |= 8 >> (2 * (1 - dy) + 1 - dx);
            else
              for (let dz = 0; dz < 2; dz++)
                codes[(z + dz) * cellHeight * cellWidth + row]! |= cornerBit(1 - dz, 1 - dy, 1 - dx);
          }
      }
  return codes;
}
