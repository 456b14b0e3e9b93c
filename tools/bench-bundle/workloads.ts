/**
 * The GPU bench's workloads, made of the libraries as users get them. A: PlainConvUNet in 3D, patch 40×56×40, batch 2.
 * B: single 3×3×3 convolutions and their gradients. C: PlainConvUNet in 2D, 512×512, batch 12.
 */
import {
  conv,
  convInputGradient,
  convWeightGradient,
  diceCrossEntropy,
  gradientNorm,
  mul,
  Philox,
  scope,
  sgd,
  sizeOf,
  tensor,
  valueAndGradients,
  zeros,
  add,
  scaleOffset,
  type Device,
  type Tensor,
} from '@voxelwise/compute';
import { buildNetwork, disposeWeights, initialize, parametersOf, type NetworkConfig } from '@voxelwise/nets';

export interface UNetSize {
  readonly features: readonly number[];
  readonly patch: readonly number[];
  readonly batch: number;
  readonly classes: number;
}

export interface Sizes {
  readonly A: UNetSize;
  /** Channels and edge of each layer. */
  readonly B: readonly (readonly [number, number])[];
  readonly C: UNetSize;
}

export const FULL: Sizes = {
  A: { features: [32, 64, 128, 256], patch: [40, 56, 40], batch: 2, classes: 3 },
  B: [
    [32, 64],
    [64, 32],
    [128, 16],
  ],
  C: { features: [32, 64, 128, 256, 512, 512, 512, 512], patch: [512, 512], batch: 12, classes: 3 },
};

/** For software adapters: says that it runs, nothing about speed. */
export const TINY: Sizes = {
  A: { features: [4, 8], patch: [4, 4, 4], batch: 1, classes: 2 },
  B: [
    [4, 4],
    [32, 4], // enough channels for subgroup matrices
  ],
  C: { features: [4, 8], patch: [8, 8], batch: 1, classes: 2 },
};

export interface Workload {
  readonly forward: () => Promise<void>;
  readonly step: () => Promise<number>;
  dispose(): void;
}

function plainConfig({ features, patch, classes }: UNetSize): NetworkConfig {
  const all = (n: number): number[] => patch.map(() => n);
  return {
    network: 'PlainConvUNet',
    inputChannels: 1,
    outputChannels: classes,
    featuresPerStage: features,
    kernelSizes: features.map(() => all(3)),
    strides: features.map((_, k) => all(k === 0 ? 1 : 2)),
    encoderDepths: features.map(() => 2),
    decoderDepths: features.slice(1).map(() => 2),
    convolutionBias: true,
    normEpsilon: 1e-5,
    slope: 0.01,
  };
}

/** `lossScale`: keeps gradients that are stored as halves above their smallest number. */
export function unet(device: Device, size: UNetSize, lossScale: number): Workload {
  const network = buildNetwork(plainConfig(size));
  initialize(network, device, { seed: 1 });
  const random = new Philox(2);
  const { patch, batch, classes, features } = size;
  const x = tensor(
    device,
    Float32Array.from({ length: batch * sizeOf(patch) }, () => random.normal()),
    [batch, 1, ...patch],
  );
  const outputs = features.length - 1;
  const targets = Array.from({ length: outputs }, (_, k) => {
    const shape = [batch, 1, ...patch.map((n) => n / 2 ** k)];
    return tensor(
      device,
      Int32Array.from({ length: sizeOf(shape) }, () => random.integer(0, classes)),
      shape,
    );
  });
  // nnU-Net's weights: halved per resolution, the lowest left out.
  const weights = targets.map((_, k) => (k === outputs - 1 && outputs > 1 ? 0 : 0.5 ** k));
  const whole = weights.reduce((sum, weight) => sum + weight, 0);
  const parameters = [...parametersOf(network).values()].map((parameter) => parameter.value);
  const velocities = parameters.map((parameter) => zeros(device, parameter.shape));
  const rate = tensor(device, [0.01], []);
  const unscale = tensor(device, [1 / lossScale], []);
  const loss = (): Tensor => {
    const logits = network.forward(x, { deepSupervision: true }) as readonly Tensor[];
    const parts = logits.flatMap((output, k) =>
      weights[k] === 0
        ? []
        : [
            scaleOffset(
              { x: diceCrossEntropy({ logits: output, target: targets[k]! }) },
              { scale: (lossScale * weights[k]!) / whole },
            ),
          ],
    );
    return parts.reduce((a, b) => add({ a, b }));
  };
  return {
    forward: async () => {
      const logits = scope(() => network.forward(x) as Tensor);
      await device.flush();
      logits.dispose();
    },
    step: async () => {
      const value = scope(() => {
        const { value: scaled, gradients } = valueAndGradients(loss, parameters);
        const reached = parameters.flatMap((weight, k) =>
          gradients[k] === undefined ? [] : [{ weight, velocity: velocities[k]!, gradient: gradients[k] }],
        );
        const [, clip] = gradientNorm(Object.fromEntries(reached.map(({ gradient }, k) => [`g${k}`, gradient])), {
          limit: 12 * lossScale,
        });
        const scale = mul({ a: clip, b: unscale });
        for (const one of reached) sgd({ ...one, rate, scale });
        return scaled;
      });
      const number = (await value.read())[0]! / lossScale;
      value.dispose();
      return number;
    },
    dispose: () => {
      disposeWeights(network);
      for (const made of [x, ...targets, ...velocities, rate, unscale]) made.dispose();
    },
  };
}

export interface Layer {
  readonly forward: () => Promise<void>;
  readonly inputGradient: () => Promise<void>;
  readonly weightGradient: () => Promise<void>;
  dispose(): void;
}

export function layer(device: Device, channels: number, edge: number): Layer {
  const random = new Philox(3);
  const drawn = (shape: readonly number[]): Tensor =>
    tensor(
      device,
      Float32Array.from({ length: sizeOf(shape) }, () => random.normal() * 0.05),
      shape,
    );
  const first = drawn([1, channels, edge, edge, edge]);
  const weight = drawn([channels, channels, 3, 3, 3]);
  // Inside a network the input of a layer is the output of another, as the device stores it.
  const x = conv({ x: first, weight }, { padding: 1 });
  const dy = conv({ x, weight }, { padding: 1 });
  const run = (make: () => Tensor) => async (): Promise<void> => {
    const made = make();
    await device.flush();
    made.dispose();
  };
  return {
    forward: run(() => conv({ x, weight }, { padding: 1 })),
    inputGradient: run(() => convInputGradient({ dy, weight }, { padding: 1, inputSize: [edge, edge, edge] })),
    weightGradient: run(() => convWeightGradient({ x, dy }, { padding: 1, kernel: [3, 3, 3] })),
    dispose: () => {
      for (const made of [first, weight, x, dy]) made.dispose();
    },
  };
}
