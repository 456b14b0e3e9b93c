/** A running average of the weights, on the device. Its noise is lower than the weights', which matters most in short trainings. */
import { lerp, scope, tensor, zeros, type Device, type Tensor } from '@voxelwise/compute';
import { parametersOf } from '@voxelwise/nets';
import { tensorsOf, type Checkpoint } from '../experiment/checkpoint.ts';

/**
 * w' = d · w' + (1 - d) · w after each step, where d rises to `decay`: min(decay, step / (10 + step)).
 * Source: Polyak & Juditsky 1992; a rising decay forgets the start.
 */
export class WeightAverage {
  readonly #device: Device;
  readonly #decay: number;
  readonly #weights: ReadonlyMap<string, Tensor>;
  readonly tensors: ReadonlyMap<string, Tensor>;

  constructor(
    device: Device,
    settings: { readonly decay: number },
    weights: ReadonlyMap<string, Tensor>,
    saved?: Checkpoint,
  ) {
    this.#device = device;
    this.#decay = settings.decay;
    this.#weights = weights;
    const before = saved && tensorsOf(saved, 'average');
    this.tensors = new Map(
      Array.from(weights, ([name, weight]) => {
        const array = before?.get(name);
        return [name, array ? tensor(device, array.data as Float32Array, weight.shape) : zeros(device, weight.shape)];
      }),
    );
  }

  /** `step` counts from 0; the first copies the weights. */
  update(step: number): void {
    const decay = Math.min(this.#decay, step / (10 + step));
    scope(() => {
      const share = tensor(this.#device, [1 - decay], []);
      for (const [name, mean] of this.tensors) lerp({ mean, value: this.#weights.get(name)!, share });
    });
  }

  /** Puts the average into a network; returns what puts the weights back. */
  lend(network: object): () => void {
    const parameters = [...parametersOf(network)];
    for (const [name, parameter] of parameters) parameter.value = this.tensors.get(name)!;
    return () => {
      for (const [name, parameter] of parameters) parameter.value = this.#weights.get(name)!;
    };
  }
}
