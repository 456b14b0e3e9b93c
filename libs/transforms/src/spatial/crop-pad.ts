/** Which box: sizes, margins, multiples, foreground. All of them exact moves of voxels. */
import { boundingBox, cast, rangeMask, type Boundary } from '@voxelwise/compute';
import type { PerAxis } from '@voxelwise/volume';
import type { Scene, Transform } from '../contract/transform.ts';
import { TransformError } from '../errors.ts';
import { boxApplication, type BoxParameters } from './index-moves.ts';

export interface Outside {
  readonly boundary?: Boundary;
  readonly fill?: number;
  readonly labelFill?: number;
}

type Box = { readonly start: readonly number[]; readonly shape: readonly number[] };

const parameters = (
  before: readonly number[],
  { start, shape }: Box,
  { boundary = 'constant', fill = 0, labelFill = 0 }: Outside,
): BoxParameters => ({ start, shape, boundary, fill, labelFill, before: [...before] });

function boxTransform(box: (scene: Scene) => Box, outside: Outside = {}): Transform<BoxParameters> {
  return {
    ...boxApplication,
    measures: false,
    sample: (scene) => parameters(scene.images.grid.shape, box(scene), outside),
  };
}

const fullSize = (sizes: readonly (number | null)[], shape: PerAxis): number[] =>
  shape.map((n, axis) => (sizes[axis] !== null && sizes[axis]! > 0 ? sizes[axis]! : n));

/** A box around the center, at most as large as the image; null keeps an axis. */
export function centerCropBox(shape: PerAxis, sizes: readonly (number | null)[]): Box {
  const size = fullSize(sizes, shape);
  const start = shape.map((n, axis) => Math.max(0, Math.floor(n / 2) - Math.floor(size[axis]! / 2)));
  return { start, shape: shape.map((n, axis) => Math.min(n, start[axis]! + size[axis]!) - start[axis]!) };
}
export const centerCrop = (sizes: readonly (number | null)[]): Transform<BoxParameters> =>
  boxTransform(({ images }) => centerCropBox(images.grid.shape, sizes));
/** Shares of the size. */
export const scaleCrop = (shares: readonly number[]): Transform<BoxParameters> =>
  boxTransform(({ images }) =>
    centerCropBox(
      images.grid.shape,
      images.grid.shape.map((n, axis) => Math.ceil(n * (shares[axis] ?? shares[0]!))),
    ),
  );

/** A box from its ends or its center, clipped to the image. */
export function spatialCropBox(
  shape: PerAxis,
  box:
    | { readonly start: readonly number[]; readonly end: readonly number[] }
    | { readonly center: readonly number[]; readonly size: readonly number[] },
): Box {
  const from =
    'start' in box
      ? box.start.map((s) => Math.max(0, s))
      : box.center.map((c, axis) => Math.max(0, c - Math.floor(box.size[axis]! / 2)));
  const end = shape.map((n, axis) =>
    Math.min(n, Math.max(from[axis]!, 'start' in box ? box.end[axis]! : from[axis]! + box.size[axis]!)),
  );
  return { start: from, shape: end.map((e, axis) => e - from[axis]!) };
}
export const spatialCrop = (box: Parameters<typeof spatialCropBox>[1]): Transform<BoxParameters> =>
  boxTransform(({ images }) => spatialCropBox(images.grid.shape, box));

/** At least `sizes`; the odd voxel goes behind (`symmetric`), or everything (`end`). */
export function padBox(
  shape: PerAxis,
  sizes: readonly (number | null)[],
  side: 'symmetric' | 'end' = 'symmetric',
): Box {
  const missing = fullSize(sizes, shape).map((size, axis) => Math.max(0, size - shape[axis]!));
  return {
    start: missing.map((total) => (side === 'end' ? 0 : 0 - Math.floor(total / 2))),
    shape: missing.map((total, axis) => shape[axis]! + total),
  };
}
export const pad = (
  sizes: readonly (number | null)[],
  outside: Outside & { readonly side?: 'symmetric' | 'end' } = {},
): Transform<BoxParameters> => boxTransform(({ images }) => padBox(images.grid.shape, sizes, outside.side), outside);

/** A border of one number, one per axis, or (before, after) per axis. Negative numbers crop. */
export function borderBox(shape: PerAxis, border: number | readonly number[]): Box {
  const list = typeof border === 'number' ? [border, border, border] : border;
  const [before, after] =
    list.length === 6
      ? [
          [0, 2, 4],
          [1, 3, 5],
        ].map((places) => places.map((k) => list[k]!))
      : [list, list];
  return { start: before!.map((b) => 0 - b), shape: shape.map((n, axis) => n + before![axis]! + after![axis]!) };
}
export const borderPad = (border: number | readonly number[], outside: Outside = {}): Transform<BoxParameters> =>
  boxTransform(({ images }) => borderBox(images.grid.shape, border), outside);

/** The next multiple along every axis. */
export const padToMultiple = (
  multiple: number | readonly number[],
  outside: Outside & { readonly side?: 'symmetric' | 'end' } = {},
): Transform<BoxParameters> =>
  boxTransform(
    ({ images }) =>
      padBox(
        images.grid.shape,
        images.grid.shape.map((n, axis) => multipleAbove(n, typeof multiple === 'number' ? multiple : multiple[axis]!)),
        outside.side,
      ),
    outside,
  );

function multipleAbove(n: number, k: number): number {
  if (!(Number.isInteger(k) && k > 0))
    throw new TransformError(`pad: a size is to be a multiple of a positive whole number, came ${k}.`, { multiple: k });
  return Math.ceil(n / k) * k;
}

/** Exactly `sizes`: padded where smaller, cropped about the center where larger. */
export function padOrCropBox(shape: PerAxis, sizes: readonly number[], side: 'symmetric' | 'end' = 'symmetric'): Box {
  const padded = padBox(shape, sizes, side);
  const cropped = centerCropBox(padded.shape as unknown as PerAxis, sizes);
  return { start: padded.start.map((s, axis) => s + cropped.start[axis]!), shape: cropped.shape };
}
export const padOrCrop = (
  sizes: readonly number[],
  outside: Outside & { readonly side?: 'symmetric' | 'end' } = {},
): Transform<BoxParameters> =>
  boxTransform(({ images }) => padOrCropBox(images.grid.shape, sizes, outside.side), outside);

/** TorchIO's `CropOrPad`: of an odd difference the larger half goes first. */
export function torchioCropOrPadBox(shape: PerAxis, sizes: readonly number[]): Box {
  return {
    start: shape.map((n, axis) =>
      sizes[axis]! > n ? 0 - Math.ceil((sizes[axis]! - n) / 2) : Math.ceil((n - sizes[axis]!) / 2),
    ),
    shape: sizes,
  };
}
export const torchioCropOrPad = (sizes: readonly number[], outside: Outside = {}): Transform<BoxParameters> =>
  boxTransform(({ images }) => torchioCropOrPadBox(images.grid.shape, sizes), outside);

export interface ForegroundSettings extends Outside {
  /** Foreground: intensities above this in any channel. Default 0. */
  readonly above?: number;
  /** Where foreground is looked for: the images (default), the labels, or a further volume by its name. */
  readonly source?: string;
  /** Voxels around the box. */
  readonly margin?: number | readonly number[];
  /** The box grows to multiples of this. */
  readonly multiple?: number | readonly number[];
  /** Clip the box to the image instead of padding. */
  readonly insideOnly?: boolean;
}

/** From a tight box (start and end) to the box that is cut. */
export function foregroundBox(
  shape: PerAxis,
  tight: readonly number[],
  { margin = 0, multiple = 1, insideOnly = false }: ForegroundSettings,
): Box {
  const perAxis = (value: number | readonly number[], axis: number): number =>
    typeof value === 'number' ? value : value[axis]!;
  let start = shape.map((_, axis) => tight[axis]! - perAxis(margin, axis));
  let end = shape.map((_, axis) => tight[axis + 3]! + perAxis(margin, axis));
  if (insideOnly) {
    start = start.map((s) => Math.max(0, s));
    end = end.map((e, axis) => Math.min(shape[axis]!, e));
  }
  const size = end.map((e, axis) => multipleAbove(e - start[axis]!, perAxis(multiple, axis)));
  const grown = size.map((n, axis) => start[axis]! - Math.floor((n - (end[axis]! - start[axis]!)) / 2));
  return { start: grown, shape: size };
}

/** Crops to what is brighter than a threshold. Throws: TransformError if nothing is. */
export function cropForeground(settings: ForegroundSettings = {}): Transform<BoxParameters> {
  const { above = 0, source = 'images' } = settings;
  return {
    ...boxApplication,
    sample: async (scene) => {
      const volume = source === 'images' ? scene.images : source === 'labels' ? scene.labels : scene.volumes?.[source];
      if (volume === undefined)
        throw new TransformError(`cropForeground: case ${scene.id} has no '${source}' to look for foreground in.`, {
          case: scene.id,
          source,
        });
      const x = volume.voxels.dtype === 'f32' ? volume.voxels : cast({ x: volume.voxels }, { dtype: 'f32' });
      const mask = rangeMask({ x }, { low: nextAbove(above), high: null });
      if (x !== volume.voxels) x.dispose();
      const box = boundingBox({ mask });
      const tight = [...(await box.read())];
      mask.dispose();
      box.dispose();
      if (tight[3] === 0)
        throw new TransformError(
          `cropForeground: nothing in case ${scene.id} is above ${above}; check the intensities or lower the threshold.`,
          { case: scene.id, above },
        );
      return parameters(scene.images.grid.shape, foregroundBox(scene.images.grid.shape, tight, settings), settings);
    },
  };
}

/** The least 32-bit float above a number. */
function nextAbove(value: number): number {
  const floats = new Float32Array([value]);
  const bits = new Int32Array(floats.buffer);
  if (floats[0]! > value) return floats[0]!;
  if (floats[0] === 0) bits[0] = 1;
  else bits[0]! += floats[0]! > 0 ? 1 : -1;
  return floats[0]!;
}
