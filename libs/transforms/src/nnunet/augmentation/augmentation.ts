/**
 * nnU-Net's training augmentation of one patch: a list of transforms, and a fast way through it for patches on the host.
 * Source: nnU-Net v2's default trainer.
 */
import { tensor, type Device, type Rng } from '@voxelwise/compute';
import { alignedGrid, type PerAxis } from '@voxelwise/volume';
import type { Scene, Transform } from '../../contract/transform.ts';
import { withProbability, type Maybe } from '../../compose/with-probability.ts';
import { TransformError } from '../../errors.ts';
import { da5Spatial, da5Steps } from './da5.ts';
import {
  nnunetBlur,
  nnunetBrightness,
  nnunetContrast,
  nnunetGamma,
  nnunetLowResolution,
  nnunetMask,
  nnunetNoise,
  nnunetOutsideToBackground,
} from './intensity.ts';
import { mirror } from './mirror.ts';
import {
  aboutCenters,
  cropStart,
  nnunetSpatial,
  nnunetSpatialApplication,
  type NnunetSpatialParameters,
  type NnunetSpatialSettings,
} from './spatial.ts';

export interface NnunetAugmentationSettings extends NnunetSpatialSettings {
  /** Whose chance: the default trainer's, or that of nnUNetTrainerDA5, which changes patches more. */
  readonly recipe?: 'default' | 'da5';
  /** Array axes that may be mirrored. */
  readonly mirrorAxes: readonly number[];
  /** Channels set to 0 outside the labeled region (those normalized under a mask). */
  readonly maskChannels?: readonly number[];
}

/** A cut of a case on the host: image [C, z, y, x], labels [L, z, y, x] with -1 outside. */
export interface Cut {
  readonly shape: PerAxis;
  readonly image: Float32Array;
  readonly labels: Int16Array;
}

/** The default trainer's steps after the spatial one, in order. */
export function nnunetIntensityAugmentation({
  dummy2d = false,
  mirrorAxes,
  maskChannels = [],
}: Pick<NnunetAugmentationSettings, 'dummy2d' | 'mirrorAxes' | 'maskChannels'>): readonly Transform<unknown>[] {
  const sometimes = <P>(p: number, transform: Transform<P>): Transform<unknown> =>
    withProbability(p, transform) as Transform<Maybe<P>> as Transform<unknown>;
  return [
    sometimes(0.1, nnunetNoise()),
    sometimes(0.2, nnunetBlur()),
    sometimes(0.15, nnunetBrightness()),
    sometimes(0.15, nnunetContrast()),
    sometimes(0.25, nnunetLowResolution(dummy2d ? [0] : [])),
    sometimes(0.1, nnunetGamma(true)),
    sometimes(0.3, nnunetGamma(false)),
    ...(mirrorAxes.length > 0 ? [mirror({ axes: mirrorAxes }) as Transform<unknown>] : []),
    ...(maskChannels.length > 0 ? [nnunetMask(maskChannels) as Transform<unknown>] : []),
    nnunetOutsideToBackground() as Transform<unknown>,
  ];
}

/** What was drawn for one patch; plain JSON. */
export interface AugmentationRecord {
  readonly spatial: NnunetSpatialParameters;
  readonly rest: readonly unknown[];
}

export interface NnunetAugmentation {
  sample(channels: number, rng: Rng): Promise<AugmentationRecord>;
  /** Pure: the same cut and record give the same patch. */
  replay(cut: Cut, record: AugmentationRecord): Promise<Cut>;
  /** Draws and applies: a cut of the initial patch becomes one of the patch. */
  apply(cut: Cut, rng: Rng): Promise<Cut>;
}

/** On a WASM device of one thread everything happens on the calling thread, as one program per patch. */
export function nnunetAugmentation(settings: NnunetAugmentationSettings, device: Device): NnunetAugmentation {
  const { patch } = settings;
  if (!patch.every((n) => Number.isInteger(n) && n > 0))
    throw new TransformError(`nnunetAugmentation: patch is three positive whole numbers, came [${patch.join(', ')}].`, {
      patch,
    });
  const more = settings.recipe === 'da5';
  const spatial = nnunetSpatial(more ? { ...da5Spatial, ...settings } : settings);
  const rest = more ? da5Steps(settings) : nnunetIntensityAugmentation(settings);
  const sample = async (channels: number, rng: Rng): Promise<AugmentationRecord> => {
    const images = { grid: alignedGrid(patch), voxels: { shape: [channels, ...patch] } };
    const scene = { id: '', images } as unknown as Scene;
    const drawn: unknown[] = [];
    for (const [k, step] of rest.entries()) drawn.push(await step.sample(scene, rng.split(`${k + 1} ${step.name}`)));
    return { spatial: await spatial.sample(scene, rng.split('0 spatial')), rest: drawn };
  };
  const replay = async (cut: Cut, record: AugmentationRecord): Promise<Cut> => {
    const [images, labels] = place(cut, record.spatial, device);
    let scene: Scene = { id: '', images, labels };
    // Everything but the end result is a temporary: of one program, unless a step passes through the host.
    const goOn = (next: Scene): void => {
      if (scene.images.voxels !== next.images.voxels) scene.images.voxels.dispose();
      if (scene.labels!.voxels !== next.labels!.voxels) scene.labels!.voxels.dispose();
      scene = next;
    };
    goOn(nnunetSpatialApplication.apply(scene, needed(cut.shape, record.spatial).parameters));
    for (const [k, step] of rest.entries()) {
      const next = step.apply(scene, record.rest[k]);
      // Awaiting what is there already would let others on the device cut the program in two.
      goOn(next instanceof Promise ? await next : next);
    }
    const image = (await scene.images.voxels.read()) as Float32Array;
    const labelsRead = await scene.labels!.voxels.read();
    scene.images.voxels.dispose();
    scene.labels!.voxels.dispose();
    return { shape: patch, image, labels: Int16Array.from(labelsRead) };
  };
  return {
    sample,
    replay,
    apply: async (cut, rng) => replay(cut, await sample(cut.image.length / voxelsOf(cut.shape), rng)),
  };
}

const voxelsOf = (shape: PerAxis): number => shape[0] * shape[1] * shape[2];

interface Needed {
  readonly start: PerAxis;
  readonly shape: PerAxis;
  readonly parameters: NnunetSpatialParameters;
}

/** The part of the cut that the spatial step reads, and the step as seen from there. */
function needed(shape: PerAxis, spatial: NnunetSpatialParameters): Needed {
  const { patch, rotation } = spatial;
  const box = rotation
    ? boxOf(aboutCenters(rotation, shape, patch), patch)
    : cropStart(shape, patch).map((s, axis) => [s, s + patch[axis]!] as const);
  const start = shape.map((n, axis) => Math.min(n - 1, Math.max(0, box[axis]![0]))) as unknown as PerAxis;
  const end = shape.map((n, axis) => Math.min(n, Math.max(start[axis]! + 1, box[axis]![1])));
  const size = end.map((e, axis) => e - start[axis]!) as unknown as PerAxis;
  return { start, shape: size, parameters: { ...spatial, part: { whole: shape, start } } };
}

/** First and past-the-last input index that any output voxel reads. */
function boxOf(matrix: readonly number[], patch: PerAxis): (readonly [number, number])[] {
  return [0, 1, 2].map((row) => {
    let low = matrix[row * 4 + 3]!;
    let high = low;
    for (let axis = 0; axis < 3; axis++) {
      const reach = matrix[row * 4 + axis]! * (patch[axis]! - 1);
      if (reach < 0) low += reach;
      else high += reach;
    }
    // One more on either side against rounding.
    return [Math.floor(low) - 1, Math.ceil(high) + 2];
  });
}

function place(
  cut: Cut,
  spatial: NnunetSpatialParameters,
  device: Device,
): [Scene['images'], NonNullable<Scene['labels']>] {
  const { start, shape } = needed(cut.shape, spatial);
  const voxels = voxelsOf(cut.shape);
  const channels = cut.image.length / voxels;
  const labelChannels = cut.labels.length / voxels;
  const grid = alignedGrid(shape);
  const image = copyBox(cut.image, channels, cut.shape, start, shape, new Float32Array(channels * voxelsOf(shape)));
  const labels = copyBox(
    cut.labels,
    labelChannels,
    cut.shape,
    start,
    shape,
    new Int32Array(labelChannels * voxelsOf(shape)),
  );
  const names = (count: number): string[] => Array.from({ length: count }, (_, c) => String(c));
  return [
    { grid, kind: 'intensity', channels: names(channels), voxels: tensor(device, image, [channels, ...shape]) },
    { grid, kind: 'labels', channels: names(labelChannels), voxels: tensor(device, labels, [labelChannels, ...shape]) },
  ];
}

function copyBox<T extends Float32Array | Int32Array>(
  from: Float32Array | Int16Array,
  channels: number,
  whole: PerAxis,
  start: PerAxis,
  shape: PerAxis,
  to: T,
): T {
  let at = 0;
  for (let c = 0; c < channels; c++)
    for (let z = 0; z < shape[0]; z++)
      for (let y = 0; y < shape[1]; y++, at += shape[2]) {
        const row = ((c * whole[0] + start[0] + z) * whole[1] + start[1] + y) * whole[2] + start[2];
        to.set(from.subarray(row, row + shape[2]), at);
      }
  return to;
}
