/** Where random crops go: balanced between foreground and background or between classes, weighted, or anywhere. */
import type { Rng } from '@voxelwise/compute';
import type { PerAxis } from '@voxelwise/volume';
import type { Scene, Transform } from '../contract/transform.ts';
import { TransformError } from '../errors.ts';
import { boxApplication, type BoxParameters } from './index-moves.ts';

/** The draws that crops need; NumPy's legacy generator gives MONAI's crops. */
export interface CropDraw {
  /** In [0, 1). */
  randomSample(): number;
  randint(low: number, high: number): number;
}

export const cropDraw = (rng: Rng): CropDraw => ({
  randomSample: () => rng.uniform(),
  randint: (low, high) => rng.integer(low, high),
});

/** Voxels of the foreground (label above 0) and of the background (the others, where the image is above a threshold if one is given). */
export function foregroundIndices(
  labels: ArrayLike<number>,
  image?: ArrayLike<number>,
  threshold = 0,
): { readonly foreground: Uint32Array; readonly background: Uint32Array } {
  const foreground: number[] = [];
  const background: number[] = [];
  for (let v = 0; v < labels.length; v++) {
    if (labels[v]! > 0) foreground.push(v);
    else if (!image || image[v]! > threshold) background.push(v);
  }
  return { foreground: Uint32Array.from(foreground), background: Uint32Array.from(background) };
}

/** Voxels of each class 0 … count - 1. */
export function classIndices(labels: ArrayLike<number>, count: number): Uint32Array[] {
  const lists = Array.from({ length: count }, () => [] as number[]);
  for (let v = 0; v < labels.length; v++) lists[labels[v]!]?.push(v);
  return lists.map((list) => Uint32Array.from(list));
}

/** A center moved so that the box lies inside the image, as MONAI moves it. */
export function fitCenter(center: readonly number[], size: readonly number[], shape: PerAxis): number[] {
  return center.map((c, axis) => {
    const low = Math.floor(size[axis]! / 2);
    const end = Math.trunc(shape[axis]! + 1 - size[axis]! / 2);
    return Math.min(Math.max(c, low), Math.max(end, low + 1) - 1);
  });
}

const placeOf = (v: number, shape: PerAxis): number[] => [
  Math.floor(v / (shape[1] * shape[2])),
  Math.floor(v / shape[2]) % shape[1],
  v % shape[2],
];

function checkSize(name: string, size: readonly number[], shape: PerAxis): void {
  if (size.some((n, axis) => !(n > 0) || n > shape[axis]!))
    throw new TransformError(
      `${name}: a crop of [${size.join(', ')}] does not fit an image of [${shape.join(', ')}] voxels; pad the image first or take smaller crops.`,
      { size, shape },
    );
}

/**
 * Centers of `count` crops: foreground with probability positive / (positive + negative), else background. If there is
 * only one of the two, all come from it. Throws: TransformError if there is neither, or the crop is larger than the image.
 */
export function balancedCenters(
  random: CropDraw,
  {
    shape,
    size,
    count,
    positive = 1,
    negative = 1,
    foreground,
    background,
  }: {
    readonly shape: PerAxis;
    readonly size: readonly number[];
    readonly count: number;
    readonly positive?: number;
    readonly negative?: number;
    readonly foreground: Uint32Array;
    readonly background: Uint32Array;
  },
): number[][] {
  checkSize('balancedCrops', size, shape);
  if (foreground.length === 0 && background.length === 0)
    throw new TransformError('balancedCrops: the case has neither foreground nor background to crop from.', { shape });
  const share = foreground.length === 0 ? 0 : background.length === 0 ? 1 : positive / (positive + negative);
  return Array.from({ length: count }, () => {
    const list = random.randomSample() < share ? foreground : background;
    return fitCenter(placeOf(list[random.randint(0, list.length)]!, shape), size, shape);
  });
}

/** Centers drawn by class ratios; classes that the case lacks are left out. Throws: TransformError if no class is there. */
export function classCenters(
  random: CropDraw,
  {
    shape,
    size,
    count,
    classes,
    ratios = classes.map(() => 1),
  }: {
    readonly shape: PerAxis;
    readonly size: readonly number[];
    readonly count: number;
    readonly classes: readonly Uint32Array[];
    readonly ratios?: readonly number[];
  },
): number[][] {
  checkSize('classCrops', size, shape);
  const weights = classes.map((list, k) => (list.length > 0 ? ratios[k]! : 0));
  const total = weights.reduce((a, b) => a + b, 0);
  if (!(total > 0))
    throw new TransformError('classCrops: none of the classes with a ratio above 0 is in the case.', {
      ratios,
      voxels: classes.map((list) => list.length),
    });
  let sum = 0;
  const cumulative = weights.map((weight) => (sum += weight / total));
  const last = cumulative.at(-1)!;
  const chosen = Array.from({ length: count }, () => {
    const u = random.randomSample();
    return cumulative.findIndex((edge) => u < edge / last);
  });
  return chosen.map((k) => fitCenter(placeOf(classes[k]![random.randint(0, classes[k]!.length)]!, shape), size, shape));
}

/** Centers drawn in proportion to a map of weights (below 0 counts as 0; all 0: anywhere). */
export function weightedCenters(
  random: CropDraw,
  {
    shape,
    size,
    count,
    weights,
  }: {
    readonly shape: PerAxis;
    readonly size: readonly number[];
    readonly count: number;
    readonly weights: ArrayLike<number>;
  },
): number[][] {
  const start = shape.map((n, axis) => (n > size[axis]! ? Math.floor(size[axis]! / 2) : Math.floor(n / 2)));
  const end = shape.map((n, axis) =>
    n > size[axis]! ? n - size[axis]! + Math.floor(size[axis]! / 2) : Math.floor(n / 2) + 1,
  );
  const inner = end.map((e, axis) => e - start[axis]!) as unknown as PerAxis;
  const cumulative = new Float64Array(inner[0] * inner[1] * inner[2]);
  let sum = 0;
  for (let v = 0; v < cumulative.length; v++) {
    const p = placeOf(v, inner).map((k, axis) => k + start[axis]!);
    sum += Math.max(0, weights[(p[0]! * shape[1] + p[1]!) * shape[2] + p[2]!]!);
    cumulative[v] = sum;
  }
  const drawn = Array.from({ length: count }, () =>
    sum > 0 ? random.randomSample() * sum : random.randint(0, cumulative.length),
  );
  return drawn.map((value) => {
    let v = sum > 0 ? 0 : value;
    if (sum > 0) {
      let [low, high] = [0, cumulative.length];
      while (low < high) {
        const middle = (low + high) >> 1;
        if (cumulative[middle]! > value) high = middle;
        else low = middle + 1;
      }
      v = low;
    }
    return placeOf(v, inner).map((k, axis) => k + Math.floor(Math.min(size[axis]!, shape[axis]!) / 2));
  });
}

/** The box of a center: starts half a size before it. */
export const boxAround = (center: readonly number[], size: readonly number[], shape: PerAxis): BoxParameters => ({
  start: center.map((c, axis) => Math.max(0, c - Math.floor(size[axis]! / 2))),
  shape: [...size],
  boundary: 'constant',
  fill: 0,
  labelFill: 0,
  before: [...shape],
});

/** A box that lies inside the image, its size drawn up to `largest` where that is given; in MONAI's order of draws. */
export function anyBox(
  random: CropDraw,
  {
    shape,
    size,
    largest,
  }: { readonly shape: PerAxis; readonly size: readonly number[]; readonly largest?: readonly number[] },
): { readonly start: number[]; readonly size: number[] } {
  checkSize('randomCrop', size, shape);
  if (largest) checkSize('randomCrop', largest, shape);
  if (largest?.some((n, axis) => n < size[axis]!))
    throw new TransformError(
      `randomCrop: the largest size [${largest.join(', ')}] is below the smallest [${size.join(', ')}].`,
      { size, largest },
    );
  const drawn = size.map((n, axis) => (largest ? random.randint(n, largest[axis]! + 1) : n));
  return {
    size: drawn,
    start: shape.map((n, axis) => (n > drawn[axis]! ? random.randint(0, n - drawn[axis]! + 1) : 0)),
  };
}

/** A box anywhere inside the image; with `largest` of a random size between the two. */
export const randomCrop = (size: readonly number[], largest?: readonly number[]): Transform<BoxParameters> => ({
  ...boxApplication,
  measures: false,
  sample: ({ images }: Scene, rng: Rng) => {
    const { shape } = images.grid;
    const box = anyBox(cropDraw(rng), { shape, size, ...(largest ? { largest } : {}) });
    return { ...boxAround([0, 0, 0], box.size, shape), start: box.start };
  },
});

export interface BalancedCropSettings {
  readonly size: readonly number[];
  readonly positive?: number;
  readonly negative?: number;
  /** Background only where the image is above this; absent: anywhere. */
  readonly imageAbove?: number;
}

/** Several balanced crops of a scene; the voxels are looked through once. */
export async function balancedCrops(
  scene: Scene,
  { count, imageAbove, ...settings }: BalancedCropSettings & { readonly count: number },
  rng: Rng,
): Promise<Scene[]> {
  if (!scene.labels)
    throw new TransformError(`balancedCrops: case ${scene.id} has no labels to balance by.`, { case: scene.id });
  const { shape } = scene.images.grid;
  const labels = await scene.labels.voxels.read();
  const image = imageAbove === undefined ? undefined : await scene.images.voxels.read();
  const centers = balancedCenters(cropDraw(rng), {
    ...settings,
    shape,
    count,
    ...foregroundIndices(labels.subarray(0, shape[0] * shape[1] * shape[2]), image, imageAbove),
  });
  return centers.map((center) => {
    const parameters = boxAround(center, settings.size, shape);
    return {
      ...boxApplication.apply(scene, parameters),
      history: [...(scene.history ?? []), { name: 'box', parameters }],
    };
  });
}

/** One balanced crop as a transform. */
export const balancedCrop = (settings: BalancedCropSettings): Transform<BoxParameters> => ({
  ...boxApplication,
  sample: async (scene, rng) => {
    const [crop] = await balancedCrops(scene, { ...settings, count: 1 }, rng);
    return crop!.history!.at(-1)!.parameters as BoxParameters;
  },
});
