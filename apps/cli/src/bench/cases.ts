/** Times what is done to whole images: preprocessing, prediction, reading and writing. */
import { createWasmDevice, Philox, type Device } from '@voxelwise/compute';
import { slidingWindow } from '@voxelwise/inference';
import { decodeVolume, encodeVolume } from '@voxelwise/io';
import { buildNetwork, initialize, parametersOf } from '@voxelwise/nets';
import { preprocess } from '@voxelwise/transforms';
import { alignedGrid, type PerAxis, type Volume } from '@voxelwise/volume';
import { unet } from './peers-workloads.ts';
import { best, type Timing } from './timing.ts';

export interface CaseOptions {
  /** Seconds to spend on each figure. */
  readonly seconds: number;
  /** Divides every spatial size: for a quick look. */
  readonly shrink: number;
}

/** nnU-Net's preprocessing (crop, resample with cubic splines, normalize) of a CT of 256×256×128 with labels. */
export async function timePreprocessing({ seconds, shrink }: CaseOptions): Promise<Record<string, Timing>> {
  const shape = shrunk([128, 256, 256], shrink);
  const device = await createWasmDevice({ threads: 1 });
  const images = phantom(shape, 'intensity');
  const labels = phantom(shape, 'labels');
  const settings = {
    transposeForward: [0, 1, 2],
    spacing: [1.2, 1, 0.7],
    normalizationSchemes: ['CTNormalization'],
    useMaskForNormalization: [false],
    foregroundIntensities: [{ mean: 50, std: 200, percentile_00_5: -400, percentile_99_5: 800 }],
  } as const;
  try {
    return {
      [`preprocess CT ${shape.join('×')}`]: await best(seconds, async () => {
        const { case: done } = await preprocess({ id: 'ct', images, labels }, settings, device);
        await Promise.all([done.images.voxels.read(), done.labels!.voxels.read()]);
        done.images.voxels.dispose();
        done.labels!.voxels.dispose();
      }),
    };
  } finally {
    device.dispose();
  }
}

/** Sliding windows of 64³ over 128³ with a U-Net of 16 to 128 features and 3 classes, without mirroring. */
export async function timePrediction(
  device: Device,
  { seconds, shrink }: CaseOptions,
): Promise<Record<string, Timing>> {
  const network = buildNetwork(unet([16, 32, 64, 128], 3));
  initialize(network, device, { seed: 1 });
  const patch = shrunk([64, 64, 64], shrink);
  const { grid, voxels } = phantom(shrunk([128, 128, 128], shrink), 'intensity');
  const image = { channels: 1, shape: grid.shape, data: Float32Array.from(voxels) };
  const settings = { device, patch, flat: false, outputChannels: 3 };
  const times = {
    [`predict ${grid.shape.join('×')}, windows of ${patch.join('×')}`]: await best(seconds, async () => {
      await slidingWindow([network], image, settings);
    }),
  };
  for (const { value } of parametersOf(network).values()) value.dispose();
  return times;
}

/** A NIfTI of 256×256×128 int16, compressed: writing it, and reading it back. */
export async function timeFiles({ seconds, shrink }: CaseOptions): Promise<Record<string, Timing>> {
  const volume = phantom(shrunk([128, 256, 256], shrink), 'intensity');
  const name = 'phantom.nii.gz';
  const bytes = await encodeVolume(volume, name);
  return {
    'write .nii.gz': await best(seconds, async () => {
      await encodeVolume(volume, name);
    }),
    'read .nii.gz': await best(seconds, async () => {
      await decodeVolume(bytes, { fileName: name });
    }),
  };
}

function shrunk([z, y, x]: PerAxis, shrink: number): PerAxis {
  return [Math.round(z / shrink), Math.round(y / shrink), Math.round(x / shrink)];
}

/** Waves with noise, as int16; or the halves of a ball, as labels 1 and 2. */
function phantom(shape: PerAxis, kind: Volume['kind']): Volume {
  const [nz, ny, nx] = shape;
  const voxels = new Int16Array(nz * ny * nx);
  const random = new Philox(1);
  let at = 0;
  for (let z = 0; z < nz; z++)
    for (let y = 0; y < ny; y++)
      for (let x = 0; x < nx; x++, at++) {
        const [dz, dy, dx] = [z / nz - 0.5, y / ny - 0.5, x / nx - 0.5];
        if (kind === 'labels') voxels[at] = dz * dz + dy * dy + dx * dx < 0.06 ? (dz < 0 ? 1 : 2) : 0;
        else voxels[at] = 500 * (Math.sin(z * 0.1) + Math.cos(y * 0.05) * Math.sin(x * 0.07)) + random.uniform(-20, 20);
      }
  return { grid: alignedGrid(shape, [1.5, 0.8, 0.8]), kind, channels: [kind === 'labels' ? 'labels' : 'CT'], voxels };
}
