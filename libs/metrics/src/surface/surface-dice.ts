/**
 * Surface Dice at a tolerance: the share of both surfaces, by area, that lies within the tolerance of the other.
 *
 * Source: Nikolov 2018 (DeepMind's surface-distance); also called normalized surface distance, NSD.
 */
import { type PerAxis, type TakeDistances, takeSquaredDistances } from '@voxelwise/volume';
import { ScoreError } from '../errors.ts';
import { type CutMasks, cutToMasks, type MaskPair } from './masks.ts';
import { cellShape, SurfaceBuffers } from './surface-buffers.ts';
import { contourLengths, cornerBit, surfaceAreas } from './surface-elements.ts';

export interface SurfaceDiceOptions {
  readonly toleranceMm: number;
  /** Millimetres per voxel, array order. */
  readonly spacingMm: PerAxis;
}

/** 0 … 1. One mask empty: 0; both: NaN. In one slice, contour length takes the place of area. Throws: ScoreError. */
export function normalizedSurfaceDice(masks: MaskPair, options: SurfaceDiceOptions): number {
  return surfaceDiceOf(cutToMasks(masks), options, new SurfaceBuffers());
}

/** `normalizedSurfaceDice` in buffers; masks that lie in them are gone after it. */
export function surfaceDiceOf(
  { prediction, reference, shape: voxels, flat }: CutMasks,
  { toleranceMm, spacingMm }: SurfaceDiceOptions,
  buffers: SurfaceBuffers,
): number {
  if (!(toleranceMm >= 0))
    throw new ScoreError(`normalizedSurfaceDice: toleranceMm must be 0 or more, came ${toleranceMm}.`, { toleranceMm });
  const sizes = flat ? contourLengths(spacingMm) : surfaceAreas(spacingMm);
  const shape = cellShape(voxels, flat);
  const cells = shape[0] * shape[1] * shape[2];
  const p = crossedCells(prediction, voxels, flat, buffers.bytes(2, cells));
  const r = crossedCells(reference, voxels, flat, buffers.bytes(3, cells));
  // Bit 1: the prediction's surface in this cell lies within the tolerance of the reference's; bit 2: the other way.
  const near = buffers.bytes(0, cells);
  const mark = (codes: Uint8Array, bit: number): TakeDistances => {
    return (cell, squared, at, count) => {
      for (let i = 0; i < count; i++)
        if (codes[cell + i] !== 0 && Math.sqrt(squared[at + i]!) <= toleranceMm) near[cell + i]! |= bit;
    };
  };
  takeSquaredDistances(r, shape, spacingMm, mark(p, 1), buffers.distance);
  takeSquaredDistances(p, shape, spacingMm, mark(r, 2), buffers.distance);
  let [within, all] = [0, 0];
  for (let i = 0; i < cells; i++) {
    if (p[i] === 0 && r[i] === 0) continue;
    const [own, other] = [sizes[p[i]!]!, sizes[r[i]!]!];
    all += own + other;
    if ((near[i]! & 1) !== 0) within += own;
    if ((near[i]! & 2) !== 0) within += other;
  }
  return within / all;
}

/** For every cell between voxels, which of its eight (in one slice: four) voxels are inside; 0 where all are, too. */
function crossedCells(mask: Uint8Array, [depth, height, width]: PerAxis, flat: boolean, codes: Uint8Array): Uint8Array {
  const [cellHeight, cellWidth] = [height + 1, width + 1];
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
  const full = flat ? 15 : 255;
  for (let i = 0; i < codes.length; i++) if (codes[i] === full) codes[i] = 0;
  return codes;
}
