/** Other sizes for the same extent: resize and zoom. */
import {
  blur,
  reindex,
  reshape,
  resize as resizeTensor,
  sampleAffine,
  scope,
  type AxisMap,
  type Boundary,
  type Tensor,
} from '@voxelwise/compute';
import type { PerAxis, Volume } from '@voxelwise/volume';
import { mapVolumes, type Application, type Scene, type Transform } from '../contract/transform.ts';
import { TransformError } from '../errors.ts';
import { roundHalfEven } from '../nnunet/resampling.ts';
import { erfTaps } from '../intensity/gaussian-taps.ts';
import { regrid } from './matrix.ts';
import { boxApplication } from './index-moves.ts';
import { centerCropBox, padBox } from './crop-pad.ts';
import { readGrid, recordGrid, type GridRecord } from './placed.ts';

/**
 * `area` averages over the covered voxels, `linear` and `cubic` interpolate; `nearest` takes floor(i · n / m), `nearest-exact`
 * floor((i + 0.5) · n / m): PyTorch's modes.
 */
export type ResizeMode = 'area' | 'linear' | 'cubic' | 'nearest' | 'nearest-exact';
/** With `linear` a voxel gets the label of the greatest weight. */
export type LabelResizeMode = 'linear' | 'nearest' | 'nearest-exact';

export interface ResizeParameters {
  readonly shape: readonly number[];
  readonly mode: ResizeMode;
  readonly labelMode: LabelResizeMode;
  readonly alignCorners: boolean;
  /** Blur before shrinking: true for sigma (n / m - 1) / 2 voxels, or sigmas per axis. */
  readonly antiAliasing: boolean | readonly number[];
  readonly before: GridRecord;
}

export interface ResizeApplication<P extends ResizeParameters = ResizeParameters> extends Application<P> {
  apply(to: Scene, parameters: P): Scene;
  invert(volume: Volume<Tensor>, parameters: P): Volume<Tensor>;
}

/** The way back reads as the way there did. */
export const resizeApplication: ResizeApplication = {
  name: 'resize',
  apply: (scene, parameters) => mapVolumes(scene, (volume) => resized(volume, parameters)),
  invert: (volume, { before, ...how }) => {
    const grid = readGrid(before);
    return { ...volume, grid, voxels: resizeVoxels(volume, grid.shape, how) };
  },
};

function resized(volume: Volume<Tensor>, { shape, antiAliasing, ...how }: ResizeParameters): Volume<Tensor> {
  const from = volume.grid.shape;
  const to = shape as PerAxis;
  if (to.length !== 3 || !to.every((n) => Number.isInteger(n) && n > 0))
    throw new TransformError(`resize: sizes are three positive whole numbers, came [${to.join(', ')}].`, { shape });
  const scale = from.map((n, axis) => n / to[axis]!);
  const matrix = scale.flatMap((s, row) => [0, 1, 2].map((k): number => (k === row ? s : 0)).concat((s - 1) / 2));
  const grid = regrid(volume.grid, matrix, to);
  if (antiAliasing === false || volume.kind === 'labels')
    return { ...volume, grid, voxels: resizeVoxels(volume, to, how) };
  const voxels = scope(() => {
    const taps = scale.map((s, axis) => {
      const sigma = antiAliasing === true ? (s - 1) / 2 : antiAliasing[axis]!;
      return s > 1 && sigma > 0 ? erfTaps(sigma) : [1];
    });
    const x = blur({ x: volume.voxels }, { boundary: 'zeros', channels: volume.channels.map(() => taps) });
    return resizeVoxels({ ...volume, voxels: x }, to, how);
  });
  return { ...volume, grid, voxels };
}

type How = Pick<ResizeParameters, 'mode' | 'labelMode' | 'alignCorners'>;

function resizeVoxels(
  { kind, voxels: x }: Volume<Tensor>,
  to: PerAxis,
  { mode, labelMode, alignCorners }: How,
): Tensor {
  const wanted = kind === 'labels' ? labelMode : mode;
  if (wanted === 'nearest' || wanted === 'nearest-exact') {
    const rule = wanted === 'nearest' ? 'floor' : 'nearest';
    const axes = to.map((size, axis) => ({ axis, size, rule, start: 0, step: 1 }));
    return reindex({ x }, { axes: axes as unknown as [AxisMap, AxisMap, AxisMap] });
  }
  const [channels, ...from] = x.shape as [number, number, number, number];
  if (kind === 'labels') {
    const matrix = from.flatMap((n, row) => {
      const m = to[row]!;
      const scale = alignCorners ? (m > 1 ? (n - 1) / (m - 1) : 0) : n / m;
      return [0, 1, 2].map((k): number => (k === row ? scale : 0)).concat(alignCorners ? 0 : (scale - 1) / 2);
    });
    return sampleAffine({ x }, { shape: to, matrix, interpolation: 'linear', padding: 'border' });
  }
  return scope(() =>
    reshape(
      {
        x: resizeTensor(
          { x: reshape({ x }, { shape: [1, channels, ...from] }) },
          { size: to, mode: wanted, alignCorners },
        ),
      },
      { shape: [channels, ...to] },
    ),
  );
}

export interface ResizeSettings {
  /** One number with `longest`: the longest side gets it, the others follow. */
  readonly shape: readonly number[] | { readonly longest: number };
  readonly mode?: ResizeMode;
  readonly labelMode?: LabelResizeMode;
  readonly alignCorners?: boolean;
  readonly antiAliasing?: boolean | readonly number[];
}

export function resize({
  shape,
  mode = 'linear',
  labelMode = 'nearest-exact',
  alignCorners = false,
  antiAliasing = false,
}: ResizeSettings): Transform<ResizeParameters> {
  return {
    ...resizeApplication,
    measures: false,
    sample: ({ images }) => ({
      shape: 'longest' in shape ? longestSide(images.grid.shape, shape.longest) : shape,
      mode,
      labelMode,
      alignCorners,
      antiAliasing,
      before: recordGrid(images.grid),
    }),
  };
}

function longestSide(shape: PerAxis, longest: number): number[] {
  const scale = longest / Math.max(...shape);
  return shape.map((n) => Math.max(1, roundHalfEven(n * scale)));
}

export interface ZoomParameters extends ResizeParameters {
  /** The size kept in the end, with what lies beyond; null: the zoomed size. */
  readonly keep: { readonly shape: readonly number[]; readonly boundary: Boundary } | null;
}

export const zoomApplication: ResizeApplication<ZoomParameters> = {
  name: 'zoom',
  apply: (scene, parameters) => {
    const zoomed = resizeApplication.apply(scene, parameters);
    return parameters.keep ? boxApplication.apply(zoomed, keepBox(parameters)) : zoomed;
  },
  invert: (volume, parameters) =>
    resizeApplication.invert(parameters.keep ? boxApplication.invert(volume, keepBox(parameters)) : volume, parameters),
};

function keepBox({ shape, keep }: ZoomParameters): Parameters<typeof boxApplication.apply>[1] {
  const padded = padBox(shape as PerAxis, keep!.shape);
  const cropped = centerCropBox(padded.shape as unknown as PerAxis, keep!.shape);
  return {
    start: padded.start.map((s, axis) => s + cropped.start[axis]!),
    shape: cropped.shape,
    boundary: keep!.boundary,
    fill: 0,
    labelFill: 0,
    before: shape,
  };
}

/** Magnifies (above 1) or shrinks what is seen; the size stays unless `keepSize` is false. */
export function zoom({
  factor,
  keepSize = true,
  boundary = 'edge',
  mode = 'area',
  labelMode = 'nearest-exact',
  alignCorners = false,
}: {
  readonly factor: number | readonly number[];
  readonly keepSize?: boolean;
  readonly boundary?: Boundary;
} & Omit<ResizeSettings, 'shape' | 'antiAliasing'>): Transform<ZoomParameters> {
  return {
    ...zoomApplication,
    measures: false,
    sample: ({ images }: Scene) => {
      const { shape } = images.grid;
      const factors = shape.map((_, axis) => (typeof factor === 'number' ? factor : factor[axis]!));
      if (!factors.every((f) => f > 0))
        throw new TransformError(`zoom: factors are positive, came [${factors.join(', ')}].`, { factor });
      const target = shape.map((n, axis) => (n === 1 ? 1 : Math.max(1, Math.floor(n * factors[axis]!))));
      return {
        shape: target,
        mode,
        labelMode,
        alignCorners,
        antiAliasing: false,
        before: recordGrid(images.grid),
        keep: keepSize ? { shape, boundary } : null,
      };
    },
  };
}
