/**
 * nnU-Net's spatial augmentation: rotation and scaling with a probability each, sampled into a smaller patch; a centered crop
 * where neither was drawn. Source: batchgeneratorsv2, SpatialTransform as nnU-Net v2 configures it.
 */
import { reindex, sampleAffine, type AxisMap, type Rng, type Tensor } from '@voxelwise/compute';
import type { PerAxis, Volume } from '@voxelwise/volume';
import { mapVolumes, type Scene, type Transform } from '../../contract/transform.ts';

export interface NnunetSpatialSettings {
  /** Size of the result. A patch of one slice (or `dummy2d`) turns in its plane only. */
  readonly patch: PerAxis;
  /** Half ranges of the angle about each array axis, radians; in the plane only the first counts. */
  readonly rotation: PerAxis;
  readonly dummy2d?: boolean;
  readonly rotationProbability?: number;
  /** Of a rotation: whether it turns about an axis, each for itself. Default 1. */
  readonly axisProbability?: number;
  readonly scalingProbability?: number;
  readonly scale?: readonly [number, number];
  /** A factor of its own for every axis. Default false. */
  readonly scaleEachAxis?: boolean;
  /** What takes the nearest voxel instead of interpolating. Default none. */
  readonly nearest?: 'none' | 'labels' | 'images and labels';
}

export interface NnunetSpatialParameters {
  readonly patch: PerAxis;
  /** Row-major 3x3 about the centers, output to input voxels; null: a centered crop. */
  readonly rotation: readonly number[] | null;
  readonly nearest?: 'labels' | 'images and labels';
  /** Where the volume is only a part of the image that the centers are meant of: its size, and the part's first voxel. */
  readonly part?: { readonly whole: PerAxis; readonly start: PerAxis };
}

/** Rows of Rz·Ry·Rx·scale. `angles` in radians about the array axes; `flat`: about the first only, which keeps its scale. */
export function rotationMatrix(angles: PerAxis, scale: number | PerAxis, flat: boolean): number[] {
  const [a, b, c] = angles;
  const scales = typeof scale === 'number' ? [scale, scale, scale] : scale;
  const about = (k: number, angle: number): number[] => {
    const [p, q] = [0, 1, 2].filter((axis) => axis !== k) as [number, number];
    const m = [1, 0, 0, 0, 1, 0, 0, 0, 1];
    // The turn about the middle axis has the other sign: its plane is (last, first).
    const s = (k === 1 ? -1 : 1) * Math.sin(angle);
    m[p * 3 + p] = m[q * 3 + q] = Math.cos(angle);
    m[p * 3 + q] = -s;
    m[q * 3 + p] = s;
    return m;
  };
  if (flat) return about(0, a).map((value, k) => (k === 0 ? 1 : value * scales[k % 3]!));
  return multiply(multiply(about(2, c), about(1, b)), about(0, a)).map((value, k) => value * scales[k % 3]!);
}

function multiply(a: readonly number[], b: readonly number[]): number[] {
  return Array.from({ length: 9 }, (_, k) =>
    [0, 1, 2].reduce((sum, j) => sum + a[Math.floor(k / 3) * 3 + j]! * b[j * 3 + (k % 3)]!, 0),
  );
}

export function nnunetSpatial({
  patch,
  rotation,
  dummy2d = false,
  rotationProbability = 0.2,
  axisProbability = 1,
  scalingProbability = 0.2,
  scale = [0.7, 1.4],
  scaleEachAxis = false,
  nearest = 'none',
}: NnunetSpatialSettings): Transform<NnunetSpatialParameters> {
  const flat = dummy2d || patch[0] === 1;
  return {
    ...nnunetSpatialApplication,
    measures: false,
    sample: (_scene: Scene, rng: Rng) => {
      const turn = rng.uniform() < rotationProbability;
      const about = (): boolean => turn && (axisProbability === 1 || rng.uniform() < axisProbability);
      const angles = rotation.map((range) => (about() ? rng.uniform(-range, range) : 0)) as unknown as PerAxis;
      const resize = rng.uniform() < scalingProbability;
      const drawn = (): number => rng.uniform(scale[0], scale[1]);
      const factor = !resize ? 1 : scaleEachAxis ? ([drawn(), drawn(), drawn()] as const) : drawn();
      return {
        patch,
        rotation: turn || resize ? rotationMatrix(angles, factor, flat) : null,
        ...(nearest === 'none' ? {} : { nearest }),
      };
    },
  };
}

export const nnunetSpatialApplication = {
  name: 'nnunetSpatial',
  apply: (scene: Scene, parameters: NnunetSpatialParameters): Scene =>
    mapVolumes(scene, (volume) => move(volume, parameters)),
};

function move(volume: Volume<Tensor>, { patch, rotation, nearest, part }: NnunetSpatialParameters): Volume<Tensor> {
  const shape = part?.whole ?? volume.grid.shape;
  const outside = volume.kind === 'labels' ? -1 : 0;
  const matrix = rotation ? aboutCenters(rotation, shape, patch) : null;
  const start = cropStart(shape, patch).map((s, axis) => s - (part?.start[axis] ?? 0)) as unknown as PerAxis;
  if (matrix && part) part.start.forEach((s, axis) => (matrix[axis * 4 + 3]! -= s));
  const voxels = matrix
    ? sampleAffine(
        { x: volume.voxels },
        {
          shape: patch,
          matrix,
          interpolation: nearest?.includes(volume.kind === 'labels' ? 'labels' : 'images') ? 'nearest' : 'linear',
          padding: 'zeros',
          fill: outside,
          bounds:
            volume.kind === 'labels'
              ? labelBounds(shape, patch[0] === shape[0] && isFlat(rotation!), part?.start)
              : null,
        },
      )
    : reindex(
        { x: volume.voxels },
        {
          axes: start.map((s, axis) => ({ axis, size: patch[axis]!, rule: 'move', start: s, step: 1 })) as unknown as [
            AxisMap,
            AxisMap,
            AxisMap,
          ],
          boundary: 'constant',
          fill: outside,
        },
      );
  return {
    ...volume,
    grid: {
      shape: patch,
      affine: affineAfter(volume.grid.affine, matrix ?? [1, 0, 0, start[0], 0, 1, 0, start[1], 0, 0, 1, start[2]]),
    },
    voxels,
  };
}

/**
 * Positions that keep their label. The reference compares each normalized coordinate with the outermost voxel center of the
 * axis at the other end of the order, so its limits differ from 0 and n - 1 where the axes differ in length.
 */
function labelBounds(shape: PerAxis, flat: boolean, start: PerAxis = [0, 0, 0]): number[] {
  const other = flat ? [shape[0], shape[2], shape[1]] : [shape[2], shape[1], shape[0]];
  const low = shape.map((n, axis) => (n / other[axis]! - 1) / 2);
  return [...low.map((p, axis) => p - start[axis]!), ...shape.map((n, axis) => n - 1 - low[axis]! - start[axis]!)];
}

function isFlat(rotation: readonly number[]): boolean {
  return rotation[0] === 1 && [1, 2, 3, 6].every((k) => rotation[k] === 0);
}

/** First voxel of the centered crop; negative where the image is smaller. */
export function cropStart(shape: PerAxis, patch: PerAxis): PerAxis {
  return shape.map((n, axis) => Math.floor(n / 2) - Math.floor(patch[axis]! / 2)) as unknown as PerAxis;
}

/** Rows [A | t] that map output indices to input indices when A turns about the centers of both. */
export function aboutCenters(rotation: readonly number[], shape: PerAxis, patch: PerAxis): number[] {
  return [0, 1, 2].flatMap((row) => {
    const a = rotation.slice(row * 3, row * 3 + 3);
    return [...a, (shape[row]! - 1) / 2 - a.reduce((sum, value, axis) => sum + (value * (patch[axis]! - 1)) / 2, 0)];
  });
}

/** The affine of a grid whose voxels take the input index matrix · o. */
export function affineAfter(affine: Float64Array, matrix: readonly number[]): Float64Array {
  const next = new Float64Array(16);
  next[15] = 1;
  for (let row = 0; row < 3; row++)
    for (let k = 0; k < 4; k++)
      next[row * 4 + k] = [0, 1, 2].reduce(
        (sum, j) => sum + affine[row * 4 + j]! * matrix[j * 4 + k]!,
        k === 3 ? affine[row * 4 + 3]! : 0,
      );
  return next;
}
