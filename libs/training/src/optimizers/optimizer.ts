/** An optimizer is a value: it holds its own state per parameter and changes the parameters in place, on the device. */
import { gradientNorm, tensor, zeros, type Device, type Tensor } from '@voxelwise/compute';
import { tensorsOf, type Checkpoint } from '../experiment/checkpoint.ts';
import type { OptimizerSettings } from '../recipes/training-settings.ts';
import { adamwUpdate } from './adamw.ts';
import { adanUpdate } from './adan.ts';
import { sgdUpdate } from './sgd.ts';

export interface StepNumbers {
  /** The learning rate. */
  readonly rate: number;
  /** From 1. */
  readonly step: number;
  /** Greatest norm of the whole gradient. */
  readonly clipNorm: number;
}

export interface Optimizer {
  /** State tensors by name, `<kind>.<parameter>`, to be saved and restored. */
  readonly state: ReadonlyMap<string, Tensor>;
  /**
   * One step. `gradients[k]` belongs to the k-th parameter; a parameter without one stays as it is, decay included.
   * Returns the norm of the gradient before clipping.
   */
  apply(gradients: readonly (Tensor | undefined)[], numbers: StepNumbers): Tensor;
}

/** How one kind of optimizer changes one parameter. */
export interface Update {
  /** State kept per parameter: `velocity`, … */
  readonly kinds: readonly string[];
  apply(
    parameter: Tensor,
    gradient: Tensor,
    state: readonly Tensor[],
    shared: { readonly rate: Tensor; readonly scale: Tensor; readonly step: Tensor },
  ): void;
}

function updateOf(settings: OptimizerSettings): Update {
  switch (settings.name) {
    case 'sgd':
      return sgdUpdate(settings);
    case 'adamw':
      return adamwUpdate(settings);
    case 'adan':
      return adanUpdate(settings);
  }
}

/** `parameters`: name → tensor, in a fixed order. `saved`: goes on from a checkpoint's state. */
export function makeOptimizer(
  device: Device,
  settings: OptimizerSettings,
  parameters: ReadonlyMap<string, Tensor>,
  saved?: Checkpoint,
): Optimizer {
  const update = updateOf(settings);
  const state = new Map<string, Tensor>();
  for (const kind of update.kinds) {
    const before = saved && tensorsOf(saved, kind);
    for (const [name, parameter] of parameters) {
      const array = before?.get(name);
      state.set(
        `${kind}.${name}`,
        array ? tensor(device, array.data as Float32Array, parameter.shape) : zeros(device, parameter.shape),
      );
    }
  }
  return {
    state,
    apply: (gradients, { rate, step, clipNorm }) => {
      const given = gradients.filter((gradient) => gradient !== undefined);
      const [norm, scale] = gradientNorm(Object.fromEntries(given.map((gradient, k) => [`g${k}`, gradient])), {
        limit: clipNorm,
      });
      const shared = { scale, rate: tensor(device, [rate], []), step: tensor(device, [step], []) };
      [...parameters].forEach(([name, parameter], k) => {
        const gradient = gradients[k];
        if (gradient === undefined) return;
        const own = update.kinds.map((kind) => state.get(`${kind}.${name}`)!);
        update.apply(parameter, gradient, own, shared);
      });
      return norm;
    },
  };
}
