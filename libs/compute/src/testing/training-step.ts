/** A U-Net of two resolutions and its training step, to hold devices against each other. */
import { valueAndGradients } from '../autograd/backward.ts';
import type { Device } from '../devices/device.ts';
import { concat, conv, convTranspose, diceCrossEntropy, gradientNorm, instanceNorm, sgd } from '../ops/index.ts';
import { Philox } from '../random/index.ts';
import { scope } from '../tensor/scope.ts';
import { sizeOf, type HostArray, type Shape } from '../tensor/spec.ts';
import { tensor, type Tensor } from '../tensor/tensor.ts';

/** Weights and velocities on the host, in order. */
export type Checkpoint = readonly { readonly shape: Shape; readonly weight: HostArray; readonly velocity: HostArray }[];

export interface Trainer {
  /** One step on the batch of that number; `told` is given its loss. */
  step(number: number, told: (loss: Tensor) => Promise<void>): Promise<void>;
  checkpoint(): Promise<Checkpoint>;
}

const SHAPES: readonly Shape[] = [[4, 1, 3, 3, 3], [8, 4, 3, 3, 3], [8, 4, 2, 2, 2], [3, 8, 1, 1, 1], [3]];

export function fresh(): Checkpoint {
  const random = new Philox(5);
  return SHAPES.map((shape) => ({
    shape,
    weight: Float32Array.from({ length: sizeOf(shape) }, () => (shape.length === 1 ? 0 : random.normal() * 0.3)),
    velocity: new Float32Array(sizeOf(shape)),
  }));
}

/** A U-Net of two resolutions, and its step. */
export function trainer(device: Device, start = fresh()): Trainer {
  const parameters = start.map(({ shape, weight }) => tensor(device, weight, shape));
  const velocities = start.map(({ shape, velocity }) => tensor(device, velocity, shape));
  const [first, down, up, head, bias] = parameters as [Tensor, Tensor, Tensor, Tensor, Tensor];
  const rate = tensor(device, [0.05], []);
  return {
    step: async (number, told) => {
      // A new batch each time, as in training.
      const random = new Philox(100 + number);
      const image = tensor(
        device,
        Float32Array.from({ length: 2 * 96 }, () => random.normal() * 0.3),
        [2, 1, 4, 6, 4],
      );
      const labels = tensor(
        device,
        Int32Array.from({ length: 2 * 96 }, () => random.integer(0, 3)),
        [2, 1, 4, 6, 4],
      );
      const loss = scope(() => {
        const { value, gradients } = valueAndGradients(() => {
          const skip = instanceNorm({ x: conv({ x: image, weight: first }, { padding: 1 }) }, { slope: 0.01 });
          const low = instanceNorm({ x: conv({ x: skip, weight: down }, { padding: 1, stride: 2 }) }, { slope: 0.01 });
          const both = concat({ a: convTranspose({ x: low, weight: up }, { stride: 2 }), b: skip });
          const logits = conv({ x: both, weight: head, bias });
          return diceCrossEntropy({ logits, target: labels }, { batchDice: true });
        }, parameters);
        const named = Object.fromEntries(gradients.map((gradient, k) => [`g${k}`, gradient!]));
        const [, scale] = gradientNorm(named, { limit: 1 });
        parameters.forEach(
          (weight, k) => void sgd({ weight, velocity: velocities[k]!, gradient: gradients[k]!, rate, scale }),
        );
        return value;
      });
      try {
        await told(loss);
      } finally {
        for (const made of [loss, image, labels]) made.dispose();
      }
    },
    checkpoint: () =>
      Promise.all(
        parameters.map(async (parameter, k) => ({
          shape: parameter.shape,
          weight: await parameter.read(),
          velocity: await velocities[k]!.read(),
        })),
      ),
  };
}

export async function lossOf(from: Trainer, number: number): Promise<number> {
  let value = NaN;
  await from.step(number, async (loss) => void (value = (await loss.read())[0]!));
  return value;
}
