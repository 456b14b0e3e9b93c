/**
 * The workloads that are timed beside PyTorch and onnxruntime (tools/peers holds theirs).
 *
 * A: PlainConvUNet 3D, 1 → [32, 64, 128, 256], two convolutions per stage, 3 classes, deep supervision, patch 40×56×40,
 * batch 2: forward, and a whole training step (forward, Dice + cross-entropy, backward, clipping, SGD with momentum).
 * B: single 3×3×3 convolutions: forward, gradient of the input, gradient of the weight.
 * C: PlainConvUNet 2D, 1 → [32, 64, 128, 256, 512, 512, 512, 512], 512², batch 12. Its training step needs more than 4 GiB where all is
 * kept, so WASM holds one sample at a time and computes each twice.
 */
import {
  conv,
  convInputGradient,
  convWeightGradient,
  clipGradients,
  add,
  keep,
  mul,
  scope,
  sgd,
  tensor,
  valueAndGradients,
  zeros,
  diceCrossEntropy,
  type Device,
  type Tensor,
} from '@voxelwise/compute';
import { buildNetwork, initialize, parametersOf, type NetworkConfig } from '@voxelwise/nets';
import { logitsOf, type Checkpointing } from '@voxelwise/training';
import { best, type Timing } from './timing.ts';

export interface NetworkTimes {
  readonly fwd?: Timing;
  readonly step?: Timing;
}

export interface WorkloadTimes {
  readonly A?: NetworkTimes;
  readonly B?: Readonly<Record<string, { readonly fwd: Timing; readonly gradin: Timing; readonly gradw: Timing }>>;
  readonly C?: NetworkTimes;
}

export interface WorkloadOptions {
  /** Seconds to spend on each figure. */
  readonly seconds: number;
  readonly only: readonly string[];
  /** Of the networks. Default both. */
  readonly passes?: readonly ('fwd' | 'step')[];
  /** Divides every spatial size: for a quick look. */
  readonly shrink?: number;
}

const B_SIZES = [
  [32, 64],
  [64, 32],
  [128, 16],
] as const;

export async function timeWorkloads(device: Device, options: WorkloadOptions): Promise<WorkloadTimes> {
  const { only, seconds, shrink = 1 } = options;
  // Whole at every resolution of a U-Net of so many stages.
  const shrunk = (patch: readonly number[], stages: number): readonly number[] => {
    const unit = 2 ** (stages - 1);
    return patch.map((n) => Math.max(1, Math.round(n / shrink / unit)) * unit);
  };
  const networks: Record<'A' | 'C', NetworkWorkload> = {
    A: { config: unet([32, 64, 128, 256], 3), patch: shrunk([40, 56, 40], 4), batch: 2, checkpointing: 'none' },
    C: {
      config: unet([32, 64, 128, 256, 512, 512, 512, 512], 2),
      patch: shrunk([512, 512], 8),
      batch: 12,
      checkpointing: device.kind === 'wasm' ? 'samples' : 'none',
    },
  };
  const B: Record<string, { fwd: Timing; gradin: Timing; gradw: Timing }> = {};
  if (only.includes('B'))
    for (const [channels, size] of B_SIZES)
      B[`c${channels}_s${size}`] = await timeConvolution(device, channels, size / shrink, seconds / 2);
  return {
    ...(only.includes('A') && { A: await timeNetwork(device, networks.A, options) }),
    ...(only.includes('B') && { B }),
    ...(only.includes('C') && { C: await timeNetwork(device, networks.C, options) }),
  };
}

interface NetworkWorkload {
  readonly config: NetworkConfig;
  readonly patch: readonly number[];
  readonly batch: number;
  readonly checkpointing: Checkpointing;
}

/** Two convolutions per stage, stride 2 between stages. */
export function unet(features: readonly number[], dimensions: 2 | 3): NetworkConfig {
  const each = <T>(value: T): T[] => features.map(() => value);
  return {
    network: 'PlainConvUNet',
    inputChannels: 1,
    outputChannels: 3,
    featuresPerStage: features,
    kernelSizes: each(new Array<number>(dimensions).fill(3)),
    strides: features.map((_, k) => new Array<number>(dimensions).fill(k === 0 ? 1 : 2)),
    encoderDepths: each(2),
    decoderDepths: each(2).slice(1),
    convolutionBias: true,
    normEpsilon: 1e-5,
    slope: 0.01,
  };
}

async function timeNetwork(
  device: Device,
  { config, patch, batch, checkpointing }: NetworkWorkload,
  { seconds, passes = ['fwd', 'step'] }: Pick<WorkloadOptions, 'seconds' | 'passes'>,
): Promise<NetworkTimes> {
  const network = buildNetwork(config);
  initialize(network, device, { seed: 1 });
  const parameters = [...parametersOf(network).values()].map((parameter) => parameter.value);
  const velocities = parameters.map((parameter) => zeros(device, parameter.shape));
  const x = pattern(device, [batch, 1, ...patch]);
  const heads = config.featuresPerStage.length - 1;
  const weights = Array.from({ length: heads - 1 }, (_, k) => 0.5 ** k);
  const total = weights.reduce((sum, w) => sum + w, 0);
  const targets = weights.map((_, k) => labels(device, [batch, 1, ...patch.map((n) => n >> k)]));
  const rate = tensor(device, [0.01], []);

  const forward = async (): Promise<void> => {
    const y = scope(() => network.forward(x) as Tensor);
    await device.flush();
    y.dispose();
  };
  const step = async (): Promise<void> => {
    const loss = scope(() => {
      const { value, gradients } = valueAndGradients(() => {
        const logits = logitsOf(network, x, { deepSupervision: true, checkpointing });
        const terms = weights.map((w, k) =>
          mul({ a: diceCrossEntropy({ logits: logits[k]!, target: targets[k]! }), b: tensor(device, [w / total], []) }),
        );
        return terms.reduce((sum, term) => add({ a: sum, b: term }));
      }, parameters);
      // The lowest head has weight 0 and so no gradient: it stays as it is, as in PyTorch.
      const moving = parameters.map((_, k) => k).filter((k) => gradients[k] !== undefined);
      const clipped = clipGradients(
        moving.map((k) => gradients[k]!),
        { norm: 12 },
      );
      moving.forEach((k, at) =>
        sgd({ weight: parameters[k]!, velocity: velocities[k]!, gradient: clipped.gradients[at]!, rate }),
      );
      return value;
    });
    await loss.read();
    loss.dispose();
  };
  const times = {
    ...(passes.includes('fwd') && { fwd: await best(seconds, forward) }),
    ...(passes.includes('step') && { step: await best(seconds, step) }),
  };
  for (const held of [x, ...targets, rate, ...velocities, ...parameters]) held.dispose();
  return times;
}

async function timeConvolution(
  device: Device,
  channels: number,
  size: number,
  seconds: number,
): Promise<{ fwd: Timing; gradin: Timing; gradw: Timing }> {
  const options = { stride: [1, 1, 1], padding: [1, 1, 1] };
  const shape = [1, channels, size, size, size];
  const weight = pattern(device, [channels, channels, 3, 3, 3]);
  // Activations as a network holds them: results of an operation, in the layout that its kernels want.
  const [x, dy] = keep(scope(() => [0, 1].map(() => conv({ x: pattern(device, shape), weight }, options)))) as [
    Tensor,
    Tensor,
  ];
  await device.flush();
  const time = (run: () => Tensor): Promise<Timing> =>
    best(seconds, async () => {
      const y = run();
      await device.flush();
      y.dispose();
    });
  const times = {
    fwd: await time(() => conv({ x, weight }, options)),
    gradin: await time(() => convInputGradient({ dy, weight }, { ...options, inputSize: shape.slice(2) })),
    gradw: await time(() => convWeightGradient({ x, dy }, { ...options, kernel: [3, 3, 3] })),
  };
  for (const held of [x, dy, weight]) held.dispose();
  return times;
}

export function pattern(device: Device, shape: readonly number[]): Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  return tensor(
    device,
    Float32Array.from({ length: size }, (_, k) => Math.sin(k * 1.7)),
    shape,
  );
}

function labels(device: Device, shape: readonly number[]): Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  return tensor(
    device,
    Int32Array.from({ length: size }, (_, k) => (k >> 3) % 3),
    shape,
  );
}
