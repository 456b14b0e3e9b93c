/** Other sizes for the same extent: resize and zoom. */
import { blur, reindex, sampleAffine, type AxisMap, type Tensor } from '@voxelwise/compute';
import type { PerAxis, Volume } from '@voxelwise/volume';
import { readVoxels, withVoxels } from '../contract/host.ts';
import type { Application, Scene, Transform } from '../contract/transform.ts';
import { TransformError } from '../errors.ts';
import { roundHalfEven } from '../nnunet/resampling.ts';
import { erfTaps } from '../intensity/gaussian-taps.ts';
import { regrid } from './matrix.ts';
import { boxApplication } from './index-moves.ts';
import { centerCropBox, padBox } from './crop-pad.ts';
import { readGrid, recordGrid, type GridRecord } from './placed.ts';

/** `area` averages over the covered voxels; `nearest` takes floor(i · n / m), `nearest-exact` floor((i + 0.5) · n / m). */
export type ResizeMode = 'area' | 'linear' | 'nearest' | 'nearest-exact';

export interface ResizeParameters {
  readonly shape: readonly number[];
  readonly mode: ResizeMode;
  readonly labelMode: ResizeMode;
  readonly alignCorners: boolean;
  /** Blur before shrinking, sigma (n / m - 1) / 2 voxels. */
  readonly antiAliasing: boolean;
  readonly before: GridRecord;
}

export const resizeApplication: Application<ResizeParameters> = {
  name: 'resize',
  apply: async (scene, parameters) => {
    const one = (volume: Volume<Tensor>): Promise<Volume<Tensor>> => resized(volume, parameters);
    const volumes: Record<string, Volume<Tensor>> = {};
    for (const [name, volume] of Object.entries(scene.volumes ?? {})) volumes[name] = await one(volume);
    return {
      ...scene,
      images: await one(scene.images),
      ...(scene.labels ? { labels: await one(scene.labels) } : {}),
      ...(scene.volumes ? { volumes } : {}),
    };
  },
  invert: (volume, { before, alignCorners }) => {
    const grid = readGrid(before);
    const voxels =
      volume.kind === 'labels'
        ? byIndex(volume.voxels, grid.shape, 'nearest')
        : linearly(volume.voxels, grid.shape, alignCorners);
    return { ...volume, grid, voxels };
  },
};

async function resized(
  volume: Volume<Tensor>,
  { shape, mode, labelMode, alignCorners, antiAliasing }: ResizeParameters,
): Promise<Volume<Tensor>> {
  const from = volume.grid.shape;
  const to = shape as PerAxis;
  if (!to.every((n) => Number.isInteger(n) && n > 0))
    throw new TransformError(`resize: sizes are positive whole numbers, came [${to.join(', ')}].`, { shape });
  const scale = from.map((n, axis) => n / to[axis]!);
  const matrix = scale.flatMap((s, row) => [0, 1, 2].map((k): number => (k === row ? s : 0)).concat((s - 1) / 2));
  const grid = regrid(volume.grid, matrix, to);
  const wanted = volume.kind === 'labels' ? labelMode : mode;
  let x = volume.voxels;
  if (antiAliasing && volume.kind === 'intensity') {
    const taps = scale.map((s) => (s > 1 ? erfTaps((s - 1) / 2) : [1]));
    x = blur({ x }, { boundary: 'zeros', channels: Array.from({ length: x.shape[0]! }, () => taps) });
  }
  if (wanted === 'linear') return { ...volume, grid, voxels: linearly(x, to, alignCorners) };
  if (wanted !== 'area') return { ...volume, grid, voxels: byIndex(x, to, wanted === 'nearest' ? 'floor' : 'nearest') };
  const voxels = await readVoxels({ ...volume, voxels: x });
  return { ...withVoxels(volume, averaged(voxels.data, voxels.shape, to)), grid };
}

function linearly(x: Tensor, to: PerAxis, alignCorners: boolean): Tensor {
  const from = x.shape.slice(1);
  const matrix = from.flatMap((n, row) => {
    const m = to[row]!;
    const scale = alignCorners ? (m > 1 ? (n - 1) / (m - 1) : 0) : n / m;
    return [0, 1, 2].map((k): number => (k === row ? scale : 0)).concat(alignCorners ? 0 : (scale - 1) / 2);
  });
  return sampleAffine({ x }, { shape: to, matrix, interpolation: 'linear', padding: 'border' });
}

const byIndex = (x: Tensor, to: PerAxis, rule: 'nearest' | 'floor'): Tensor =>
  reindex(
    { x },
    {
      axes: to.map((size, axis) => ({ axis, size, rule, start: 0, step: 1 })) as unknown as [AxisMap, AxisMap, AxisMap],
    },
  );

/** Adaptive averages: output i is the mean of floor(i·n/m) … ceil((i+1)·n/m). */
function averaged(
  data: Float64Array,
  shape: readonly number[],
  to: readonly number[],
): { data: Float64Array; shape: number[] } {
  let current = data;
  const sizes = [...shape];
  for (let axis = 1; axis < 4; axis++) {
    const [n, m] = [sizes[axis]!, to[axis - 1]!];
    const inner = sizes.slice(axis + 1).reduce((a, b) => a * b, 1);
    const outer = sizes.slice(0, axis).reduce((a, b) => a * b, 1);
    const next = new Float64Array(outer * m * inner);
    for (let i = 0; i < m; i++) {
      const start = Math.floor((i * n) / m);
      const end = Math.ceil(((i + 1) * n) / m);
      for (let o = 0; o < outer; o++)
        for (let k = 0; k < inner; k++) {
          let sum = 0;
          for (let j = start; j < end; j++) sum += current[(o * n + j) * inner + k]!;
          next[(o * m + i) * inner + k] = sum / (end - start);
        }
    }
    current = next;
    sizes[axis] = m;
  }
  return { data: current, shape: sizes };
}

export interface ResizeSettings {
  /** One number with `longest`: the longest side gets it, the others follow. */
  readonly shape: readonly number[] | { readonly longest: number };
  readonly mode?: ResizeMode;
  readonly labelMode?: ResizeMode;
  readonly alignCorners?: boolean;
  readonly antiAliasing?: boolean;
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
  readonly keep: { readonly shape: readonly number[]; readonly boundary: 'edge' | 'constant' } | null;
}

export const zoomApplication: Application<ZoomParameters> = {
  name: 'zoom',
  apply: async (scene, parameters) => {
    const zoomed = await resizeApplication.apply(scene, parameters);
    return parameters.keep ? boxApplication.apply(zoomed, keepBox(parameters)) : zoomed;
  },
  invert: (volume, parameters) =>
    resizeApplication.invert!(
      parameters.keep ? boxApplication.invert(volume, keepBox(parameters)) : volume,
      parameters,
    ),
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
  readonly boundary?: 'edge' | 'constant';
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
