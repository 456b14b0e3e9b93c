/** Exact moves of voxels: flips, quarter turns, transpositions, crops and pads. */
import { reindex, type AxisMap, type Boundary, type Tensor } from '@voxelwise/compute';
import { orientation as orientationOf, type Grid, type PerAxis, type Volume } from '@voxelwise/volume';
import { mapVolumes, type Application, type Placement, type Transform } from '../contract/transform.ts';
import { TransformError } from '../errors.ts';
import { regrid, translation } from './matrix.ts';
import { placedApplication, placedTransform, type Placed } from './placed.ts';

/** An array axis (0, 1, 2), or the one nearest to the patient's: R (left and right), A (front and back), S (up and down). */
export type FlipAxis = number | 'R' | 'A' | 'S';

export interface FlipSettings {
  readonly axes: readonly FlipAxis[];
}
const flipPlacement = (grid: Grid, { axes }: FlipSettings): Placement => {
  const letters = [...orientationOf(grid)];
  const flipped = axes.map((axis): number => {
    const pair = { R: 'RL', A: 'AP', S: 'SI' }[axis as string];
    const found = pair ? letters.findIndex((letter) => pair.includes(letter)) : axis;
    if (found !== 0 && found !== 1 && found !== 2)
      throw new TransformError(`flip: axes are 0, 1, 2 or 'R', 'A', 'S', came '${axis}'.`, { axes });
    return found;
  });
  const matrix = [0, 1, 2].flatMap((row) =>
    [0, 1, 2]
      .map((k): number => (k === row ? (flipped.includes(row) ? -1 : 1) : 0))
      .concat(flipped.includes(row) ? grid.shape[row]! - 1 : 0),
  );
  return { grid: regrid(grid, matrix, grid.shape), matrix };
};
export const flipApplication = placedApplication('flip', flipPlacement);
/** Mirrors axes of the array or of the patient. */
export const flip = (axes: readonly FlipAxis[]): Transform<Placed<FlipSettings>> =>
  placedTransform(flipApplication, () => ({ axes }));

export interface TransposeSettings {
  /** Input axis of every output axis. */
  readonly order: readonly number[];
}
export const transposeApplication = placedApplication(
  'transpose',
  (grid: Grid, { order }: TransposeSettings): Placement => {
    if ([...order].sort().join() !== '0,1,2')
      throw new TransformError(`transpose: order is a permutation of 0, 1, 2, came [${order.join(', ')}].`, { order });
    const matrix = [0, 1, 2].flatMap((row) => order.map((axis) => (axis === row ? 1 : 0)).concat(0));
    return { grid: regrid(grid, matrix, order.map((axis) => grid.shape[axis]!) as unknown as PerAxis), matrix };
  },
);
export const transpose = (order: readonly number[]): Transform<Placed<TransposeSettings>> =>
  placedTransform(transposeApplication, () => ({ order }));

export interface Rotate90Settings {
  readonly turns: number;
  /** From the first axis toward the second, as NumPy's rot90. */
  readonly axes: readonly [number, number];
}
export const rotate90Application = placedApplication(
  'rotate90',
  (grid: Grid, { turns, axes: [p, q] }: Rotate90Settings): Placement => {
    if (!Number.isInteger(turns) || p === q || ![p, q].every((axis) => axis === 0 || axis === 1 || axis === 2))
      throw new TransformError(
        `rotate90: expects whole turns and two different axes of 0, 1, 2; came ${turns} and [${p}, ${q}].`,
        { turns, axes: [p, q] },
      );
    const k = ((turns % 4) + 4) % 4;
    const shape = [...grid.shape];
    if (k % 2 === 1) [shape[p], shape[q]] = [shape[q]!, shape[p]!];
    const matrix = new Array<number>(12).fill(0);
    const rest = 3 - p - q;
    matrix[rest * 4 + rest] = 1;
    const last = (axis: number): number => grid.shape[axis]! - 1;
    const set = (row: number, column: number, value: number): void => {
      matrix[row * 4 + column] = value;
      if (value < 0) matrix[row * 4 + 3] = last(row);
    };
    if (k === 0 || k === 2) [p, q].forEach((axis) => set(axis, axis, k === 0 ? 1 : -1));
    else {
      set(p, q, k === 1 ? 1 : -1);
      set(q, p, k === 1 ? -1 : 1);
    }
    return { grid: regrid(grid, matrix, shape as unknown as PerAxis), matrix };
  },
);
export const rotate90 = (settings: Rotate90Settings): Transform<Placed<Rotate90Settings>> =>
  placedTransform(rotate90Application, () => settings);

/** A box of the grid, which may reach outside it; `boundary` says what is there. */
export interface BoxParameters {
  readonly start: readonly number[];
  readonly shape: readonly number[];
  readonly boundary: Boundary;
  readonly fill: number;
  readonly labelFill: number;
  /** Size before, for the way back. */
  readonly before: readonly number[];
}

export interface BoxApplication extends Application<BoxParameters> {
  apply(
    to: Parameters<Application<BoxParameters>['apply']>[0],
    parameters: BoxParameters,
  ): Parameters<Application<BoxParameters>['apply']>[0];
  invert(volume: Volume<Tensor>, parameters: BoxParameters): Volume<Tensor>;
}

/** Crops and pads: any box, on every volume of the scene. */
export const boxApplication: BoxApplication = {
  name: 'box',
  apply: (scene, parameters) =>
    mapVolumes(scene, (volume) => {
      const { shape } = volume.grid;
      if (shape.some((n, axis) => n !== parameters.before[axis]))
        throw new TransformError(
          `box: a box of voxels was measured on an image of [${parameters.before.join(', ')}], but case ${scene.id} has ${volume.kind === 'labels' ? 'labels' : 'a volume'} of [${shape.join(', ')}]; resample onto one grid first.`,
          { case: scene.id, shape, before: parameters.before },
        );
      return cut(volume, parameters);
    }),
  invert: (volume, { start, before }) =>
    cut(volume, { start: start.map((s) => 0 - s), shape: before, boundary: 'constant', fill: 0, labelFill: 0, before }),
};

function cut(volume: Volume<Tensor>, { start, shape, boundary, fill, labelFill }: BoxParameters): Volume<Tensor> {
  if (!shape.every((n) => Number.isInteger(n) && n > 0) || !start.every(Number.isInteger))
    throw new TransformError(
      `crop: a box is whole voxels, at least one along each axis; came [${start.join(', ')}] + [${shape.join(', ')}].`,
      { start, shape },
    );
  const { grid } = volume;
  if (start.every((s) => s === 0) && shape.every((n, axis) => n === grid.shape[axis])) return volume;
  const axes = shape.map((size, axis) => ({ axis, size, rule: 'move', start: start[axis]!, step: 1 })) as unknown as [
    AxisMap,
    AxisMap,
    AxisMap,
  ];
  return {
    ...volume,
    grid: regrid(grid, translation(start), shape as unknown as PerAxis),
    voxels: reindex({ x: volume.voxels }, { axes, boundary, fill: volume.kind === 'labels' ? labelFill : fill }),
  };
}
