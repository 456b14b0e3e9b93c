/**
 * What a network is: an object with a `forward`, whose parameters are found by walking its fields in declaration order.
 * Nobody extends a network; a part is a value in a field.
 */
import { checkpoint, sizeOf, type Shape, type Tensor } from '@voxelwise/compute';
import { WeightsError } from '../errors.ts';

/** How to run a network. */
export interface Forward {
  /** Return logits of every resolution, the full one first, instead of the full one alone. Default false. */
  readonly deepSupervision?: boolean;
  /** Keep only what stages hand on and compute the rest again on the way back: less memory, a third more work. Default false. */
  readonly checkpointing?: boolean;
  /**
   * Batch norm takes the batch's own statistics, as in learning, instead of its running ones, and notes them where a map is
   * given: `moveStatistics` then moves the running ones. Default false.
   */
  readonly ownStatistics?: boolean | BatchStatistics;
}

/** What batch norms saw in one batch: [1, C, 2] mean and 1/sqrt(variance + epsilon), of `count` voxels each. */
export type BatchStatistics = Map<object, { readonly moments: Tensor; readonly count: number }>;

/** Runs one stage of a network, with its inner results kept or not as `how` says. Same bits either way. */
export function runStage<I extends readonly Tensor[]>(
  how: Forward | undefined,
  stage: (...inputs: I) => Tensor,
  inputs: I,
): Tensor {
  return how?.checkpointing ? checkpoint(stage, inputs) : stage(...inputs);
}

/** A network: [N, C, (z,) y, x] in, logits [N, K, (z,) y, x] out. */
export interface Module {
  forward(x: Tensor, how?: Forward): Tensor | readonly Tensor[];
}

/** How a parameter starts: normal with variance 2 / ((1 + slope²) fanIn), or one number everywhere. */
export type Start =
  { readonly heNormal: { readonly fanIn: number; readonly slope: number } } | { readonly constant: number };

/** A tensor that a network keeps, learned unless said otherwise: its shape and start are known when the network is described, its numbers once it is filled. */
export class Parameter {
  readonly shape: Shape;
  readonly start: Start;
  /** False for what is counted rather than learned: the running statistics of batch norm. */
  readonly learned: boolean;
  #value: Tensor | undefined;

  constructor(shape: Shape, start: Start, { learned = true }: { readonly learned?: boolean } = {}) {
    this.shape = shape;
    this.start = start;
    this.learned = learned;
  }

  /** Throws: WeightsError before it was filled (`initialize`, `loadWeights`). */
  get value(): Tensor {
    if (this.#value === undefined)
      throw new WeightsError(
        `A parameter [${this.shape.join(', ')}] has no numbers yet; call initialize or loadWeights on the network first.`,
        { shape: this.shape },
      );
    return this.#value;
  }

  set value(tensor: Tensor) {
    if (tensor.shape.length !== this.shape.length || tensor.shape.some((n, axis) => n !== this.shape[axis]))
      throw new WeightsError(
        `A parameter of shape [${this.shape.join(', ')}] cannot hold a tensor [${tensor.shape.join(', ')}].`,
        { expected: this.shape, came: tensor.shape },
      );
    this.#value = tensor;
  }

  get filled(): boolean {
    return this.#value !== undefined;
  }
}

/** All parameters by name, in declaration order. A name is the path of fields: `encoder.stages.0.blocks.1.conv.weight`. */
export function parametersOf(module: object): ReadonlyMap<string, Parameter> {
  const found = new Map<string, Parameter>();
  walk(module, '', found);
  return found;
}

function walk(node: unknown, path: string, found: Map<string, Parameter>): void {
  if (node === null || typeof node !== 'object') return;
  if (node instanceof Parameter) {
    found.set(path, node);
    return;
  }
  for (const [key, value] of Object.entries(node)) walk(value, path === '' ? key : `${path}.${key}`, found);
}

/** How many numbers a network learns. */
export function parameterCount(module: object): number {
  let count = 0;
  for (const { learned, shape } of parametersOf(module).values()) if (learned) count += sizeOf(shape);
  return count;
}
