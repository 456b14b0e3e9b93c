/**
 * The contract of a transform: chance and measuring in `sample`, a pure `apply`, and `invert` where it can be undone.
 * Parameters are plain JSON: together with the name they are the record of what was done, and they are enough to do it again.
 */
import type { Rng, Tensor } from '@voxelwise/compute';
import type { Case, Grid, Points, Volume } from '@voxelwise/volume';
import { TransformError } from '../errors.ts';

export type { Points };

/** A case on a device, with further volumes that move with it, and the record of what was done to it. */
export interface Scene extends Case<Tensor> {
  /** More volumes by name (another contrast, a weight map); each may have its own grid. */
  readonly volumes?: Readonly<Record<string, Volume<Tensor>>>;
  readonly history?: readonly Applied[];
}

/** One line of the record. */
export interface Applied {
  readonly name: string;
  readonly parameters: unknown;
}

/** Where voxels go: a new grid, and for each of its voxels the index in the old one (row-major 3x4, array order). */
export interface Placement {
  readonly grid: Grid;
  readonly matrix: readonly number[];
}

/** How a spatial transform reads between voxels. Labels are read by nearest neighbor unless said otherwise. */
export interface Sampling {
  readonly interpolation: 'nearest' | 'linear' | 'cubic';
  readonly labels: 'nearest' | 'linear';
  /**
   * Beyond the image: `fill` (`zeros`), the outermost voxels (`border`), the image mirrored at its faces (`reflect`) or at its
   * outermost voxel centers (`mirror`), or the border for half a voxel and then `fill` (`halfVoxel`).
   */
  readonly padding: 'zeros' | 'border' | 'reflect' | 'mirror' | 'halfVoxel';
  /** Beyond the image where padding is zeros or halfVoxel. */
  readonly fill: number;
  readonly labelFill: number;
}

/** What can be done again from a record alone. */
export interface Application<P> {
  readonly name: string;
  /** Pure: the same scene and parameters give the same result. A promise where voxels pass through the host. */
  apply(to: Scene, parameters: P): Scene | Promise<Scene>;
  /** Takes a volume back to where it was before; absent: cannot be undone. */
  invert?(volume: Volume<Tensor>, parameters: P): Volume<Tensor>;
  /** `positions`: voxels move in a way that has no inverse; else a missing `invert` means that nothing moved. */
  readonly moves?: 'positions';
  /** Spatial transforms that are affine say where voxels go, so that several in a row are sampled once. */
  place?(grid: Grid, parameters: P): Placement;
  sampling?(parameters: P): Sampling;
}

export interface Transform<P = unknown> extends Application<P> {
  /** The record of the single steps, for transforms made of others. */
  record?(parameters: P): readonly Applied[];
  /** All chance and all measuring. May wait for the device. */
  sample(of: Scene, rng: Rng): P | Promise<P>;
  /** Whether `sample` looks at voxels; others only need the grids. Default true. */
  readonly measures?: boolean;
}

/** A number, or a range to draw from uniformly. */
export type Range = number | readonly [number, number];

/** Throws: TransformError if a number is not finite or the range's ends are the wrong way round. */
export function draw(range: Range, rng: Rng): number {
  const [low, high] = typeof range === 'number' ? [range, range] : range;
  if (!(Number.isFinite(low) && Number.isFinite(high) && low <= high))
    throw new TransformError(`draw: a range is two finite numbers, the lower first; came ${low} to ${high}.`, {
      low,
      high,
    });
  return typeof range === 'number' ? range : rng.uniform(low, high);
}

/** The scene with every volume changed; volumes that come back as they are stay. */
export function mapVolumes(scene: Scene, change: (volume: Volume<Tensor>) => Volume<Tensor>): Scene {
  return {
    ...scene,
    images: change(scene.images),
    ...(scene.labels ? { labels: change(scene.labels) } : {}),
    ...(scene.volumes
      ? { volumes: Object.fromEntries(Object.entries(scene.volumes).map(([name, volume]) => [name, change(volume)])) }
      : {}),
  };
}

/** As `mapVolumes`, for changes that wait; one volume after another, so that only one is in memory twice. */
export async function mapVolumesInTurn(
  scene: Scene,
  change: (volume: Volume<Tensor>) => Promise<Volume<Tensor>>,
): Promise<Scene> {
  const images = await change(scene.images);
  const labels = scene.labels && (await change(scene.labels));
  const volumes: Record<string, Volume<Tensor>> = {};
  for (const [name, volume] of Object.entries(scene.volumes ?? {})) volumes[name] = await change(volume);
  return { ...scene, images, ...(labels ? { labels } : {}), ...(scene.volumes ? { volumes } : {}) };
}

/** The scene with the voxels of every intensity volume changed. */
export function mapIntensities(scene: Scene, change: (voxels: Tensor, volume: Volume<Tensor>) => Tensor): Scene {
  return mapVolumes(scene, (volume) =>
    volume.kind === 'intensity' ? { ...volume, voxels: change(volume.voxels, volume) } : volume,
  );
}

/** The scene with the voxels of every label volume changed. */
export function mapLabels(scene: Scene, change: (voxels: Tensor, volume: Volume<Tensor>) => Tensor): Scene {
  return mapVolumes(scene, (volume) =>
    volume.kind === 'labels' ? { ...volume, voxels: change(volume.voxels, volume) } : volume,
  );
}
