/**
 * A scene whose placements are not carried out yet: several affine transforms in a row become one sampling per volume, each
 * with its own interpolation and padding.
 */
import type { Tensor } from '@voxelwise/compute';
import type { Grid, Volume } from '@voxelwise/volume';
import { mapVolumes, type Placement, type Sampling, type Scene } from '../contract/transform.ts';
import { compose, IDENTITY } from '../spatial/matrix.ts';
import { movePoints } from '../spatial/move-points.ts';
import { indexMove, LINEAR, moveVolume } from '../spatial/move.ts';

interface Waiting {
  placement: Placement;
  readonly samplings: { readonly sampling: Sampling; readonly exact: boolean }[];
}

export class Pending {
  #scene: Scene;
  #waiting = new Map<Volume<Tensor>, Waiting>();

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  /** Grids as they will be; voxels may still be those from before. */
  get outline(): Scene {
    return mapVolumes(this.#scene, (volume) => {
      const waiting = this.#waiting.get(volume);
      return waiting ? { ...volume, grid: waiting.placement.grid } : volume;
    });
  }

  /** Adds one placement to what waits. */
  add(place: (grid: Grid) => Placement, sampling: Sampling): void {
    mapVolumes(this.#scene, (volume) => {
      const before = this.#waiting.get(volume) ?? { placement: { grid: volume.grid, matrix: IDENTITY }, samplings: [] };
      const next = place(before.placement.grid);
      const exact = indexMove(next.matrix, next.grid.shape) !== undefined;
      this.#waiting.set(volume, {
        placement: { grid: next.grid, matrix: compose(before.placement.matrix, next.matrix) },
        samplings: [...before.samplings, { sampling, exact }],
      });
      return volume;
    });
  }

  /** Carries out what waits. */
  settle(): Scene {
    if (this.#waiting.size > 0) {
      const before = this.#scene;
      const moved = mapVolumes(before, (volume) => {
        const waiting = this.#waiting.get(volume);
        return waiting ? moveVolume(volume, waiting.placement, joint(waiting)) : volume;
      });
      this.#scene = movePoints(moved, before, this.#waiting.get(before.images)!.placement);
      this.#waiting = new Map();
    }
    return this.#scene;
  }

  replace(scene: Scene): void {
    this.#scene = scene;
  }
}

const RANK = { nearest: 0, linear: 1, cubic: 2 } as const;

/** The best interpolation asked for; padding and fill of the first step that really samples. */
function joint({ samplings }: Waiting): Sampling {
  const sampled = samplings.filter(({ exact }) => !exact).map(({ sampling }) => sampling);
  const first = sampled[0] ?? samplings[0]?.sampling ?? LINEAR;
  const interpolation = sampled
    .map((s) => s.interpolation)
    .reduce((a, b) => (RANK[b] > RANK[a] ? b : a), first.interpolation);
  return { ...first, interpolation };
}
