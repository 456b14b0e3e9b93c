/**
 * nnU-Net's preprocessing of one case: transpose, crop to the non-zero region, normalize, resample, sample class voxels.
 * Source: nnU-Net v2, DefaultPreprocessor.
 */
import {
  boundingBox,
  fillHoles,
  labelOutside,
  nonzeroMask,
  rangeMask,
  reindex,
  tensor,
  Tensor,
  type AxisMap,
  type Device,
} from '@voxelwise/compute';
import {
  spacing as spacingOf,
  type Case,
  type Grid,
  type PerAxis,
  type Volume,
  type VoxelArray,
} from '@voxelwise/volume';
import { TransformError } from '../errors.ts';
import { sampleClassLocations, type ClassLocations } from './class-locations.ts';
import { normalize } from './normalization.ts';
import { newShape, resampleData, resampleLabels } from './resampling.ts';
import type { PreprocessProperties, PreprocessSettings } from './settings.ts';

export interface Preprocessed {
  /** On the model's grid: images f32, labels (where the case has any) i32 with -1 outside the non-zero region. The caller disposes them. */
  readonly case: Case<Tensor>;
  readonly properties: PreprocessProperties;
  /** Present if the case has labels and the settings name a foreground. */
  readonly classLocations?: ClassLocations;
}

/** How the millimetres per voxel are known, where the affine is not what the file's reader would say. */
export interface PreprocessOptions {
  /** Millimetres per voxel, array order of the file. Default: from the grid's affine. */
  readonly spacing?: PerAxis;
}

const CUBIC = { order: 3, forceSeparateZ: null } as const;
const LINEAR = { order: 1, forceSeparateZ: null } as const;

/**
 * Shape: images [C, z, y, x] -> [C, ...properties.shape].
 * Throws: TransformError, naming the case, if settings and case do not fit.
 */
export async function preprocess(
  subject: Case | Case<Tensor>,
  settings: PreprocessSettings,
  device: Device,
  options: PreprocessOptions = {},
): Promise<Preprocessed> {
  const { transposeForward: order, resampling = {} } = settings;
  const owned: Tensor[] = [];
  const own = (made: Tensor): Tensor => (owned.push(made), made);
  try {
    const { images, labels } = subject;
    if ([...order].sort().join() !== '0,1,2')
      throw new TransformError(
        `preprocess: transposeForward is a permutation of 0, 1, 2, came [${order.join(', ')}].`,
        { transposeForward: order },
      );
    if (labels && labels.grid.shape.some((n, axis) => n !== images.grid.shape[axis]))
      throw new TransformError(
        `preprocess: case ${subject.id} has images of [${images.grid.shape.join(', ')}] and labels of [${labels.grid.shape.join(', ')}] voxels.`,
        { case: subject.id },
      );
    if (labels && labels.channels.length !== 1)
      throw new TransformError(
        `preprocess: the labels of case ${subject.id} have ${labels.channels.length} channels; expected one.`,
        { case: subject.id },
      );
    const raw = upload(images, device, 'f32', own);
    const filled = own(fillHoles({ mask: own(nonzeroMask({ x: raw })) }));
    const found = [...(await own(boundingBox({ mask: filled })).read())];
    const empty = found[3] === 0;
    const whole = images.grid.shape;
    const start = order.map((axis) => (empty ? 0 : found[axis]!)) as unknown as PerAxis;
    const end = order.map((axis) => (empty ? whole[axis]! : found[axis + 3]!)) as unknown as PerAxis;
    const axes = order.map((axis, k) => ({
      axis,
      size: end[k]! - start[k]!,
      rule: 'move',
      start: start[k]!,
      step: 1,
    })) as unknown as [AxisMap, AxisMap, AxisMap];
    const unchanged = axes.every(({ axis, size }, k) => axis === k && size === whole[axis]!);
    const crop = (x: Tensor): Tensor => (unchanged ? x : own(reindex({ x }, { axes })));
    const image = crop(raw);
    const mask = crop(filled);
    const segmentation = labels
      ? own(labelOutside({ labels: crop(upload(labels, device, 'i32', own)), mask }, { outside: -1 }))
      : undefined;
    await device.flush();
    if (raw !== image && raw !== (images.voxels as unknown)) raw.dispose();

    const spacing = options.spacing ?? spacingOf(images.grid);
    const current = order.map((axis) => spacing[axis]!) as unknown as PerAxis;
    const target = (settings.spacing.length === 2
      ? [current[0], ...settings.spacing]
      : settings.spacing) as unknown as PerAxis;
    const cropped = axes.map(({ size }) => size) as unknown as PerAxis;
    const shape = newShape(cropped, current, target);
    const inside = segmentation ? own(rangeMask({ x: segmentation }, { low: 0, high: null })) : mask;
    const normalized = own(await normalize(image, inside, settings));
    if (normalized !== image && image !== (images.voxels as unknown)) image.dispose();
    const data = resampleData(normalized, shape, current, target, resampling.data ?? CUBIC);
    const seg =
      segmentation && (await resampleLabels(segmentation, shape, current, target, resampling.labels ?? LINEAR));
    await device.flush();

    const grid = gridAfter(images.grid, order, start, cropped, shape);
    const result: Preprocessed = {
      case: {
        id: subject.id,
        images: { grid, kind: 'intensity', channels: images.channels, voxels: data },
        ...(seg ? { labels: { grid, kind: 'labels', channels: labels!.channels, voxels: seg } } : {}),
      },
      properties: {
        spacing,
        transposeForward: order,
        shapeBeforeCropping: order.map((axis) => whole[axis]!) as unknown as PerAxis,
        box: { start, end },
        shapeAfterCropping: cropped,
        shape,
        targetSpacing: target,
      },
      ...(seg && settings.foreground
        ? { classLocations: sampleClassLocations(await seg.read(), settings.foreground, settings.annotated) }
        : {}),
    };
    const kept = new Set<unknown>([data, seg, images.voxels, labels?.voxels]);
    for (const made of owned) if (!kept.has(made)) made.dispose();
    return result;
  } catch (error) {
    for (const made of owned) made.dispose();
    throw error;
  }
}

function upload(
  volume: Volume<VoxelArray> | Volume<Tensor>,
  device: Device,
  dtype: 'f32' | 'i32',
  own: (made: Tensor) => Tensor,
): Tensor {
  const { voxels } = volume;
  if (voxels instanceof Tensor) return voxels;
  const shape = [volume.channels.length, ...volume.grid.shape];
  if (voxels.length !== shape.reduce((a, b) => a * b, 1))
    throw new TransformError(
      `preprocess: ${voxels.length} voxels do not fill [${shape.join(', ')}]; channels and voxels must agree.`,
      { voxels: voxels.length, shape },
    );
  const Numbers = dtype === 'f32' ? Float32Array : Int32Array;
  return own(tensor(device, voxels instanceof Numbers ? voxels : new Numbers(voxels), shape));
}

/** The grid of the preprocessed image: transposed, cropped, then resampled with the box's outer faces where they were. */
function gridAfter({ affine }: Grid, order: PerAxis, start: PerAxis, cropped: PerAxis, shape: PerAxis): Grid {
  const next = new Float64Array(16);
  next[15] = 1;
  for (let row = 0; row < 3; row++) {
    next[row * 4 + 3] = affine[row * 4 + 3]!;
    for (let k = 0; k < 3; k++) {
      const column = affine[row * 4 + order[k]!]!;
      const scale = cropped[k]! / shape[k]!;
      next[row * 4 + k] = column * scale;
      next[row * 4 + 3]! += column * (start[k]! + (scale - 1) / 2);
    }
  }
  return { shape, affine: next };
}
