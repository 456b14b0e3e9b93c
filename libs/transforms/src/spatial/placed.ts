/** Spatial transforms that are affine: each says where voxels go; applying, inverting and fusing follow from that. */
import type { Rng, Tensor } from '@voxelwise/compute';
import type { Grid, Volume } from '@voxelwise/volume';
import {
  mapVolumes,
  type Application,
  type Placement,
  type Sampling,
  type Scene,
  type Transform,
} from '../contract/transform.ts';
import { invert } from './matrix.ts';
import { movePoints } from './move-points.ts';
import { LINEAR, moveVolume } from './move.ts';

/** A grid in plain JSON. */
export interface GridRecord {
  readonly shape: readonly number[];
  readonly affine: readonly number[];
}

export const recordGrid = ({ shape, affine }: Grid): GridRecord => ({ shape: [...shape], affine: [...affine] });
export const readGrid = ({ shape, affine }: GridRecord): Grid => ({
  shape: shape as unknown as Grid['shape'],
  affine: Float64Array.from(affine),
});

/** What a placed transform records: its settings, how it read between voxels, and the grid that the images had before. */
export interface Placed<S> {
  readonly settings: S;
  readonly sampling: Sampling;
  readonly before: GridRecord;
}

export interface PlacedApplication<S> extends Application<Placed<S>> {
  apply(to: Scene, parameters: Placed<S>): Scene;
  invert(volume: Volume<Tensor>, parameters: Placed<S>): Volume<Tensor>;
  place(grid: Grid, parameters: Placed<S>): Placement;
  sampling(parameters: Placed<S>): Sampling;
}

/** `place`: pure geometry. Volumes of the scene are placed each from its own grid. */
export function placedApplication<S>(
  name: string,
  place: (grid: Grid, settings: S) => Placement,
): PlacedApplication<S> {
  return {
    name,
    apply: (scene, { settings, sampling }) =>
      movePoints(
        mapVolumes(scene, (volume) => moveVolume(volume, place(volume.grid, settings), sampling)),
        scene,
        place(scene.images.grid, settings),
      ),
    invert: (volume, { settings, sampling, before }) => {
      const grid = readGrid(before);
      return moveVolume(volume, { grid, matrix: invert(place(grid, settings).matrix) }, sampling);
    },
    place: (grid, { settings }) => place(grid, settings),
    sampling: ({ sampling }) => sampling,
  };
}

/** The transform whose settings are drawn by `draw`. */
export function placedTransform<S>(
  application: PlacedApplication<S>,
  draw: (rng: Rng, scene: Scene) => S,
  sampling: Partial<Sampling> = {},
): Transform<Placed<S>> & PlacedApplication<S> {
  return {
    ...application,
    measures: false,
    sample: (scene, rng) => ({
      settings: draw(rng, scene),
      sampling: { ...LINEAR, ...sampling },
      before: recordGrid(scene.images.grid),
    }),
  };
}
